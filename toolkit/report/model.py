"""What a report says, in types: every renderer prints this and computes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from toolkit.declared import REASONS, statement
from toolkit.finding import Check, EndpointStatus, Section, Severity, Verdict
from toolkit.report.roster import RosterContact
from toolkit.waivers import Waiver


class State(StrEnum):
    """What one endpoint, post or commune is in, worst first. Only `COMPLIANT` is ever shown as good."""

    URGENT = "urgent"  # a critical control fails, or the machine shows another identity than the pinned one
    FAILING = "failing"
    NEVER = "never"  # no evidence at all
    SILENT = "silent"  # did not answer the newest attempt
    STALE = "stale"  # evidence older than the freshness limit
    UNCERTAIN = "uncertain"  # some controls could not be judged
    COMPLIANT = "compliant"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(State).index(self)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what should be known is known. A score is never printed without it.

    `expected` counts the controls that apply, those of endpoints never collected included; `passed + failed` were
    evaluated; `not_applicable` is apart from all others.
    """

    expected: int = 0
    passed: int = 0
    failed: int = 0
    error: int = 0
    manual: int = 0
    stale: int = 0
    unknown: int = 0  # applies, but the endpoint was never collected
    waived: int = 0  # part of `failed`
    declared: int = 0  # part of `passed`: on somebody's word
    not_applicable: int = 0
    endpoints: int = 0
    endpoints_evaluated: int = 0

    @property
    def evaluated(self) -> int:
        return self.passed + self.failed

    def __add__(self, other: Coverage) -> Coverage:
        names = Coverage.__dataclass_fields__
        return Coverage(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True)
class Line:
    """One control on one endpoint, with its words. `since` is `None` when no history says it.

    `waiver` is the active waiver that speaks of it, whatever the verdict; `waived` says that it covers a failure.
    """

    control: str
    title: str
    why: str
    fix: str
    severity: Severity
    verdict: Verdict
    reason: str
    checks: tuple[Check, ...] = ()
    references: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (document title, ids)
    role: str | None = None
    probe: str | None = None
    detail: str = ""
    waived: bool = False
    stale: bool = False
    since: datetime | None = None
    waiver: Waiver | None = None

    @property
    def is_open(self) -> bool:
        """Fails and nobody accepted it."""
        return self.verdict is Verdict.FAIL and not self.waived

    @property
    def declaration(self) -> dict[str, Any]:
        """Author, date, valid_until and document when the verdict rests on somebody's word; else empty."""
        return statement(self.checks) if self.reason in REASONS else {}

    @property
    def comparisons(self) -> tuple[Check, ...]:
        """What was compared on the machine: nothing, of what was declared."""
        return () if self.declaration else self.checks


@dataclass(frozen=True, slots=True)
class Machine:
    """One endpoint. `collected_at`, `digest` and `sections` describe its newest evidence, if it has any.

    `rejudged_at`: its evidence was judged again then, by later controls, without asking it.
    """

    name: str
    kind: str
    state: State
    coverage: Coverage
    attempt: EndpointStatus | None = None
    attempt_detail: str = ""
    attempted_at: datetime | None = None
    since: datetime | None = None
    collected_at: datetime | None = None
    digest: str | None = None
    sections: tuple[Section, ...] = ()
    lines: tuple[Line, ...] = ()
    teleworker: str | None = None
    rejudged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One telework post: the worst of its machines, the gateway included, is its state."""

    teleworker: str
    state: State
    since: datetime | None
    laptop: Machine | None
    office_pc: Machine | None
    gateway: Machine | None


class ActionKind(StrEnum):
    """Why something has to be done."""

    IDENTITY = "identity"  # the machine shows another host key
    CONTROL = "control"  # a control fails
    ENROL = "enrol"  # declared, never enrolled
    CONTACT = "contact"  # does not answer, or was not checked for too long
    EVIDENCE = "evidence"  # controls that could not be judged
    DECLARE = "declare"  # controls that only a person can answer


@dataclass(frozen=True, slots=True)
class Remedy:
    """What mends one control."""

    control: str
    title: str
    fix: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, for all the machines it is to be done on.

    Open controls of one role are one action, for one run of it mends them together: `title` and `fix` are those of the
    worst, `remedies` has all, worst first.
    """

    kind: ActionKind
    severity: Severity
    title: str
    fix: str
    machines: tuple[str, ...]
    remedies: tuple[Remedy, ...] = ()
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something done otherwise than the doctrine says, on purpose."""

    id: str
    title: str
    doctrine: str
    reason: str


@dataclass(frozen=True, slots=True)
class WaiverUse:
    """One waiver as a report lists it, with the machines on which its control fails at that moment.

    Of an active waiver these are the failures it covers; of an expired one, those it covers no more.
    """

    waiver: Waiver
    title: str  # of the control
    machines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A commune at the end of one day (in Paris) on which it was audited.

    `endpoints` that were ever asked by then = `compliant` + `failing` + `unknown` (never collected, silent, old or not
    fully checked); `passed`, `failed` (of them `waived`) count controls on fresh evidence.
    """

    day: date
    endpoints: int
    compliant: int
    failing: int
    unknown: int
    passed: int
    failed: int
    waived: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """One commune (or one run of the audit over part of it) at one moment, in one language.

    `waivers` are the active ones and `expired_waivers` those whose last day is over; revoked ones are history.
    `trend` rises in time and is empty where no history is known. `as_of`: `generated_at` is a moment of the past that
    was asked for. `partial`: the run covers only part of the commune, or was cut off.
    """

    commune: str
    name: str
    language: str
    profile: str
    profile_title: str
    catalogue_digest: str
    generated_at: datetime
    freshness_days: int | None
    state: State
    coverage: Coverage
    actions: tuple[Action, ...] = ()
    posts: tuple[Post, ...] = ()
    machines: tuple[Machine, ...] = ()
    deviations: tuple[Deviation, ...] = ()
    contacts: tuple[RosterContact, ...] = ()
    waivers: tuple[WaiverUse, ...] = ()
    expired_waivers: tuple[WaiverUse, ...] = ()
    trend: tuple[TrendPoint, ...] = ()
    as_of: bool = False
    partial: bool = False
