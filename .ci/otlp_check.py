"""The checks of .ci/otlp on the exporters, Prometheus and VictoriaMetrics. Every wait has a limit."""

import json
import re
import socket
import sys
import time
import urllib.parse
from bisect import bisect_right
from pathlib import Path

from asking import PREFIX, TEXT, Failed, answer, api, fetch, get, hold, key, of_vendor, read_oracle, samples, show, wait_for
from prometheus_client.parser import text_string_to_metric_families as parse_text

NAME = "container-security-exporter"
# Families that change when they are read: they only have to exist.
RESTLESS = {
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_threads",
    "process_virtual_memory_bytes",
}
# VictoriaMetrics stores integers exactly, and other numbers with this precision.
PRECISION = 1e-11
# Longer than the way from the exporter through a second receiver into the store.
ARRIVAL_SECONDS = 30.0
SCRAPE_SECONDS = 2.0


def listening(args):
    """The port accepts connections."""

    def connect():
        with socket.create_connection(("127.0.0.1", int(args.port)), timeout=1):
            return True

    wait_for(f"port {args.port}", connect, args.pid)


def changed(args):
    """The oracle has changed, series have disappeared, and the exporter matches the oracle."""

    def changes():
        before, now = read_oracle(args.before), read_oracle(args.oracle)
        return len(before.keys() - now.keys())

    gone = wait_for("the oracle changes, and series disappear", changes, args.pid)
    deadline = time.monotonic() + 150
    while True:
        try:
            shown = samples(parse_text(fetch(args.exporter, TEXT)))
            hold("/metrics against the oracle", read_oracle(args.oracle), of_vendor(shown))
            break
        except Failed:
            if time.monotonic() > deadline:
                raise
        time.sleep(3)
    print(f"  changed: {gone} series must disappear")


def named(labels):
    """A series under a common name. Bounds are numbers: Prometheus writes 1.0 where VictoriaMetrics writes 1."""
    labels = dict(labels)
    name = labels.pop("__name__")
    if "le" in labels:
        labels["le"] = repr(float(labels["le"]))
    return name, key(labels)


class Route:
    """One exporter, as seen by pushes and by scrapes."""

    def __init__(self, args):
        self.args = args
        self.instance = f"{socket.gethostname()}:{urllib.parse.urlsplit(args.exporter).port}"

    def exported(self, match, start, end):
        """{series: {milliseconds: value}} from VictoriaMetrics; None is a stale marker."""
        get(self.args.store + "/internal/force_flush")
        selector = "{" + ",".join([f'service_instance_id="{self.instance}"', *match]) + "}"
        query = urllib.parse.urlencode({"match[]": selector, "start": start / 1000, "end": end / 1000})
        found = {}
        for line in get(f"{self.args.store}/api/v1/export?{query}", timeout=60)[1].splitlines():
            row = json.loads(line)
            labels = row["metric"]
            own = {name: labels.pop(name, "") for name in list(labels) if name.startswith(("service_", "scope_"))}
            if (own.get("service_name"), own.get("scope_name"), len(own)) != (NAME, NAME, 5):
                raise Failed(f"a series has the resource or scope {own}")
            series = named(labels)
            if series in found:
                raise Failed(f"VictoriaMetrics has {show(series)} twice")
            found[series] = dict(zip(row["timestamps"], row["values"], strict=True))
        return found

    def scraped(self, at):
        """{series: {milliseconds: value}} of the scrapes around a moment."""
        end = at / 1000 + 2 * SCRAPE_SECONDS
        selector = f'{{job="{self.args.route}",__name__!~"up|scrape_.+"}}[{int(4 * SCRAPE_SECONDS)}s]'
        rows = api(self.args.prometheus, "query", query=selector, time=f"{end:.3f}")["result"]
        found = {}
        for row in rows:
            labels = {k: v for k, v in row["metric"].items() if k not in ("job", "instance")}
            found[named(labels)] = {round(time * 1000): float(value) for time, value in row["values"]}
        return found

    def pushes(self, since):
        """The times of the pushes that have begun to arrive since then."""
        sentinel = self.exported(['__name__="process_start_time_seconds"'], since, time.time() * 1000)
        return sorted(moment for times in sentinel.values() for moment in times)

    def calm_push(self, since):
        """A push between two scrapes with the same series, and those scrapes."""
        tried = set()

        def calm():
            for at in self.pushes(since):
                # The scrape after it must have happened.
                if at in tried or time.time() * 1000 < at + 2.5 * SCRAPE_SECONDS * 1000:
                    continue
                tried.add(at)
                scraped = self.scraped(at)
                moments = sorted({moment for times in scraped.values() for moment in times})
                after = bisect_right(moments, at)
                if not 0 < after < len(moments):
                    continue
                first, second = (
                    {series: times[moment] for series, times in scraped.items() if moment in times}
                    for moment in moments[after - 1 : after + 1]
                )
                if first.keys() == second.keys():
                    return at, first, second
            time.sleep(0.5)
            return None

        return wait_for("a push between two scrapes of the same series", calm, self.args.pid)


