"""The true values at the simulated vendors, from their oracle, and the expected results of queries that sum them."""

import json
import re
from collections import defaultdict
from pathlib import Path

from asking import Failed

# Labels added on the way into the store, unknown to the vendors.
OF_TARGET = re.compile(r"job|instance|scope_.*|service_(name|version|instance_id)")
# Labels and times that the exporter adds.
OF_ITSELF = re.compile(r"container_security_(exporter|collector|api|config|otlp|source)_|process_")

BY = r"(?: by \((?P<by>[\w, ]+)\) ?)?"
SERIES = r"(?P<family>container_security_\w+)\{(?P<matchers>[^{}]*)\}"
# A sum by some labels that does not depend on the number of exporters.
TOTAL = re.compile(rf"sum{BY} ?\(max by \([\w, ]+\) \(sum by \([\w, ]+\) \({SERIES}\)\)\)")
# A sum that assumes a single exporter, or the highest or the lowest.
REDUCED = re.compile(rf"(?P<how>sum|max|min){BY} ?\({SERIES}\)")
MATCHER = re.compile(r"(\w+)(=~|!~|!=|=)([\"`])(.*?)\3")


def of_vendor(labels):
    """The labels that identify a series, as a hashable value, without empty ones."""
    known = ((name, value) for name, value in labels.items() if value and not OF_TARGET.fullmatch(name))
    return tuple(sorted(known))


def is_close(value, wanted, slack):
    """Whether they are equal, within the precision and summation order of stores."""
    return abs(value - wanted) <= slack + 1e-9 * abs(wanted)


def read_oracle(path):
    """{family: {labels: value}}, without the families about the exporter."""
    families = defaultdict(dict)
    for line in Path(path).read_text().splitlines():
        row = json.loads(line)
        if not OF_ITSELF.match(row["family"]):
            families[row["family"]][of_vendor(row["labels"])] = float(row["value"])
    if not families:
        raise Failed(f"{path}: the oracle is empty")
    return families


def compute(query, oracle):
    """{labels: value} that the query must return, or None if it does more than reduce a family of the oracle, or if the
    result depends on the time of the query."""
    found = TOTAL.fullmatch(query) or REDUCED.fullmatch(query)
    if not found or found["family"] not in oracle or "_age_" in found["family"]:
        return None
    how = {"sum": sum, "max": max, "min": min}[found.groupdict().get("how") or "sum"]
    by = (found["by"] or "").replace(" ", "").split(",")
    groups = defaultdict(list)
    for series, value in oracle[found["family"]].items():
        labels = dict(series)
        if all(holds(labels, *matcher) for matcher in MATCHER.findall(found["matchers"])):
            groups[of_vendor({name: labels.get(name, "") for name in by})].append(value)
    return {labels: how(values) for labels, values in groups.items()}


def holds(labels, name, how, _quote, value):
    """Whether a matcher matches a series of the oracle."""
    if OF_TARGET.fullmatch(name):
        return True
    is_same = re.fullmatch(value, labels.get(name, "")) if "~" in how else labels.get(name, "") == value
    return bool(is_same) != how.startswith("!")
