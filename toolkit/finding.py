"""Evidence, findings and audits: the typed objects that travel from collection to reports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any


class SectionStatus(StrEnum):
    """How one probe's command ended on the endpoint. Only `OK` may ever lead to `pass`."""

    OK = "ok"
    FAILED = "failed"  # the command ended with a non-zero exit status
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"  # more output than the probe's limit
    MISSING = "missing"  # the section did not come back at all


@dataclass(frozen=True, slots=True)
class Section:
    """The raw output of one probe. `text` is evidence: never interpreted as markup, code or template."""

    probe: str
    status: SectionStatus
    exit_code: int | None
    text: str


@dataclass(frozen=True)
class Evidence:
    """All that one endpoint said in one collection. `collected_at` is the control machine's clock, in UTC."""

    endpoint: str
    collected_at: datetime
    sections: Mapping[str, Section]

    @property
    def canonical(self) -> bytes:
        """The one spelling (JSON) of endpoint and sections that the digest is made of; the time is not part of it."""
        body = {
            "endpoint": self.endpoint,
            "sections": [
                [name, part.status.value, part.exit_code, part.text] for name, part in sorted(self.sections.items())
            ],
        }
        return json.dumps(body, ensure_ascii=False, sort_keys=True).encode()

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of `canonical`."""
        return hashlib.sha256(self.canonical).hexdigest()


class Verdict(StrEnum):
    """One control judged on one endpoint. Waived and stale are overlays of a finding, not verdicts."""

    PASS = "pass"  # noqa: S105 — a verdict, not a password
    FAIL = "fail"
    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"
    MANUAL = "manual"


class Severity(StrEnum):
    """How bad it is when the control fails; members are in rising order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low … 3 for critical."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Check:
    """One compared fact of a finding: what was expected of which key, and what was there (JSON values)."""

    key: str
    operator: str
    expected: Any
    actual: Any
    met: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One control judged on one endpoint.

    `reason` is a stable code for the renderer to put in words: `compared`, `missing`, `failed`, `timeout`,
    `truncated`, `unparsable`, `unreachable`, `setting` (a setting it compares with is missing), `kind` and `no_post`
    (not applicable: to this kind of endpoint, to one without a post), `not_here` (nor to one that has nothing of it);
    where a person answers, `undeclared`, `declared`, `declared_unmet` and `declaration_expired`, with the declaration
    as the one check.
    """

    endpoint: str
    control: str
    severity: Severity
    verdict: Verdict
    reason: str
    checks: tuple[Check, ...] = ()
    probe: str | None = None
    detail: str = ""
    waived: bool = False
    stale: bool = False


class EndpointStatus(StrEnum):
    """Whether an endpoint could be asked at all."""

    COLLECTED = "collected"
    UNREACHABLE = "unreachable"
    NOT_ENROLLED = "not_enrolled"
    KEY_CHANGED = "key_changed"


@dataclass(frozen=True, slots=True)
class EndpointAudit:
    """What one audit says of one endpoint. Not collected means no evidence and no findings.

    `rejudged_at`: the evidence was in the store already and was judged again then (UTC), without asking the endpoint.
    """

    endpoint: str
    kind: str
    status: EndpointStatus
    detail: str = ""
    evidence: Evidence | None = None
    findings: tuple[Finding, ...] = ()
    rejudged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """One run of `nomade audit` over (part of) one commune.

    `expected`: how many endpoints the commune has (None: not known); not `complete`: still running, or cut off.
    """

    commune: str
    profile: str
    started_at: datetime
    finished_at: datetime
    catalogue_digest: str
    endpoints: tuple[EndpointAudit, ...] = field(default=())
    complete: bool = True
    expected: int | None = None

    @property
    def partial(self) -> bool:
        """Whether it says nothing of some endpoints of the commune."""
        return not self.complete or (self.expected is not None and len(self.endpoints) < self.expected)
