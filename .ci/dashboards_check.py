"""The checks of .ci/dashboards on a metric store: runs all queries of the dashboards, as Grafana would, and verifies
the results. Loopback only; every request has a limit."""

import concurrent.futures
import json
import math
import re
import sys
from collections import Counter
from pathlib import Path

from asking import Failed, answer, get, wait_for
from dashboards_src.dashboard import Chosen, Dashboard, built_in, write, write_literally
from dashboards_src.history import check_events, check_families, check_truth
from dashboards_src.oracle import OF_ITSELF, OF_TARGET, compute, is_close, of_vendor, read_oracle
from dashboards_src.store import Store

# Seconds between scrapes or pushes, and in a day.
SCRAPE = 240
DAY = 86400
# Concurrent queries.
AT_ONCE = 3
# Functions whose results depend on when samples arrived.
TIME_DEPENDENT = re.compile(r"\b(rate|irate|increase|delta|deriv|predict_linear|histogram_quantile|\w+_over_time)\s*\(")
# Functions that choose among equals, which differs between stores; Prometheus makes the same choice each time.
CHOOSY = re.compile(r"\b(topk|bottomk)\s*\(")

# Panels, or single queries of them, that this history does not have data for; each with the reason.
NOTHING_FOR = {}


class Checks:
    """Checks the dashboards, one after the other, against one store."""

    def __init__(self, store, oracle, at, days, is_steady):
        self.store, self.oracle, self.at, self.days, self.is_steady = store, oracle, at, days, is_steady
        self.wrong, self.empty, self.count = [], set(), Counter()
        # At the end, with all chosen: {query: [(labels, value)]}, and the dashboards of the recomputed ones.
        self.answers, self.recomputed = {}, Counter()

    def check(self, dashboard):
        """Checks all of a dashboard."""
        start = self.at - self.days * DAY

        def ask(label, selector):
            parameters = {"match[]": selector} if selector else {}
            return self.store.ask(f"label/{label}/values", start=start, end=self.at, **parameters)

        values, everything = dashboard.choices(ask)
        for name, found in values.items():
            # Series that were pushed lack job and instance, unless the receiver adds them.
            if not found and name not in ("job", "instance"):
                self.wrong.append(f"{dashboard.uid}: ${name} has no values")
        for mark in dashboard.marks:
            text = write(mark, everything)
            self.count["marks"] += 1
            if not self.store.between(text, start, self.at, SCRAPE):
                self.wrong.append(f"{dashboard.uid}: the annotations are empty for these days\n      {text}")
        queries = [query for panel in dashboard.panels for query in panel.queries]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for seconds in sorted({dashboard.seconds, self.days * DAY}):
                list(pool.map(lambda query: self.check_all(query, everything, seconds), queries))
            for name, found in values.items():
                self.check_some(pool, queries, name, found, everything)
        for panel in dashboard.panels:
            self.check_fields(panel)

    def fail(self, query, what, text):
        self.wrong.append(f"{query}: {what}\n      {text}")

    def check_all(self, query, everything, seconds):
        """With all chosen, there is a result over this many seconds."""
        start = self.at - seconds
        text = write(query.text, {**everything, **built_in(query, start, self.at, SCRAPE)})
        self.count["queries"] += 1
        try:
            if query.is_instant:
                found = self.store.at(text, self.at)
            else:
                found = self.store.between(text, start, self.at, query.step(seconds, SCRAPE))
                # The last value, for comparison.
                self.answers[query] = self.store.at(text, self.at)
        except Failed as error:
            return self.fail(query, error, text)
        if query.is_instant:
            self.answers[query] = found
        self.check_number(query, text)
        known = [value for _, values in found for value in values if not math.isnan(value)]
        if not known:
            self.empty.add(query)
            if not NOTHING_FOR.keys() & {str(query), str(query.panel)}:
                self.fail(query, "only NaN" if found else "no data", text)
        for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", query.legend):
            if found and not any(label in labels for labels, _ in found):
                self.fail(query, f"the legend shows {label}, which is not on any series", text)
        return None

    def check_number(self, query, text):
        """A query that only sums, or takes the highest or the lowest, has the true result."""
        expected = compute(text, self.oracle)
        if not expected:
            return
        self.recomputed[query.panel.uid] += 1
        shown = [[list(map(list, labels)), value] for labels, value in sorted(expected.items())]
        if not self.are_alike(query, self.answers[query], shown):
            self.fail(query, f"{str(ordered(self.answers[query]))[:300]}, expected {str(shown)[:300]}", text)

    def check_some(self, pool, queries, name, values, everything):
        """With one, several or the nastiest values chosen, the result equals that of a query that names them."""
        if not values:
            return
        nastiest = max(values, key=lambda value: sum(not letter.isalnum() for letter in value))
        mildest = min(values, key=lambda value: sum(not letter.isalnum() for letter in value))
        concerned = [query for query in queries if query.mentions(name)]
        for chosen in dict.fromkeys([(mildest,), (nastiest,), tuple(dict.fromkeys([mildest, nastiest]))]):
            given = {**everything, name: Chosen(chosen)}
            found = list(pool.map(lambda query, given=given: self.same(query, given), concerned))
            if concerned and not any(found):
                self.wrong.append(f"{concerned[0].panel.uid}: ${name} = {chosen} does not show anything")

    def same(self, query, chosen):
        """Whether there is a result, which must be the right one."""
        given = {**chosen, **built_in(query, self.at - DAY, self.at, SCRAPE)}
        text, literal = write(query.text, given), write_literally(query.text, given)
        self.count["choices"] += 1
        try:
            found, expected = self.store.at(text, self.at), self.store.at(literal, self.at)
        except Failed as error:
            return self.fail(query, error, text)
        if not self.are_alike(query, found, ordered(expected)):
            self.fail(query, f"{len(found)} series, not the {len(expected)} that were chosen", text)
        return bool(found)

    def are_alike(self, query, found, expected):
        """Whether two results are the same."""
        found, tolerance = ordered(found), SCRAPE if "_age_" in query.text else 0
        if CHOOSY.search(query.text) and not self.is_steady:
            return bool(found) == bool(expected)
        return len(found) == len(expected) and all(
            labels == wanted_labels and is_close(value, wanted, tolerance)
            for (labels, value), (wanted_labels, wanted) in zip(found, expected)
        )

    def check_fields(self, panel):
        """The columns that a table arranges exist."""
        labels = {name for query in panel.queries for labels, _ in self.answers.get(query, []) for name in labels}
        fields = labels | {"Time", "Value"} | {f"Value #{query.ref}" for query in panel.queries}
        # A label that is empty everywhere does not count.
        fields |= {name for query in panel.queries for name in re.findall(r"\w+", query.text)}
        for name in panel.named_fields():
            if name not in fields and not OF_TARGET.fullmatch(name):
                self.wrong.append(f"{panel}: arranges {name}, which is not a field of its results")

    def finish(self):
        """The checks that need all dashboards."""
        panels = {query.panel for query in self.answers}
        empty = {str(query) for query in self.empty} | {str(query.panel) for query in self.empty}
        twice = Counter(map(str, self.answers))
        self.wrong += [f"{name}: {count} panels have this name" for name, count in twice.items() if count > 1]
        for name in NOTHING_FOR.keys() - empty:
            self.wrong.append(f"{name}: listed as empty, but has data")
        for uid in {panel.uid for panel in panels} - self.recomputed.keys() - {"cse-exporter"}:
            self.wrong.append(f"{uid}: none of its queries could be recomputed")
        self.count["recomputed"] = sum(self.recomputed.values())
        if not panels:
            self.wrong.append("no dashboards found")
        print(f"  dashboards: {len(panels)} panels, {', '.join(f'{count} {what}' for what, count in self.count.items())}")
        return self.wrong

    def keep(self, path):
        """Saves the results at the end."""
        kept = {str(query): ordered(found) for query, found in self.answers.items() if is_comparable(query)}
        Path(path).write_text(json.dumps(kept))

    def compare(self, path):
        """Compares the results with those of another store."""
        kept = json.loads(Path(path).read_text())
        for query, found in self.answers.items():
            if not is_comparable(query):
                continue
            expected = kept[str(query)]
            if not self.are_alike(query, found, expected):
                self.fail(query, f"{str(ordered(found))[:300]}, in the other store {str(expected)[:300]}", query.text)
            self.count["compared"] += 1


