"""A dashboard as Grafana reads it: its panels, its variables, and the queries that it sends for the chosen values."""

import dataclasses
import json
import math
import re
from pathlib import Path

from asking import Failed

# Grafana's pixels per column at 1280 px: one point per pixel.
COLUMN_PIXELS = 1280 / 24

VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
# A matcher whose value is exactly one variable.
MATCHER = re.compile(r"(\w+)\s*=~\s*([\"`])(?:\$(\w+)|\$\{(\w+)(?::\w+)?\})\2")
LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),)?\s*(?P<label>\w+)\s*\)", re.DOTALL)
AGO = re.compile(r"now-(\d+)([mhd])")
SECONDS = {"m": 60, "h": 3600, "d": 86400}


def escape_regex(text):
    """Grafana's format `regex`."""
    return re.sub(r"[/\\^$*+?.()|[\]{}]", lambda found: "\\" + found[0], text)


def escape_for_string(text):
    """Grafana's escaping in a double-quoted string, for a variable with several values."""
    text = text.replace("\\", "\\\\\\\\").replace('"', '\\\\\\"')
    return re.sub(r"[$^*{}\[\]'+?.()|]", lambda found: "\\\\" + found[0], text)


FORMATS = {None: escape_for_string, "regex": escape_regex}


@dataclasses.dataclass(frozen=True)
class Chosen:
    """The choice for a variable: values, or all of them by the dashboard's own pattern."""

    values: tuple = ()
    pattern: str | None = None

    def written(self, form):
        """The choice as written into a query."""
        if self.pattern is not None:
            return self.pattern
        if form not in FORMATS:
            raise Failed(f"the format {form!r} of a variable is not supported here")
        escaped = [FORMATS[form](value) for value in self.values]
        return escaped[0] if len(escaped) == 1 else "(" + "|".join(escaped) + ")"

    def literally(self):
        """An equivalent pattern, written differently: each character that is not alphanumeric is a character class."""

        def one(letter):
            return letter if letter.isalnum() else f"\\{letter}" if letter in "^\\" else f"[{letter}]"

        pattern = "|".join("".join(map(one, value)) for value in self.values)
        return json.dumps(pattern, ensure_ascii=False)


def write(text, chosen):
    """A text with its variables replaced; `chosen` has choices by name, and the values of built-in variables."""

    def value(found):
        name, form = found[1] or found[2] or found[4], found[3] or found[5]
        if name not in chosen:
            raise Failed(f"${name} is not a variable of the dashboard")
        known = chosen[name]
        return known.written(form) if isinstance(known, Chosen) else str(known)

    return VARIABLE.sub(value, text)


def write_literally(text, chosen):
    """The same, with choices named by matchers that do not depend on Grafana's escaping."""
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
        """The step between points, over this many seconds."""
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
        """The names of the fields that arrange its table's columns."""
        for transformation in self.json.get("transformations", []):
            if transformation["id"] == "organize":
                options = transformation["options"]
                for how in ("excludeByName", "indexByName", "renameByName"):
                    yield from options.get(how, {})


class Dashboard:
    """A dashboard from its file."""

    def __init__(self, path):
        dashboard = json.loads(Path(path).read_text())
        self.uid, self.variables = dashboard["uid"], dashboard["templating"]["list"]
        found = AGO.fullmatch(dashboard["time"]["from"])
        if not found or dashboard["time"]["to"] != "now":
            raise Failed(f"{path}: the time {dashboard['time']} is not supported here")
        self.seconds = int(found[1]) * SECONDS[found[2]]
        rows = [panel for row in dashboard["panels"] for panel in [row, *row.get("panels", [])]]
        self.marks = [mark["expr"] for mark in dashboard["annotations"]["list"]]
        self.panels = [Panel(self.uid, panel) for panel in rows if panel["type"] not in ("row", "text")]

    def choices(self, ask):
        """The values of each variable with a query, as Grafana finds them with everything chosen for earlier
        variables; and the value that stands for all."""
        values, everything = {}, {}
        for variable in self.variables:
            name = variable["name"]
            if variable["type"] == "datasource":
                continue
            if variable["type"] != "query":
                raise Failed(f"{self.uid}: variables of type {variable['type']} are not supported here")
            query = variable["query"]["query"] if isinstance(variable["query"], dict) else variable["query"]
            found = LABEL_VALUES.fullmatch(query.strip())
            if not found:
                raise Failed(f"{self.uid}: the query of ${name} is not supported here: {query}")
            selector = found["selector"] and write(found["selector"], everything)
            values[name] = ask(found["label"], selector)
            everything[name] = Chosen(tuple(values[name]), variable.get("allValue") or None)
        return values, everything


def built_in(query, start, end, scrape):
    """The values of Grafana's built-in variables."""
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
