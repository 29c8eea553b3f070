"""What is true at the simulated vendors, as their oracle tells it, and what a query has to answer if it only adds that up."""

import json
import re
from collections import defaultdict
from pathlib import Path

from asking import Failed

# Labels that come with the way into the store. Vendors know nothing of them.
OF_TARGET = re.compile(r"job|instance|scope_.*|service_(name|version|instance_id)")
# What the exporter says of itself, and when it says it.
OF_ITSELF = re.compile(r"container_security_(exporter|collector|api|config|otlp|source)_|process_")

BY = r"(?: by \((?P<by>[\w, ]+)\) ?)?"
SERIES = r"(?P<family>container_security_\w+)\{(?P<matchers>[^{}]*)\}"
# All there is of something, by some labels, however many exporters tell it.
TOTAL = re.compile(rf"sum{BY} ?\(max by \([\w, ]+\) \(sum by \([\w, ]+\) \({SERIES}\)\)\)")
# The same without a thought for more exporters than one, or the highest or the lowest.
REDUCED = re.compile(rf"(?P<how>sum|max|min){BY} ?\({SERIES}\)")
MATCHER = re.compile(r"(\w+)(=~|!~|!=|=)([\"`])(.*?)\3")


def of_vendor(labels):
    """The labels that tell what a series is about, as a value. An empty one is none."""
    known = ((name, value) for name, value in labels.items() if value and not OF_TARGET.fullmatch(name))
    return tuple(sorted(known))


def is_close(value, wanted, slack):
    """Whether they are the same, as far as stores keep numbers and add them up in one order."""
    return abs(value - wanted) <= slack + 1e-9 * abs(wanted)


def read_oracle(path):
    """{family: {labels: value}}, without what the exporter tells of itself."""
    families = defaultdict(dict)
    for line in Path(path).read_text().splitlines():
        row = json.loads(line)
        if not OF_ITSELF.match(row["family"]):
            families[row["family"]][of_vendor(row["labels"])] = float(row["value"])
    if not families:
        raise Failed(f"{path}: the oracle expects nothing")
    return families


def reckon(query, oracle):
    """{labels: value} that the query has to answer, or None if it does more than to reduce a family of the oracle. With what
    is reckoned when it is asked for, it does."""
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
    """Whether a matcher holds for a series of the oracle."""
    if OF_TARGET.fullmatch(name):
        return True
    is_same = re.fullmatch(value, labels.get(name, "")) if "~" in how else labels.get(name, "") == value
    return bool(is_same) != how.startswith("!")
