"""The checks of .ci/prometheus on the exporter and Prometheus. Loopback only; every wait has a limit."""

import re
import sys
from collections import Counter
from pathlib import Path

from asking import (
    OPENMETRICS,
    PREFIX,
    PROMETHEUS_ACCEPT,
    TEXT,
    Failed,
    answer,
    api,
    fetch,
    get,
    hold,
    key,
    of_vendor,
    read_oracle,
    samples,
    show,
    vendor,
    wait_for,
)
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text


def parsed(format_name, parse, body):
    try:
        return list(parse(body))
    except Exception as error:  # the parsers raise ValueError, and others on some broken lines
        raise Failed(f"{format_name} does not parse: {type(error).__name__}: {error}") from error


def instant(prometheus, query):
    """{(name, labels without the target's own): value}"""
    found = {}
    for row in api(prometheus, "query", query=query)["result"]:
        labels = {k: v for k, v in row["metric"].items() if k not in ("__name__", "job", "instance")}
        series = (row["metric"].get("__name__", ""), key(labels))
        if series in found:
            raise Failed(f"{query}: {show(series)} is duplicated")
        found[series] = float(row["value"][1])
    return found


JOBS = ("openmetrics", "text")


def scraped(args):
    """Prometheus has exactly what the oracle expects, and did not report errors."""
    expected = read_oracle(args.oracle)

    def scrapes():
        ups = api(args.prometheus, "query", query="count_over_time(up[5m])")["result"]
        counts = {row["metric"]["job"]: float(row["value"][1]) for row in ups}
        return all(counts.get(job, 0) >= 3 for job in JOBS)

    wait_for("three scrapes of each job", scrapes, args.pid)

    ups = {job: instant(args.prometheus, f'min_over_time(up{{job="{job}"}}[5m])') for job in JOBS}
    for job, up in ups.items():
        if list(up.values()) != [1.0]:
            targets = api(args.prometheus, "targets")["activeTargets"]
            raise Failed(f"job {job} is not up throughout: {[t['lastError'] for t in targets]}")

    for job in JOBS:
        found = instant(args.prometheus, f'{{__name__=~"{PREFIX}.+",job="{job}"}}')
        hold(f"Prometheus, job {job}, against the oracle", expected, of_vendor(found))

    # Only OpenMetrics has UNIT.
    units = {}
    for job in JOBS:
        rows = api(args.prometheus, "targets/metadata", match_target=f'{{job="{job}"}}')
        units[job] = Counter(row["unit"] for row in rows)
    if not units["openmetrics"]["seconds"] or units["text"]["seconds"]:
        raise Failed(f"the first job must be OpenMetrics and the second text: {units}")
    nameless = [name for job in JOBS for name in unhelpful(args.prometheus, job)]
    if nameless:
        raise Failed(f"families without HELP or TYPE: {sorted(set(nameless))}")

    # Prometheus' own metrics about scraping: dropped, duplicate or out-of-order samples, exceeded limits.
    own = samples(parse_text(get(args.prometheus + "/metrics", TEXT)[1]))
    refused = {
        show(series): value
        for series, value in own.items()
        if re.match(r"prometheus_target_(scrapes_(sample|exceeded)_|scrape_pool_exceeded_|scrape_pools_failed)", series[0])
    }
    if "prometheus_target_scrapes_sample_duplicate_timestamp_total{}" not in refused:
        raise Failed("Prometheus has renamed its counter of duplicate samples")
    if any(refused.values()):
        raise Failed(f"Prometheus refused samples: { {k: v for k, v in refused.items() if v} }")
    log = Path(args.log).read_text().splitlines()
    if not any("Server is ready" in line for line in log):
        raise Failed("the log of Prometheus lacks the expected line")
    complaints = [line for line in log if re.search(r"level=(WARN|ERROR)", line, re.IGNORECASE)]
    if complaints:
        raise Failed("\n  ".join(["Prometheus warns:", *complaints[:5]]))

    live = sum(1 for _, is_live in expected.values() if is_live)
    families = len({series[0] for series in expected})
    print(f"  Prometheus holds {len(expected)} series of {families} families as expected, in both formats ({live} live)")


def unhelpful(prometheus, job):
    rows = api(prometheus, "targets/metadata", match_target=f'{{job="{job}"}}')
    return [
        row["metric"]
        for row in rows
        if row["metric"].startswith(PREFIX) and (not row["help"] or row["type"] in ("", "unknown"))
    ]


def formats(args):
    """Both formats satisfy a strict parser and agree about the vendor; the text is saved for promtool."""
    text = wait_for("/metrics", lambda: fetch(args.exporter, TEXT), args.pid)
    openmetrics = fetch(args.exporter, OPENMETRICS)
    fetch(args.exporter, PROMETHEUS_ACCEPT)
    Path(args.save).write_text(text)

    found = samples(parsed("text 0.0.4", parse_text, text))
    strict = samples(parsed("OpenMetrics", parse_openmetrics, openmetrics))
    own, own_strict = ({s[0] for s in each if not vendor(s[0])} for each in (found, strict))
    if PREFIX + "collector_up" not in own & own_strict:
        raise Failed("the exporter does not show its collectors")
    if args.oracle:
        if own != own_strict:
            raise Failed(f"only one format has these families about the exporter: {sorted(own ^ own_strict)}")
        expected = read_oracle(args.oracle)
        hold("text 0.0.4 against the oracle", expected, of_vendor(found))
        hold("OpenMetrics against the oracle", expected, of_vendor(strict))
        # The two responses differ in time, which affects only live series.
        timeless = {s: (v, expected[s][1]) for s, v in of_vendor(found).items()}
        hold("OpenMetrics against text 0.0.4", timeless, of_vendor(strict))
    elif of_vendor(found) or of_vendor(strict):
        raise Failed(f"an exporter without data shows {sorted({s[0] for s in of_vendor(found)})}")
    elif any(value != 0 for series, value in found.items() if series[0] == PREFIX + "collector_up"):
        raise Failed("a collector is up before its first success")
    print(f"  {len(strict)} samples parse strictly as OpenMetrics, {len(found)} as text 0.0.4, and agree")


if __name__ == "__main__":
    sys.exit(answer(__doc__, (scraped, ["prometheus", "oracle", "log"], []), (formats, ["exporter", "save"], ["oracle"])))
