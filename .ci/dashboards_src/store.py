"""A metric store that answers Prometheus' queries, and its results."""

import dataclasses
import json
import urllib.error
import urllib.parse
import urllib.request

from asking import OPENER, Failed

@dataclasses.dataclass(frozen=True)
class Store:
    """A server with Prometheus' query API."""

    url: str

    def ask(self, path, **parameters):
        """The data of a response without warnings."""
        url, body = f"{self.url}/api/v1/{path}", urllib.parse.urlencode(parameters).encode()
        if not path.startswith("query"):
            url, body = f"{url}?{body.decode()}", None
        try:
            with OPENER.open(urllib.request.Request(url, body), timeout=60) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise Failed(f"{error.code}: {error.read().decode(errors='replace')[:400]}") from error
        if found["status"] != "success" or found.get("warnings") or found.get("infos"):
            raise Failed(str({name: value for name, value in found.items() if name != "data"})[:400])
        return found["data"]

    def at(self, query, time_):
        """[(labels, [value])] at one moment."""
        data = self.ask("query", query=query, time=time_)
        if data["resultType"] in ("scalar", "string"):
            return [({}, [float(data["result"][1])])]
        return [(row["metric"], [float(row["value"][1])]) for row in data["result"]]

    def between(self, query, start, end, step):
        """[(labels, [values])] over a time range."""
        data = self.ask("query_range", query=query, start=start, end=end, step=step)
        return [(row["metric"], [float(value) for _, value in row["values"]]) for row in data["result"]]
