"""Helpers for the checks that start programs. Loopback only; every wait has a limit."""

import argparse
import json
import re
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families as parse_text

PREFIX = "container_security_"
# Families about the exporter itself; all others with the prefix are about the vendor, and in the oracle.
OWN = re.compile(PREFIX + r"(exporter_|collector_|api_|config_|otlp_|source_info$)")

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TEXT = "text/plain; version=0.0.4"
# The header that Prometheus 3.5 sends; the exporter must select OpenMetrics 1.0.0.
PROMETHEUS_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)

# Ages are computed at scrape time: the oracle's are as old as this check.
LIVE_TOLERANCE_SECONDS = 120.0
WAIT_SECONDS = 60.0

# Loopback must not use a proxy from the environment.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Failed(Exception):
    """A failed check, with one message."""


def get(url, accept="*/*", timeout=20.0):
    """The content type and body of a successful response."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    with OPENER.open(request, timeout=timeout) as answer:
        return answer.headers.get("Content-Type", ""), answer.read().decode("utf-8")


def wait_for(what, ask, pid=None):
    """Asks until the answer is true, for at most WAIT_SECONDS and while the process is alive."""
    deadline = time.monotonic() + WAIT_SECONDS
    last = "no answer"
    while time.monotonic() < deadline:
        try:
            answer = ask()
            if answer:
                return answer
            last = f"the last answer was {answer!r}"
        except (OSError, ValueError) as error:
            last = str(error)
        if pid is not None and ended(pid):
            raise Failed(f"{what}: the process has exited; {last}")
        time.sleep(0.05)
    raise Failed(f"{what}: not within {WAIT_SECONDS:g} s; {last}")


def ended(pid):
    """Whether the process has exited, including a zombie that its parent has not waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def vendor(name):
    return name.startswith(PREFIX) and not OWN.match(name)


def key(labels):
    """A label set as a hashable value. An empty label equals a missing one, as in Prometheus."""
    return tuple(sorted((name, value) for name, value in labels.items() if value != ""))


def read_oracle(path):
    """{(family, labels): (value, live)}"""
    expected = {}
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        row = json.loads(line)
        series = (row["family"], key(row["labels"]))
        if not vendor(series[0]):
            raise Failed(f"{path}:{number}: {series[0]} is not a family about the vendor")
        if series in expected:
            raise Failed(f"{path}:{number}: the oracle has {show(series)} twice")
        expected[series] = (float(row["value"]), bool(row["live"]))
    if not expected:
        raise Failed(f"{path}: the oracle is empty")
    return expected


def show(series):
    name, labels = series
    return name + "{" + ",".join(f'{k}="{v}"' for k, v in labels) + "}"


def hold(what, expected, found, live_tolerance=LIVE_TOLERANCE_SECONDS):
    """Checks that both have the same series and values, within a tolerance for live ones."""
    wrong = [f"missing {show(s)} {expected[s][0]!r}" for s in sorted(expected.keys() - found.keys())]
    wrong += [f"unexpected {show(s)} {found[s]!r}" for s in sorted(found.keys() - expected.keys())]
    for series in sorted(expected.keys() & found.keys()):
        value, live = expected[series]
        tolerance = live_tolerance if live else 0.0
        if not abs(found[series] - value) <= tolerance:
            wrong.append(f"{show(series)} is {found[series]!r}, expected {value!r}")
    if wrong:
        more = [f"… and {len(wrong) - 20} more"] if len(wrong) > 20 else []
        raise Failed("\n  ".join([f"{what}: {len(wrong)} differences", *wrong[:20], *more]))


def samples(families):
    """{(sample name, labels): value} of parsed families; a duplicate series is an error."""
    found = {}
    for family in families:
        for sample in family.samples:
            if sample.name.endswith("_created") and family.type in ("counter", "histogram", "summary"):
                continue
            series = (sample.name, key(sample.labels))
            if series in found:
                raise Failed(f"{show(series)} is duplicated")
            found[series] = sample.value
    return found


def of_vendor(found):
    return {series: value for series, value in found.items() if vendor(series[0])}


def fetch(exporter, accept):
    """/metrics in the requested format, with that Content-Type."""
    kind, body = get(exporter + "/metrics", accept)
    wanted = accept if accept != PROMETHEUS_ACCEPT else OPENMETRICS
    media, version = wanted.split(";")
    parts = [part.strip() for part in kind.split(";")]
    if parts[0] != media or version.strip() not in parts[1:]:
        raise Failed(f"on Accept {accept}, the exporter answered with Content-Type {kind!r}")
    return body


def ports(args):
    """Free ports, all reserved at the same time so that they differ."""
    sockets = [socket.socket() for _ in range(args.count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    print(*(each.getsockname()[1] for each in sockets))


def ready(args):
    """The exporter is ready, each of its collectors has complete data, and the oracle is written."""
    wait_for("/-/ready", lambda: get(args.exporter + "/-/ready"), args.pid)

    def complete():
        found = samples(parse_text(fetch(args.exporter, TEXT)))
        collectors = {s[1]: v for s, v in found.items() if s[0] == PREFIX + "collector_up"}
        done = {s[1]: v for s, v in found.items() if s[0] == PREFIX + "collector_complete"}
        full = collectors and all(collectors[c] == 1 and done.get(c) == 1 for c in collectors)
        return len(collectors) if full else 0

    collectors = wait_for("all collectors up and complete", complete, args.pid)
    written = Path(args.oracle)
    series = wait_for("the oracle", lambda: written.stat().st_size and len(read_oracle(written)), args.pid)
    print(f"  ready: {collectors} collectors complete, the oracle expects {series} series")


def api(prometheus, path, **query):
    url = f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    answer = json.loads(get(url, "application/json")[1])
    if answer["status"] != "success" or answer.get("warnings"):
        raise Failed(f"{url}: {answer}")
    return answer["data"]


def answer(description, *questions):
    """Runs the check that the command line names, of those given as (function, required options, other options)."""
    parser = argparse.ArgumentParser(description=description)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("ports", help=ports.__doc__)
    command.add_argument("count", type=int)
    command.set_defaults(run=ports)
    for run, options, others in ((ready, ["exporter", "oracle"], []), *questions):
        command = commands.add_parser(run.__name__, help=run.__doc__)
        command.add_argument("--pid", type=int)
        for option in options + others:
            command.add_argument("--" + option, required=option in options)
        command.set_defaults(run=run)
    args = parser.parse_args()
    try:
        args.run(args)
    except (Failed, urllib.error.URLError, TimeoutError) as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0
