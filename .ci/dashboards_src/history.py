"""Whether a store has the history: every family, the events along the way, and the true values at the end."""

import re
from collections import defaultdict
from pathlib import Path

from dashboards_src.oracle import is_close, of_vendor

P = "container_security_"
# The exporter that ran all the time, by whichever label the store has for it.
FIRST = "instance=~'(exporter-0.*)?',service_instance_id=~'(exporter-0.*)?'"
RUNS = f"{P}collector_runs_total{{{FIRST},"
CRITICAL = f"sum({P}container_vulnerabilities{{{FIRST},severity='critical',source='prod',state='running'}}"

# Events by queries that have a result if the event happened.
HAPPENED = {
    "a collector failed for longer than its data is served":
        f"min_over_time({P}collector_complete{{{FIRST},collector='images',source='prod'}}[8d]) == 0",
    "a console refused the credentials": f"increase({RUNS}outcome='unauthorized',source='cloud'}}[8d]) > 10",
    "a listing was short": f"increase({RUNS}outcome='incomplete'}}[8d]) > 0",
    "an answer broke off": f"increase({RUNS}outcome='bad_response',collector='reports'}}[8d]) > 0",
    "rows could not be read": f"sum(increase({P}collector_rejected_records_total[8d])) > 10",
    "a vendor slowed the exporter down": f"increase({P}api_throttled_seconds_total[8d]) > 100",
    "requests were sent again": f"increase({P}api_retries_total{{reason='rate_limited'}}[8d]) > 10",
    "an exporter was restarted": f"resets({RUNS}outcome='success',collector='containers',source='prod'}}[8d]) > 0",
    "a receiver was away": f"increase({P}otlp_exports_total{{outcome='unavailable'}}[8d]) > 10",
    "sensors fell silent": f"sum({P}sensors_stale{{{FIRST}}}) > sum({P}sensors_stale{{{FIRST}}} offset 1w)",
    "more is critical than a day before": f"{CRITICAL}) > {CRITICAL} offset 1d)",
    "more is critical than a week before": f"{CRITICAL}) > {CRITICAL} offset 1w)",
}


def check_families(store, reference, start, end):
    """Every family has data, if only for some time."""
    names = re.findall(r"^\| `(\w+)` \| (gauge|counter|histogram) ", Path(reference).read_text(), re.MULTILINE)
    found = set(store.ask("label/__name__/values", start=start, end=end))
    wanted = {name + ("_bucket" if kind == "histogram" else "") for name, kind in names}
    print(f"  families: {len(wanted & found)} of {len(wanted)}")
    return [f"{name} has no data" for name in sorted(wanted - found)] or ([] if wanted else ["no families found"])


def check_events(store, end):
    """The expected events happened."""
    return [f"not in the history: {what}: {query}" for what, query in HAPPENED.items() if not store.at(query, end)]


def check_truth(store, oracle, end):
    """The store's final values match the simulated vendors, series by series, for every exporter."""
    wrong, count = [], 0
    exporters = len(store.at(f"{P}exporter_build_info", end))
    for family, expected in oracle.items():
        found = defaultdict(list)
        for labels, [value] in store.at(family, end):
            found[of_vendor({name: text for name, text in labels.items() if name != "__name__"})].append(value)
        # Ages are computed at query time, and stores limit the number of digits.
        slack = 300 if "_age_" in family else 0
        for labels in expected.keys() | found.keys():
            values, value = found[labels], expected.get(labels)
            same = value is not None and all(is_close(one, value, slack) for one in values)
            if len(values) != exporters or not same:
                text = ",".join(f'{name}="{one}"' for name, one in labels)
                wrong.append(f"{family}{{{text}}} is {values}, expected {value} of {exporters} exporters")
        count += len(expected)
    if exporters < 2 or not count:
        wrong.append(f"{exporters} exporters, {count} series: too few for a meaningful check")
    print(f"  truth: {len(oracle)} families, {count} series, of {exporters} exporters")
    return wrong
