"""Reports as JSON for machines; `report.schema.json` beside this file describes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from typing import Any

from toolkit.report import Look, plain
from toolkit.report.model import Coverage, Line, Machine, Post, Report, WaiverUse
from toolkit.waivers import Waiver

FORMAT = "json"
SCHEMA_VERSION = 2


def render(reports: Sequence[Report], look: Look) -> str:
    """Return one JSON object: ids, words in the report's language, moments in UTC. Raw outputs stay in the store."""
    document = {"schema_version": SCHEMA_VERSION, "reports": [_report(report) for report in reports]}
    return plain.escaped(json.dumps(document, ensure_ascii=False, indent=2, default=_plain)) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _report(report: Report) -> dict[str, Any]:
    return {
        "commune": {"id": report.commune, "name": report.name},
        "language": report.language,
        "generated_at": report.generated_at,
        "as_of": report.as_of,
        "partial": report.partial,
        "freshness_days": report.freshness_days,
        "profile": {"id": report.profile, "title": report.profile_title},
        "catalogue_digest": report.catalogue_digest,
        "state": report.state,
        "coverage": _coverage(report.coverage),
        "actions": [asdict(action) for action in report.actions],
        "posts": [_post(post) for post in report.posts],
        "endpoints": [_machine(machine) for machine in report.machines],
        "deviations": [asdict(deviation) for deviation in report.deviations],
        "waivers": [_use(use) for use in report.waivers],
        "expired_waivers": [_use(use) for use in report.expired_waivers],
        "trend": [asdict(point) for point in report.trend],
    }


def _use(use: WaiverUse) -> dict[str, Any]:
    return {**_waiver(use.waiver), "title": use.title, "machines": list(use.machines)}


def _waiver(waiver: Waiver) -> dict[str, Any]:
    return waiver.model_dump(exclude={"revoked"})


def _coverage(coverage: Coverage) -> dict[str, int]:
    return {**asdict(coverage), "evaluated": coverage.evaluated}


def _post(post: Post) -> dict[str, Any]:
    return {
        "teleworker": post.teleworker,
        "state": post.state,
        "since": post.since,
        **{name: part.name if part else None for name, part in _parts(post).items()},
    }


def _parts(post: Post) -> dict[str, Machine | None]:
    return {"laptop": post.laptop, "office_pc": post.office_pc, "gateway": post.gateway}


def _machine(machine: Machine) -> dict[str, Any]:
    return {
        "endpoint": machine.name,
        "kind": machine.kind,
        "teleworker": machine.teleworker,
        "state": machine.state,
        "since": machine.since,
        "attempt": {"status": machine.attempt, "at": machine.attempted_at, "detail": machine.attempt_detail},
        "coverage": _coverage(machine.coverage),
        "evidence": _evidence(machine),
        "findings": [_line(line) for line in machine.lines],
    }


def _evidence(machine: Machine) -> dict[str, Any] | None:
    if machine.digest is None:
        return None
    sections = [{"probe": part.probe, "status": part.status, "exit_code": part.exit_code} for part in machine.sections]
    return {
        "collected_at": machine.collected_at,
        "rejudged_at": machine.rejudged_at,
        "digest": machine.digest,
        "source": "declared_by_endpoint",
        "sections": sections,
    }


def _line(line: Line) -> dict[str, Any]:
    shown = {field.name: getattr(line, field.name) for field in fields(line)}
    shown["checks"] = [asdict(check) for check in line.comparisons]
    shown["declaration"] = line.declaration or None
    shown["references"] = [{"document": document, "ids": list(ids)} for document, ids in line.references]
    shown["waiver"] = _waiver(line.waiver) if line.waiver else None
    return shown
