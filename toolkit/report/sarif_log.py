"""Findings as SARIF 2.1.0 (OASIS) for tools that gather security results: one run per commune."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from toolkit import __version__
from toolkit.finding import EndpointStatus, Severity, Verdict
from toolkit.report import Look, plain, wording
from toolkit.report.model import Line, Machine, Report

FORMAT = "sarif"

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# SARIF 3.27.9: what is not `fail` has level `none`; `open` is "not enough to decide", `review` is for a person.
_KINDS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.ERROR: "open",
    Verdict.MANUAL: "review",
    Verdict.NOT_APPLICABLE: "notApplicable",
}
_LEVELS = {Severity.LOW: "note", Severity.MEDIUM: "warning", Severity.HIGH: "error", Severity.CRITICAL: "error"}


def render(reports: Sequence[Report], look: Look) -> str:
    """Return the log. A waived failure is suppressed with its reason; an old pass is open, never passed."""
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(report) for report in reports]}
    return plain.escaped(json.dumps(log, ensure_ascii=False, indent=2)) + "\n"


def _run(report: Report) -> dict[str, Any]:
    rules = {line.control: line for machine in report.machines for line in machine.lines}
    order = {control: index for index, control in enumerate(sorted(rules))}
    away = [item for item in report.machines if item.attempt is not EndpointStatus.COLLECTED]
    counts = report.coverage
    return {
        "tool": {"driver": _driver([rules[control] for control in order], report)},
        "automationDetails": {"id": f"nomade/{report.commune}/"},
        "language": report.language,
        "invocations": [
            {
                "executionSuccessful": not away and bool(report.machines),
                "endTimeUtc": report.generated_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "toolExecutionNotifications": [_notification(item, report) for item in away],
            }
        ],
        "results": [
            _result(report, machine, line, order[line.control]) for machine in report.machines for line in machine.lines
        ],
        "properties": {
            "profile": report.profile,
            "catalogue": report.catalogue_digest,
            "controls": {"evaluated": counts.evaluated, "expected": counts.expected},
            "endpoints": {"evaluated": counts.endpoints_evaluated, "expected": counts.endpoints},
        },
    }


def _driver(rules: list[Line], report: Report) -> dict[str, Any]:
    return {
        "name": "Nomade",
        "version": __version__,
        "rules": [
            {
                "id": line.control,
                "shortDescription": {"text": line.title},
                "fullDescription": {"text": line.why},
                "help": {"text": line.fix},
                "defaultConfiguration": {"level": _LEVELS[line.severity]},
                "properties": {
                    "tags": [f"{document}: {item}" for document, ids in line.references for item in ids],
                    "severity": line.severity.value,
                },
            }
            for line in rules
        ],
    }


def _place(report: Report, machine: Machine) -> list[dict[str, Any]]:
    name = plain.one_line(machine.name)
    full = f"{report.commune}/{name}"
    return [{"logicalLocations": [{"name": name, "fullyQualifiedName": full, "kind": "resource"}]}]


def _notification(machine: Machine, report: Report) -> dict[str, Any]:
    said = wording.attempt(machine.attempt, report.language) if machine.attempt else machine.state.value
    text = ": ".join(filter(None, (machine.name, said, machine.attempt_detail)))
    return {"level": "error", "message": {"text": plain.one_line(text)}, "locations": _place(report, machine)}


def _result(report: Report, machine: Machine, line: Line, index: int) -> dict[str, Any]:
    kind = "open" if line.stale and line.verdict is Verdict.PASS else _KINDS[line.verdict]
    language = report.language
    said = "\n".join((f"{line.title} – {wording.verdict(line, language)}", *wording.details(line, language)))
    identity = "\0".join((report.commune, machine.name, line.control))
    found: dict[str, Any] = {
        "ruleId": line.control,
        "ruleIndex": index,
        "kind": kind,
        "level": _LEVELS[line.severity] if kind == "fail" else "none",
        "message": {"text": plain.block(said)},
        "locations": _place(report, machine),
        "partialFingerprints": {"nomade/v1": hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()},
        "properties": dict(_properties(machine, line)),
    }
    if line.waived:
        reason = wording.waiver(line, language)
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": plain.one_line(reason)}]
    return found


def _properties(machine: Machine, line: Line) -> Iterator[tuple[str, Any]]:
    yield "verdict", line.verdict.value
    yield "stale", line.stale
    if machine.digest and machine.collected_at:
        yield "evidence_sha256", machine.digest
        yield "collected_at", machine.collected_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