def between(value, low, high):
    slack = 0.0 if low.is_integer() and high.is_integer() else PRECISION * abs(value)
    return low - slack <= value <= high + slack


def differences(first, second, pushed):
    """The values of a push that are not between those of the two scrapes."""
    wrong = [f"not pushed {show(series)}" for series in first.keys() - pushed.keys()]
    wrong += [f"pushed alone {show(series)}" for series in pushed.keys() - first.keys()]
    for series in first.keys() & pushed.keys():
        low, high = sorted((first[series], second[series]))
        if series[0] not in RESTLESS and not between(pushed[series], low, high):
            wrong.append(f"{show(series)} is pushed as {pushed[series]!r}, and scraped as {low!r} and {high!r}")
    return sorted(wrong)


def routed(args):
    """A push has exactly the series of the scrapes just before and after it, with values between theirs; families
    have the type, unit and help of the reference; series that disappear are marked stale, once and at once."""
    route, before = Route(args), outcomes(args)
    at, first, second = route.calm_push(time.time() * 1000)
    # The oracle's ages are as old as its file.
    since = time.time() - Path(args.oracle).stat().st_mtime
    hold("Prometheus against the oracle", read_oracle(args.oracle), of_vendor(first), since + SCRAPE_SECONDS)

    deadline = time.monotonic() + ARRIVAL_SECONDS
    while True:
        pushed = {series: times[at] for series, times in route.exported([], at, at).items() if at in times}
        wrong = differences(first, second, {series: value for series, value in pushed.items() if value is not None})
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(1)
    if wrong:
        more = [f"… and {len(wrong) - 20} more"] if len(wrong) > 20 else []
        raise Failed("\n  ".join([f"{args.route} against scrapes: {len(wrong)} differences", *wrong[:20], *more]))

    described(args, {series[0] for series in pushed})
    gone = ended_at_once(route, args, at) if args.before else 0
    pushes = sound(args, before)
    requests = divided(args)
    same = sum(first[series] == second[series] for series in first)
    print(
        f"  {args.route}: {len(pushed)} series of a push match the scrapes, {same} exactly, the others between two "
        f"scrapes; {gone} ended with one stale marker each; {pushes} pushes meanwhile, {requests:g} requests so far"
    )


