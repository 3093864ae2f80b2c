"""Typed objects to table rows and back. No query here, no clock."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from toolkit.finding import (
    Audit,
    Check,
    EndpointAudit,
    EndpointStatus,
    Evidence,
    Finding,
    Section,
    SectionStatus,
    Severity,
    Verdict,
)
from toolkit.once import Once
from toolkit.store.state import Seen


def pack_evidence(evidence: Evidence) -> bytes:
    """Return the sections, compressed. The time is not in it: equal outputs give equal bytes.

    At level 3: a tenth larger than at zlib's own choice, in a third of its time.
    """
    body = [[name, part.status.value, part.exit_code, part.text] for name, part in sorted(evidence.sections.items())]
    return zlib.compress(json.dumps(body, ensure_ascii=False).encode(), 3)


def unpack_sections(body: bytes) -> dict[str, Section]:
    """Return the sections by probe name.

    Raises:
        ValueError: the bytes are not what `pack_evidence` made.
    """
    try:
        rows = json.loads(zlib.decompress(body))
        return {name: Section(name, SectionStatus(status), code, text) for name, status, code, text in rows}
    except (zlib.error, TypeError) as error:
        raise ValueError(str(error)) from error


def storable(text: str) -> str:
    """Return a text that both databases keep: no NUL and no half of a character, which a hostile answer may hold."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def run_row(audit: Audit) -> dict[str, Any]:
    return {
        "commune": audit.commune,
        "profile": audit.profile,
        "started_at": audit.started_at,
        "finished_at": audit.finished_at,
        "catalogue_digest": audit.catalogue_digest,
        "complete": audit.complete,
        "expected": audit.expected,
    }


_COUNTED = {"passed": (Verdict.PASS,), "failed": (Verdict.FAIL,), "unjudged": (Verdict.ERROR, Verdict.MANUAL)}


def endpoint_row(part: EndpointAudit, run: int, commune: str, profile: str, at: datetime) -> dict[str, Any]:
    """`at`: when the attempt ended, for an endpoint that gave no evidence."""
    verdicts = [item.verdict for item in part.findings]
    return {
        "run": run,
        "commune": commune,
        "profile": profile,
        "endpoint": part.endpoint,
        "kind": part.kind,
        "status": part.status.value,
        "detail": storable(part.detail),
        "observed_at": part.evidence.collected_at if part.evidence else at,
        "digest": part.evidence.digest if part.evidence else None,
        "rejudged_at": part.rejudged_at,
        **{name: sum(map(verdicts.count, which)) for name, which in _COUNTED.items()},
    }


_CHECK = tuple(field.name for field in fields(Check))


# The columns of `finding_values`, in its order.
FINDING = ("endpoint_audit", "control", "severity", "verdict", "reason", "checks", "probe", "detail", "waived")


def finding_values(finding: Finding, endpoint_audit: int) -> tuple[Any, ...]:
    """Return the values of one row, as the driver takes them.

    `stale` and `waived` are left out: they depend on the day one looks, not on what was found. (The column `waived` is
    there for stores of before waivers had a file.)
    """
    return (
        endpoint_audit,
        finding.control,
        _TEXT[finding.severity],
        _TEXT[finding.verdict],
        finding.reason,
        _checks_text(finding.checks) if finding.checks else "[]",
        finding.probe,
        storable(finding.detail) if finding.detail else "",
        False,
    )


# Equal answers are judged once (toolkit/evaluate.py), and what was compared is written once.
_checks_text = Once[tuple[Check, ...], str](
    lambda checks: json_text([{name: getattr(check, name) for name in _CHECK} for check in checks])
)


@lru_cache(maxsize=4096)
def _checks(text: str) -> tuple[Check, ...]:
    """Return what was compared; machines that are set up alike share it."""
    return tuple(Check(**check) for check in json.loads(text))


def as_kept(part: EndpointAudit) -> EndpointAudit:
    """Return a result as reading it back gives it, without reading it: the same for nearly all of them."""
    findings = tuple(map(_finding_as_kept, part.findings))
    return replace(part, detail=storable(part.detail), findings=findings)


def _finding_as_kept(finding: Finding) -> Finding:
    checks = _checks_as_kept(finding.checks) if finding.checks else ()
    detail = storable(finding.detail) if finding.detail else ""
    if checks is finding.checks and detail == finding.detail and not (finding.waived or finding.stale):
        return finding
    return replace(finding, checks=checks, detail=detail, waived=False, stale=False)


def _through_text(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    read = _checks(_checks_text(checks))
    return checks if read == checks else read


_checks_as_kept = Once[tuple[Check, ...], tuple[Check, ...]](_through_text)


def json_text(value: Any) -> str:
    """Return JSON that both databases take: PostgreSQL knows no NaN, which an endpoint may well send."""
    try:
        return _ENCODER.encode(value)
    except ValueError:
        return _ENCODER.encode(_finite(value))


_ENCODER = json.JSONEncoder(allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


# Looking an enumeration's member up by its value is slow, and there are hundreds of findings for each endpoint.
_severity, _verdict = lru_cache(Severity), lru_cache(Verdict)
_TEXT: dict[str, str] = {item: item.value for item in (*Severity, *Verdict)}  # the way back; no two are spelt alike


def finding_of(row: Row[Any], endpoint: str) -> Finding:
    return Finding(
        endpoint=endpoint,
        control=row.control,
        severity=_severity(row.severity),
        verdict=_verdict(row.verdict),
        reason=row.reason,
        checks=_checks(row.checks_text),
        probe=row.probe,
        detail=row.detail,
    )


def endpoint_audit_of(row: Row[Any], findings: Iterable[Row[Any]], body: bytes | None) -> EndpointAudit:
    """Return one endpoint's part of an audit, and check that its evidence is what was stored.

    Raises:
        ValueError: the evidence does not have the digest it was stored under.
    """
    evidence = None
    if row.digest is not None:
        evidence = Evidence(row.endpoint, row.observed_at, unpack_sections(body or b""))
        if evidence.digest != row.digest:
            raise ValueError(f"{row.endpoint}: {row.digest}")
    return EndpointAudit(
        endpoint=row.endpoint,
        kind=row.kind,
        status=EndpointStatus(row.status),
        detail=row.detail,
        evidence=evidence,
        findings=tuple(finding_of(item, row.endpoint) for item in findings),
        rejudged_at=row.rejudged_at,
    )


def seen_of(row: Row[Any], profile: str) -> Seen:
    status = EndpointStatus(row.status)
    return Seen(
        id=row.id,
        endpoint=row.endpoint,
        kind=row.kind,
        status=status,
        at=row.observed_at,
        known_from=row.rejudged_at or row.observed_at,
        evidence=status is EndpointStatus.COLLECTED and row.profile == profile,
        passed=row.passed,
        failed=row.failed,
        unjudged=row.unjudged,
    )
