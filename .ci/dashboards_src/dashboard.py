"""A dashboard as Grafana reads it: its panels, its variables, and the queries that it would send for what is chosen."""

import dataclasses
import json
import math
import re
from pathlib import Path

from asking import Failed

# What Grafana makes of a panel's width at 1280 px: a point for every pixel.
COLUMN_PIXELS = 1280 / 24

VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
# A matcher whose value is a variable and nothing else.
MATCHER = re.compile(r"(\w+)\s*=~\s*([\"`])(?:\$(\w+)|\$\{(\w+)(?::\w+)?\})\2")
LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),)?\s*(?P<label>\w+)\s*\)", re.DOTALL)
AGO = re.compile(r"now-(\d+)([mhd])")
SECONDS = {"m": 60, "h": 3600, "d": 86400}


def escape_regex(text):
    """Grafana's format `regex`."""
    return re.sub(r"[/\\^$*+?.()|[\]{}]", lambda found: "\\" + found[0], text)


def escape_for_string(text):
    """What Grafana's data source writes into a string between double quotes, for a variable of many values."""
    text = text.replace("\\", "\\\\\\\\").replace('"', '\\\\\\"')
    return re.sub(r"[$^*{}\[\]'+?.()|]", lambda found: "\\\\" + found[0], text)


FORMATS = {None: escape_for_string, "regex": escape_regex}


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What is chosen of a variable: values, or all of them by the dashboard's own pattern."""

    values: tuple = ()
    pattern: str | None = None

    def written(self, form):
        """As it stands in a query."""
        if self.pattern is not None:
            return self.pattern
        if form not in FORMATS:
            raise Failed(f"the format {form!r} of a variable is not known here")
        escaped = [FORMATS[form](value) for value in self.values]
        return escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"

    def literally(self):
        """A pattern of the same meaning, made in another way: what is no letter is a class of its own."""

        def one(letter):
            return letter if letter.isalnum() else f"\\{letter}" if letter in "^\\" else f"[{letter}]"

        pattern = "|".join("".join(map(one, value)) for value in self.values)
        return json.dumps(pattern, ensure_ascii=False)


def write(text, chosen):
    """A text with its variables written out; `chosen` is by name, and of built-in ones what they are."""

    def value(found):
        name, form = found[1] or found[2] or found[4], found[3] or found[5]
        if name not in chosen:
            raise Failed(f"${name} is no variable of the dashboard")
        known = chosen[name]
        return known.written(form) if isinstance(known, Chosen) else str(known)

    return VARIABLE.sub(value, text)


def write_literally(text, chosen):
    """The same, with what is chosen named by matchers that owe nothing to Grafana."""
    written, done = [], 0
    for found in MATCHER.finditer(text):
        known = chosen.get(found[3] or found[4])
        if isinstance(known, Chosen) and known.pattern is None:
            written += [write(text[done : found.start()], chosen), f"{found[1]}=~{known.literally()}"]
            done = found.end()
    return "".join(written) + write(text[done:], chosen)


@dataclasses.dataclass(frozen=True)
class Query:
    """A query of a panel."""

    panel: "Panel"
    ref: str
    text: str
    legend: str
    is_instant: bool

    def __str__(self):
        return f"{self.panel} {self.ref}"

    def mentions(self, variable):
        """Whether it depends on the variable."""
        return any(variable in found.groups() for found in VARIABLE.finditer(self.text))

    def step(self, seconds, scrape):
        """From one point to the next, of so many seconds."""
        return max(scrape, math.ceil(seconds / self.panel.points))


class Panel:
    """A panel that shows data."""

    def __init__(self, uid, json_of_panel):
        self.uid, self.json = uid, json_of_panel
        self.title = json_of_panel.get("title", "")
        self.points = json_of_panel.get("maxDataPoints") or json_of_panel["gridPos"]["w"] * COLUMN_PIXELS
        targets = [target for target in json_of_panel.get("targets", []) if not target.get("hide")]
        self.queries = [
            Query(
                self,
                target["refId"],
                target["expr"],
                target.get("legendFormat") or "",
                bool(target.get("instant")) and not target.get("range"),
            )
            for target in targets
        ]

    def __str__(self):
        return f"{self.uid} «{self.title}»"

    def named_fields(self):
        """The names of fields that its table's columns are arranged by."""
        for transformation in self.json.get("transformations", []):
            if transformation["id"] == "organize":
                options = transformation["options"]
                for how in ("excludeByName", "indexByName", "renameByName"):
                    yield from options.get(how, {})


class Dashboard:
    """A dashboard out of its file."""

    def __init__(self, path):
        dashboard = json.loads(Path(path).read_text())
        self.uid, self.variables = dashboard["uid"], dashboard["templating"]["list"]
        found = AGO.fullmatch(dashboard["time"]["from"])
        if not found or dashboard["time"]["to"] != "now":
            raise Failed(f"{path}: the time {dashboard['time']} is not understood here")
        self.seconds = int(found[1]) * SECONDS[found[2]]
        rows = [panel for row in dashboard["panels"] for panel in [row, *row.get("panels", [])]]
        self.marks = [mark["expr"] for mark in dashboard["annotations"]["list"]]
        self.panels = [Panel(self.uid, panel) for panel in rows if panel["type"] not in ("row", "text")]

    def choices(self, ask):
        """The values of each variable that has a query, found out as Grafana does, with all of those before it chosen;
        and what stands for all of each."""
        values, everything = {}, {}
        for variable in self.variables:
            name = variable["name"]
            if variable["type"] == "datasource":
                continue
            if variable["type"] != "query":
                raise Failed(f"{self.uid}: variables of type {variable['type']} are not known here")
            query = variable["query"]["query"] if isinstance(variable["query"], dict) else variable["query"]
            found = LABEL_VALUES.fullmatch(query.strip())
            if not found:
                raise Failed(f"{self.uid}: the query of ${name} is not understood here: {query}")
            selector = found["selector"] and write(found["selector"], everything)
            values[name] = ask(found["label"], selector)
            everything[name] = Chosen(tuple(values[name]), variable.get("allValue") or None)
        return values, everything


def built_in(query, start, end, scrape):
    """What Grafana's own variables are."""
    seconds = end - start
    step = query.step(seconds, scrape)
    return {
        "__interval": f"{step}s",
        "__rate_interval": f"{max(step + scrape, 4 * scrape)}s",
        "__range": f"{seconds}s",
        "__range_s": seconds,
        "__from": start * 1000,
        "__to": end * 1000,
    }