def is_comparable(query):
    """Whether two stores must have the same result, though samples arrived at different times."""
    return not TIME_DEPENDENT.search(query.text) and not OF_ITSELF.search(query.text)


def ordered(found):
    """A result at one moment, sorted. Some stores omit NaN, so it is left out."""
    rows = ([list(map(list, of_vendor(labels))), value] for labels, [value] in found if not math.isnan(value))
    return sorted(rows)


def answers(args):
    """This URL responds."""
    wait_for(args.url, lambda: get(args.url)[0], args.pid)


def dashboards(args):
    """Checks a store with the history against all dashboards in a folder, and against the saved results of another
    store, if any."""
    store, oracle, end, days = Store(args.store), read_oracle(args.oracle), int(args.end), int(args.days)
    wrong = check_families(store, args.reference, end - days * DAY, end) + check_events(store, end)
    wrong += check_truth(store, oracle, end)
    checks = Checks(store, oracle, end, days, is_steady=not args.compare)
    for path in sorted(Path(args.folder).glob("*.json")):
        checks.check(Dashboard(path))
    if args.keep:
        checks.keep(args.keep)
    if args.compare:
        checks.compare(args.compare)
    wrong += checks.finish()
    if wrong:
        more = [f"… and {len(wrong) - 60} more"] if len(wrong) > 60 else []
        raise Failed("\n  ".join([f"{args.store}: {len(wrong)} problems", *wrong[:60], *more]))


if __name__ == "__main__":
    sys.exit(
        answer(
            __doc__,
            (answers, ["url"], []),
            (dashboards, ["store", "end", "days", "oracle", "reference", "folder"], ["keep", "compare"]),
        )
    )
