"""What .ci/alerts has beside the real programs: a vendor that misbehaves when told to, a webhook that keeps what it is sent,
and the questions. Loopback only; every wait has an end."""

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WAIT_SECONDS = 60.0

# Loopback has no business with a proxy of the environment.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    """Something is not as it must be, in one message."""


def get(url):
    with OPENER.open(url, timeout=10) as answer:
        return answer.read().decode()


def wait_for(what, ask):
    """Asks until there is an answer, for at most WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    last = None
    while time.monotonic() < deadline:
        try:
            answer, last = ask()
            if answer:
                return answer
        except (OSError, ValueError) as error:
            last = error
        time.sleep(0.2)
    raise Failed(f"{what}: not within {WAIT_SECONDS:g} s; the last was {last}")


def serve(port, handler):
    ThreadingHTTPServer(("127.0.0.1", port), handler).serve_forever()


def vendor(args):
    """Hands everything on to the simulated vendor. What the file says is done to the answers: "pass" nothing, "calm" takes the
    risk out of them, "break" answers 500 instead."""

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
            """The exporter tells of what it asks."""

    serve(args.port, Vendor)


def webhook(args):
    """Keeps every alert that it is sent: one line of JSON each, with the receiver that its path names."""

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
            """What came is in the file."""

    serve(args.port, Webhook)


def arrived(args):
    """The webhook was sent this alert, by this receiver, with exactly these labels, since the line that was last looked at."""
    mark = Path(args.save + ".mark")
    begin = int(mark.read_text()) if mark.exists() and args.after else 0
    labels = dict(label.split("=", 1) for label in args.labels)

    def ask():
        lines = Path(args.save).read_text().splitlines() if Path(args.save).exists() else []
        sent = [json.loads(line) for line in lines]
        for number, alert in enumerate(sent):
            if number >= begin and (alert["receiver"], alert["status"]) == (args.receiver, args.status) and alert["labels"] == labels:
                mark.write_text(str(number + 1))
                return alert, None
        return None, [(a["receiver"], a["status"], a["labels"]) for a in sent[-3:]]

    alert = wait_for(f"{labels} is {args.status}, told to {args.receiver}", ask)
    if args.status == "firing":
        page = alert["annotations"]["runbook_url"].rsplit("/", 1)[1]
        if not (Path(__file__).parent.parent / "docs" / "runbooks" / page).exists():
            raise Failed(f"{page} is no runbook")
        if args.says and not re.search(args.says, alert["annotations"]["description"]):
            raise Failed(f"the description does not say {args.says!r}: {alert['annotations']['description']}")
    print(f"  {args.status} at {args.receiver}: {' '.join(args.labels)}")


def firing(prometheus):
    """The alerts that fire, by name; ours carry the prefix."""
    query = urllib.parse.quote('ALERTS{alertstate="firing"}')
    rows = json.loads(get(f"{prometheus}/api/v1/query?query={query}"))["data"]["result"]
    return sorted(row["metric"]["alertname"].removeprefix("ContainerSecurity") for row in rows)


def only(args):
    """Just these alerts fire, each of them once."""
    wanted = sorted(args.alerts)
    wait_for(f"firing {wanted}", lambda: ((found := firing(args.prometheus)) == wanted, found))
    print(f"  fire, and no others: {' '.join(wanted) or 'none'}")


def healthy(args):
    """Every rule was evaluated, and none with an error."""
    groups = json.loads(get(f"{args.prometheus}/api/v1/rules"))["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    if bad := {rule["name"]: rule.get("lastError", rule["health"]) for rule in rules if rule["health"] != "ok"}:
        raise Failed(f"rules that cannot be evaluated: {bad}")
    if not rules:
        raise Failed("Prometheus knows no rules")
    print(f"  {len(rules)} rules in {len(groups)} groups are evaluated without an error")


def inhibited(args):
    """Alertmanager holds this alert back because of that one."""

    def ask():
        alerts = json.loads(get(f"{args.alertmanager}/api/v2/alerts"))
        by = {alert["fingerprint"]: alert["labels"]["alertname"] for alert in alerts}
        held = {alert["labels"]["alertname"]: [by.get(f) for f in alert["status"]["inhibitedBy"]] for alert in alerts}
        return held.get(args.alert) == [args.by], held

    wait_for(f"{args.alert} is inhibited by {args.by}", ask)
    print(f"  inhibited: {args.alert} by {args.by}")


def series(args):
    """The sum of a family's samples with these labels, as the exporter shows it."""
    wanted = [f'{key}="{value}"' for key, value in (label.split("=", 1) for label in args.labels)]

    def ask():
        lines = [line for line in get(f"{args.exporter}/metrics").splitlines() if line.startswith(args.family + "{")]
        values = [float(line.rsplit(" ", 1)[1]) for line in lines if all(label in line for label in wanted)]
        return ([sum(values)], None) if values else (None, "no such series")

    print(f"{wait_for(f'{args.family} {wanted}', ask)[0]:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(run):
        added = commands.add_parser(run.__name__, help=run.__doc__)
        added.set_defaults(run=run)
        return added

    each = command(vendor)
    for option in ("upstream", "mode"):
        each.add_argument("--" + option, required=True)
    each.add_argument("--port", type=int, required=True)
    each = command(webhook)
    each.add_argument("--save", required=True)
    each.add_argument("--port", type=int, required=True)
    each = command(arrived)
    for option in ("save", "receiver", "status"):
        each.add_argument("--" + option, required=True)
    each.add_argument("--says")
    each.add_argument("--after", action="store_true", help="only what came after the alert that was found last")
    each.add_argument("labels", nargs="+")
    each = command(only)
    each.add_argument("--prometheus", required=True)
    each.add_argument("alerts", nargs="*")
    command(healthy).add_argument("--prometheus", required=True)
    each = command(inhibited)
    for option in ("alertmanager", "alert", "by"):
        each.add_argument("--" + option, required=True)
    each = command(series)
    each.add_argument("--exporter", required=True)
    each.add_argument("family")
    each.add_argument("labels", nargs="*")
    args = parser.parse_args()
    try:
        args.run(args)
    except (Failed, urllib.error.URLError, TimeoutError) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