def described(args, names):
    """Every family that arrived has the type, unit and help of the reference."""
    row = re.compile(r"\| `(\w+)` \| (gauge|counter|histogram) \| (?:`([^`]+)`)? ?\| .* \| (.+?)\.? \|$", re.MULTILINE)
    reference = {name: (kind, unit, text) for name, kind, unit, text in row.findall(Path(args.reference).read_text())}
    metadata = json.loads(get(args.store + "/api/v1/metadata?limit=10000")[1])["data"]
    families = {re.sub("_(bucket|sum|count)$", "", name) if name not in reference else name for name in names}
    wrong = [f"{name} is not in the reference" for name in sorted(families - reference.keys())]
    for name in sorted(families & reference.keys()):
        rows = {tuple(row.get(each, "") for each in ("type", "unit", "help")) for row in metadata.get(name, [])}
        kind, unit, text = reference[name]
        if {(kind, unit) for kind, unit, _ in rows} != {(kind, unit)} or not all(text.startswith(row[2]) for row in rows):
            wrong.append(f"{name} is {sorted(rows)}, expected {(kind, unit, text)}")
    if wrong:
        raise Failed("\n  ".join(["families are not described as in the reference:", *wrong[:20]]))


def ended_at_once(route, args, at):
    """Series that disappeared from the oracle ended with one stale marker, in the first push without them, and were in
    each push before. Returns their number."""
    vanished = read_oracle(args.before).keys() - read_oracle(args.oracle).keys()
    # Some pushes before the change, which is when the oracle was written.
    since = Path(args.oracle).stat().st_mtime * 1000 - 30_000
    families = "|".join(sorted({series[0] for series in vanished}))
    history = route.exported([f'__name__=~"{families}"'], since, at)
    pushes = [moment for moment in route.pushes(since) if moment <= at]
    for series in sorted(vanished):
        times = history.get(series)
        if not times:
            raise Failed(f"{show(series)} was expected before, and never arrived")
        *values, last = (times[moment] for moment in sorted(times))
        if last is not None or None in values:
            raise Failed(f"{show(series)} has disappeared, and its last values are {[*values, last][-5:]}")
        lasted = sorted(times)
        missed = [moment for moment in pushes if lasted[0] < moment < lasted[-1] and moment not in times]
        if missed:
            raise Failed(f"{show(series)} was missing from the pushes at {missed}, and was marked stale late")
    return len(vanished)


def outcomes(args):
    """The outcomes of pushes so far, and the lost points."""
    counted = (PREFIX + "otlp_exports_total{", PREFIX + "otlp_lost_points_total{")
    lines = [line for line in fetch(args.exporter, TEXT).splitlines(keepends=True) if line.startswith(counted)]
    return {show(series): value for series, value in samples(parse_text("".join(lines))).items()}


def sound(args, before):
    """Every push since then succeeded, and no point was lost. Returns the number of pushes."""
    now = outcomes(args)
    grown = {series: now[series] - before[series] for series in now if now[series] != before[series]}
    pushes = grown.pop(show((PREFIX + "otlp_exports_total", (("outcome", "success"),))), 0)
    if not pushes or grown:
        raise Failed(f"{pushes:g} pushes succeeded; other outcomes: {grown}")
    return f"{pushes:g}"


def divided(args):
    """VictoriaMetrics did not refuse samples, and pushes were split. Returns the number of its requests."""
    own = samples(parse_text(get(args.store + "/metrics", TEXT)[1]))
    refused = {show(series): n for series, n in own.items() if re.match("vm_rows_(invalid|ignored)_total", series[0]) and n}
    if refused:
        raise Failed(f"VictoriaMetrics refused samples: {refused}")
    path = ("path", "/opentelemetry/v1/metrics")
    requests = sum(n for (name, labels), n in own.items() if name == "vm_http_requests_total" and path in labels)
    successes = sum(n for series, n in outcomes(args).items() if 'outcome="success"' in series)
    # Both exporters push about equally often.
    if requests < 4 * successes:
        raise Failed(f"{requests:g} requests for {successes:g} pushes: they were not split")
    return requests


if __name__ == "__main__":
    sys.exit(
        answer(
            __doc__,
            (listening, ["port"], []),
            (changed, ["exporter", "oracle", "before"], []),
            (routed, ["exporter", "oracle", "prometheus", "store", "route", "reference"], ["before"]),
        )
    )
