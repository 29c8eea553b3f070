"""The checks that promtool and amtool lack: every alert has a runbook and tests of each kind, every record and every
threshold is used and documented, and the queries in runbooks are valid. Reads the files only."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "dashboards" / "rules"
RUNBOOKS = ROOT / "docs" / "runbooks"
PREFIX = "ContainerSecurity"
THRESHOLD = "container_security:threshold:"

# Each alert has at least one test with each of these prefixes.
KINDS = ("firing", "not firing", "recovering", "data absent", "exporter restart")

DASHBOARDS = {"Overview", "Cluster / namespace", "Images", "Posture", "Sensors", "Exporter"}
SECTIONS = ["## What it means", "## How to check", "## What to do"]

# A query in a runbook: code in backticks that names one of our series and is not a list of them.
QUERY = re.compile(r"`([^`]*container_security[:_][^`*…]*)`")
NAME = re.compile(r"container_security:[a-z0-9_:]+")


class Rule:
    """A rule parsed from its lines. The files follow one format, which this script relies on."""

    def __init__(self, kind, name, text):
        self.kind, self.name, self.text = kind, name, text
        expr = re.search(r"^ {8}expr: ?(?:\|\n((?: {10}.*\n|\n)+)|(.+)\n)", text, re.M)
        self.expr = (expr.group(1) or expr.group(2)) if expr else ""

    def field(self, key):
        found = re.search(rf"^ +{key}: (?:>-\n((?: {{12}}.*\n)+)|(.+)\n)", self.text, re.M)
        return " ".join((found.group(1) or found.group(2)).split()) if found else ""


def rules(path, promtool):
    """The rules of a file; fails unless promtool finds as many."""
    parts = re.split(r"^ {6}- (record|alert): (\S+)\n", path.read_text(), flags=re.M)[1:]
    found = [Rule(kind, name, text) for kind, name, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)]
    said = subprocess.run([promtool, "check", "rules", path], capture_output=True, text=True, check=True, timeout=60).stdout
    counted = int(re.search(r"(\d+) rules? found", said).group(1))
    if counted != len(found) or any(not rule.expr for rule in found):
        sys.exit(f"{path}: promtool finds {counted} rules, this script {len(found)}: check the format")
    return found


def wrong_with_alert(alert, url):
    """The problems of an alert itself."""
    if not alert.name.startswith(PREFIX):
        yield f"does not begin with {PREFIX}"
    if alert.field("severity") not in ("critical", "warning", "info"):
        yield f"severity is {alert.field('severity')!r}"
    summary, description = alert.field("summary"), alert.field("description")
    if "{{" in summary or not summary.endswith("."):
        yield "the summary is not a fixed sentence"
    # An alert about a source must name it.
    by_source = "source" in alert.expr and not re.match(r"\s*count by \(job\)|\s*count\(|\s*group\(", alert.expr)
    if by_source and "{{ $labels.source }}" not in description:
        yield "the description does not name the source"
    if not description.endswith("."):
        yield "the description is not a sentence"
    if alert.field("runbook_url") != f"{url}{alert.name}.md":
        yield f"runbook_url is not {url}{alert.name}.md"
    if not alert.field("for") or not alert.field("keep_firing_for"):
        yield "for or keep_firing_for is missing"


def wrong_with_runbook(alert):
    """The problems of an alert's runbook."""
    path = RUNBOOKS / f"{alert.name}.md"
    if not path.exists():
        yield "the runbook is missing"
        return
    text = path.read_text()
    if not text.startswith(f"# {alert.name}\n\n{alert.field('summary')} Severity: {alert.field('severity')}.\n"):
        yield "the runbook does not begin with name, summary and severity"
    if re.findall(r"^## .*$", text, re.M) != SECTIONS:
        yield f"the runbook's sections are not {SECTIONS}"
    if any(len(part.split()) < 8 for part in re.split(r"^## .*$", text, flags=re.M)[1:]):
        yield "a section of the runbook is too short"
    if strange := set(re.findall(r"dashboard \*([^*]+)\*", text)) - DASHBOARDS:
        yield f"the runbook names dashboards that do not exist: {sorted(strange)}"
    row = f"| [{alert.name}]({alert.name}.md) | {alert.field('severity')} | {alert.field('summary')} |"
    if row not in (RUNBOOKS / "README.md").read_text():
        yield f"docs/runbooks/README.md lacks the row {row}"


