"""Reports as JSON lines for log collectors: the JSON document (same names and values), one record per line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from toolkit.report import Look, json_document, plain
from toolkit.report.model import Report

FORMAT = "jsonl"

# Lists of a report, and what one item of each is called; findings stay behind their endpoint.
_LISTS = {
    "actions": "action",
    "posts": "post",
    "endpoints": "endpoint",
    "deviations": "deviation",
    "waivers": "waiver",
    "expired_waivers": "expired_waiver",
    "trend": "trend",
}


def render(reports: Sequence[Report], look: Look) -> str:
    """Return one JSON object per line; `record` says what it is, `commune` whose: only `report` lines have a date."""
    whole = json.loads(json_document.render(reports, look))
    version = whole["schema_version"]
    lines = (line for report in whole["reports"] for line in _records(report))
    return "".join(
        plain.escaped(json.dumps({"schema_version": version, **line}, ensure_ascii=False)) + "\n" for line in lines
    )


def _records(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    commune = report["commune"]["id"]
    lists = {name: report.pop(name) for name in _LISTS}
    yield {"record": "report", **report, "commune": commune, "name": report["commune"]["name"]}
    for name, items in lists.items():
        for item in items:
            findings = item.pop("findings", [])
            yield {"record": _LISTS[name], "commune": commune, **item}
            for finding in findings:
                yield {"record": "finding", "commune": commune, "endpoint": item["endpoint"], **finding}
