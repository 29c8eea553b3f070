"""The parts of .ci/alerts that are not real programs: a vendor that misbehaves on demand, a webhook that records its
requests, and the checks. Loopback only; every wait has a limit."""

import json
import re
import signal
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from asking import OPENER, TEXT, Failed, answer, api, fetch, get, samples, wait_for
from prometheus_client.parser import text_string_to_metric_families as parse_text

OURS = "ContainerSecurity"


def serve(port, handler):
    """Serves until SIGTERM, which is a regular exit."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(("127.0.0.1", int(port)), handler).serve_forever()


def vendor(args):
    """Forwards requests to the simulated vendor. The mode file changes the responses: "pass" does not, "calm" removes
    the risk from them, "break" answers 500 instead."""

    class Vendor(BaseHTTPRequestHandler):
        def answer(self):
            mode = Path(args.mode).read_text().strip()
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if mode == "break":
                return self.reply(500, [], b"")
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("accept-encoding", "connection", "host")}
            request = urllib.request.Request(args.upstream + self.path, body or None, headers, method=self.command)
            try:
                with OPENER.open(request, timeout=20) as answer:
                    status, kept, body = answer.status, answer.headers.items(), answer.read()
            except urllib.error.HTTPError as error:
                status, kept, body = error.code, error.headers.items(), error.read()
            if mode == "calm":
                body = re.sub(rb'"riskScore":\s*"?[0-9.]+"?', b'"riskScore":100', body)
            own = f"http://127.0.0.1:{args.port}"
            kept = [(k, v.replace(args.upstream, own)) for k, v in kept]
            return self.reply(status, kept, body)

        def reply(self, status, headers, body):
            self.send_response(status)
            for key, value in headers:
                if key.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_):
            """Does nothing: the exporter logs its requests."""

    serve(args.port, Vendor)


def webhook(args):
    """Records every alert that it receives: one line of JSON each, with the receiver in its path."""

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with Path(args.save).open("a") as file:
                for alert in sent["alerts"]:
                    file.write(json.dumps({"receiver": self.path.strip("/"), **alert}) + "\n")
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Does nothing: the file has every alert."""

    serve(args.port, Webhook)


def pairs(labels):
    return dict(label.split("=", 1) for label in labels.split())


def arrived(args):
    """The webhook received this alert, for this receiver, with exactly these labels, after the first SINCE alerts."""
    wanted = (args.receiver, args.status, pairs(args.labels))

    def found():
        lines = Path(args.save).read_text().splitlines()
        sent = [json.loads(line) for line in lines]
        for alert in sent[int(args.since) :]:
            if (alert["receiver"], alert["status"], alert["labels"]) == wanted:
                return alert
        raise ValueError(f"the last alerts were {[(a['receiver'], a['status'], a['labels']) for a in sent[-3:]]}")

    alert = wait_for(f"{args.labels} {args.status}, sent to {args.receiver}", found)
    said = alert["annotations"]
    if not (Path(__file__).parent.parent / "docs" / "runbooks" / said["runbook_url"].rsplit("/", 1)[1]).exists():
        raise Failed(f"the runbook {said['runbook_url']} does not exist")
    if args.says and not re.search(args.says, said["description"]):
        raise Failed(f"the description does not contain {args.says!r}: {said['description']}")
    print(f"  {args.status} at {args.receiver}: {args.labels}")


def only(args):
    """Only these alerts fire, each of them once."""
    wanted = sorted(OURS + name for name in args.alerts.split())

    def firing():
        rows = api(args.prometheus, "query", query='ALERTS{alertstate="firing"}')["result"]
        found = sorted(row["metric"]["alertname"] for row in rows)
        if found != wanted:
            raise ValueError(f"firing alerts are {found}")
        return True

    wait_for(f"only {wanted} firing", firing)
    print(f"  firing, and no others: {args.alerts}")


def healthy(args):
    """Every rule was evaluated without an error."""
    groups = api(args.prometheus, "rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    if bad := {rule["name"]: rule.get("lastError", rule["health"]) for rule in rules if rule["health"] != "ok"}:
        raise Failed(f"rules with evaluation errors: {bad}")
    if not rules:
        raise Failed("Prometheus has not loaded any rules")
    print(f"  {len(rules)} rules in {len(groups)} groups are evaluated without an error")


def inhibited(args):
    """Alertmanager inhibits this alert because of that one, and nothing else."""

    def held():
        alerts = json.loads(get(f"{args.alertmanager}/api/v2/alerts")[1])
        names = {alert["fingerprint"]: alert["labels"]["alertname"] for alert in alerts}
        by = {alert["labels"]["alertname"]: [names[f] for f in alert["status"]["inhibitedBy"]] for alert in alerts}
        if {name: causes for name, causes in by.items() if causes} != {OURS + args.alert: [OURS + args.by]}:
            raise ValueError(f"inhibited alerts are {by}")
        return True

    wait_for(f"{args.alert} inhibited by {args.by}", held)
    print(f"  inhibited: {args.alert} by {args.by}")


def total(args):
    """The sum of the samples of a family with these labels, as the exporter shows them."""
    labels = pairs(args.labels).items()

    def found():
        shown = samples(parse_text(fetch(args.exporter, TEXT)))
        return [value for (name, its), value in shown.items() if name == args.family and labels <= dict(its).items()]

    print(f"{sum(wait_for(f'{args.family} {args.labels}', found)):.0f}")


if __name__ == "__main__":
    sys.exit(
        answer(
            __doc__,
            (vendor, ["port", "upstream", "mode"], []),
            (webhook, ["port", "save"], []),
            (arrived, ["save", "receiver", "status", "labels", "since"], ["says"]),
            (only, ["prometheus", "alerts"], []),
            (healthy, ["prometheus"], []),
            (inhibited, ["alertmanager", "alert", "by"], []),
            (total, ["exporter", "family", "labels"], []),
        )
    )