def wrong_with_tests(alert):
    """The kinds of tests that an alert lacks."""
    short = alert.name.removeprefix(PREFIX)
    files = [path for path in (RULES / "tests").glob("*.yaml") if path.name.split(".")[0] == short]
    names = [name for path in files for name in re.findall(r"^  - name: (.+)$", path.read_text(), re.M)]
    for kind in KINDS:
        if not any(name.startswith(kind) for name in names):
            yield f"no test is named {kind!r}"
    with_alert = [path for path in files if f"alertname: {alert.name}\n" in path.read_text()]
    if not any("exp_annotations" in path.read_text() for path in with_alert):
        yield "no test reads its annotations"


def wrong_with_queries(promtool):
    """Queries in runbooks that are invalid, or that use unknown records."""
    known = {rule.name for rule in rules(RULES / "recording-rules.yaml", promtool)}
    for path in sorted(RUNBOOKS.glob("*.md")):
        for query in QUERY.findall(path.read_text().replace("\n  ", " ")):
            said = subprocess.run(
                [promtool, "--experimental", "promql", "format", query], capture_output=True, text=True, timeout=60
            )
            if said.returncode != 0:
                yield f"{path.name}: {query} is not a valid query: {said.stderr.strip()}"
            for name in NAME.findall(query):
                if name not in known:
                    yield f"{path.name}: {name} is not recorded by any rule"


def main():
    promtool = sys.argv[1]
    records, alerts = (rules(RULES / f"{name}.yaml", promtool) for name in ("recording-rules", "alerts"))
    repository = re.search(r'^repository = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
    wrong = []
    for alert in alerts:
        reasons = [*wrong_with_alert(alert, f"{repository}/blob/main/docs/runbooks/"), *wrong_with_runbook(alert)]
        wrong += [f"{alert.name}: {reason}" for reason in [*reasons, *wrong_with_tests(alert)]]

    readme = (RULES / "README.md").read_text()
    read = {name for rule in [*records, *alerts] for name in NAME.findall(rule.expr)}
    recorded = {rule.name for rule in records}
    wrong += [f"{name} is recorded, but no rule reads it" for name in sorted(recorded - read)]
    wrong += [f"{name} is read, but no rule records it" for name in sorted(read - recorded)]
    for alert in alerts:
        row = re.search(rf"^\| {alert.name.removeprefix(PREFIX)} \|.*\| (\w+) \|(.*)\|.*\|$", readme, re.M)
        if not row or row.group(1) != alert.field("for"):
            wrong.append(f"README.md lacks the row of {alert.name} with its `for`")
            continue
        listed = re.findall(r"`([^`]+)`", row.group(2))
        full = {name.replace("…", listed[0].removesuffix("_rise")) for name in listed}
        used = {name.removeprefix(THRESHOLD) for name in NAME.findall(alert.expr) if name.startswith(THRESHOLD)}
        if full != used and alert.name != f"{PREFIX}RecordingRulesMissing":
            wrong.append(f"README.md lists the thresholds {sorted(full)} for {alert.name}, which has {sorted(used)}")

    strays = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} - {alert.name for alert in alerts}
    wrong += [f"docs/runbooks/{name}.md does not belong to an alert" for name in sorted(strays)]
    known = {alert.name.removeprefix(PREFIX) for alert in alerts}
    tests = {path.name.split(".")[0] for path in (RULES / "tests").glob("*.yaml")}
    wrong += [f"tests of {name} do not belong to an alert" for name in sorted(tests - known)]
    wrong += wrong_with_queries(promtool)
    if wrong:
        sys.exit("\n".join(["FAILED:", *(f"  {line}" for line in wrong)]))
    print(f"  {len(alerts)} alerts, each with its runbook and tests of {len(KINDS)} kinds; {len(records)} records, all read")


if __name__ == "__main__":
    main()
