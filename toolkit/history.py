"""What became of a commune: its trend day by day, and what changed between two moments. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from toolkit.finding import EndpointStatus, Severity, Verdict
from toolkit.paris import day_of, end_of
from toolkit.report.judgement import is_stale
from toolkit.report.model import Line, Machine, Report, TrendPoint
from toolkit.store.state import Seen
from toolkit.waivers import Standing, Waiver


@dataclass(frozen=True, slots=True)
class _Count:
    """One endpoint at the end of one day."""

    state: str  # a field of TrendPoint: compliant, failing or unknown
    passed: int = 0
    failed: int = 0
    waived: int = 0


def trend(
    seen: Sequence[Seen],
    roster: Iterable[str],
    freshness_days: int | None,
    *,
    since: date,
    until: datetime,
    waivers: Sequence[Waiver] = (),
    failed_of: Mapping[int, Sequence[str]] | None = None,
) -> tuple[TrendPoint, ...]:
    """Return one point per day on which the commune was audited, oldest first.

    An endpoint counts from its first attempt on; one that has left the `roster` (names declared now), until a month
    after its last. `failed_of` names the failed controls of results (`Store.failed_of`), for those that waivers speak
    of.
    """
    declared, histories = set(roster), defaultdict(list)
    for item in seen:
        if item.known_from < until:
            histories[item.endpoint].append(item)
    pasts = {name: _Past(items) for name, items in histories.items()}
    judge = _Judge(freshness_days, waivers, failed_of or {})
    points = []
    for day in sorted({day_of(item.known_from) for items in histories.values() for item in items}):
        if day >= since:
            at = min(end_of(day), until)
            known = ((name, past.before(at)) for name, past in pasts.items())
            counts = [
                judge.count(*found, at) for name, found in known if found and _counts(name, found[0], declared, at)
            ]
            points.append(_point(day, counts))
    return tuple(points)


def _counts(name: str, newest: Seen, declared: Collection[str], at: datetime) -> bool:
    """Return whether a machine is one of the commune at `at`: declared now, or audited not long before."""
    return name in declared or at - newest.at <= timedelta(days=31)


class _Past:
    """The attempts on one endpoint, to be asked what was known at any moment."""

    def __init__(self, items: Iterable[Seen]) -> None:
        self._known: list[tuple[datetime, Seen, Seen | None]] = []
        newest: Seen | None = None
        evidence: Seen | None = None
        for item in sorted(items, key=lambda item: (item.known_from, item.id)):
            newest = item if newest is None or _age(item) > _age(newest) else newest
            if item.evidence and (evidence is None or _age(item) > _age(evidence)):
                evidence = item
            self._known.append((item.known_from, newest, evidence))

    def before(self, at: datetime) -> tuple[Seen, Seen | None] | None:
        """Return the newest attempt and the newest evidence before a moment; None: nothing was known yet."""
        index = bisect_left(self._known, at, key=lambda known: known[0])
        return self._known[index - 1][1:] if index else None


def _age(item: Seen) -> tuple[datetime, int]:
    return item.at, item.id


def _point(day: date, counts: Sequence[_Count]) -> TrendPoint:
    states = [item.state for item in counts]
    return TrendPoint(
        day,
        len(counts),
        *(states.count(name) for name in ("compliant", "failing", "unknown")),
        *(sum(getattr(item, name) for item in counts) for name in ("passed", "failed", "waived")),
    )


class _Judge:
    """The rules of `toolkit.report.judgement`, on numbers."""

    def __init__(
        self, freshness_days: int | None, waivers: Sequence[Waiver], failed_of: Mapping[int, Sequence[str]]
    ) -> None:
        self._freshness_days, self._failed_of = freshness_days, failed_of
        self._waivers = waivers

    def count(self, newest: Seen, last: Seen | None, at: datetime) -> _Count:
        """Count one endpoint at `at`, from the newest attempt on it and its newest evidence."""
        if newest.status is EndpointStatus.KEY_CHANGED:
            return _Count("failing")
        if last is None:
            return _Count("unknown")
        waived = self._waived(last, at)
        stale = is_stale(last.at, at, self._freshness_days)
        numbers = (0, 0, 0) if stale else (last.passed, last.failed, waived)
        if last.failed > waived:
            return _Count("failing", *numbers)
        sure = not stale and newest.status is EndpointStatus.COLLECTED and not last.unjudged
        return _Count("compliant" if sure and last.passed + last.failed else "unknown", *numbers)

    def _waived(self, item: Seen, at: datetime) -> int:
        failed = self._failed_of.get(item.id, ())
        active = [waiver for waiver in self._waivers if waiver.standing(at) is Standing.ACTIVE]
        return sum(any(each.applies_to(name, item.endpoint, item.kind) for each in active) for name in failed)


@dataclass(frozen=True, slots=True)
class Change:
    """One control on one machine that is not what it was; `None`: nothing was known of it."""

    endpoint: str
    control: str
    title: str
    severity: Severity
    before: Verdict | None
    after: Verdict | None
    since: datetime | None = None
    waived: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed in a commune between two moments, worst first in each list.

    `new`: fails, and was not known to be met before. `regressed`: was met, fails. `fixed`: failed, is met. `unproven`:
    was judged, and nobody can say now (could not be checked, too old). `appeared` and `gone`: machines.
    """

    commune: str
    name: str
    before: datetime
    after: datetime
    new: tuple[Change, ...]
    regressed: tuple[Change, ...]
    fixed: tuple[Change, ...]
    unproven: tuple[Change, ...]
    appeared: tuple[str, ...]
    gone: tuple[str, ...]


def difference(before: Report, after: Report, known_before: Iterable[str]) -> Difference:
    """Return what changed between two reports of one commune.

    `known_before`: every machine that had been asked by then, those that are not declared any more included.
    """
    then = {machine.name: machine for machine in before.machines}
    changes = [change for machine in after.machines for change in _changes(then.get(machine.name), machine)]
    ordered = sorted(changes, key=lambda item: (-item.severity.rank, item.control, item.endpoint))
    declared, known = {machine.name for machine in after.machines}, set(known_before)
    asked = {machine.name for machine in after.machines if machine.attempt is not None}

    def kind(wanted: str) -> tuple[Change, ...]:
        return tuple(item for item in ordered if _kind(item) == wanted)

    return Difference(
        commune=after.commune,
        name=after.name,
        before=before.generated_at,
        after=after.generated_at,
        new=kind("new"),
        regressed=kind("regressed"),
        fixed=kind("fixed"),
        unproven=kind("unproven"),
        appeared=tuple(sorted(asked - known)),
        gone=tuple(sorted(known - declared)),
    )


def _changes(before: Machine | None, after: Machine) -> Iterator[Change]:
    then = {line.control: line for line in before.lines} if before else {}
    for line in after.lines:
        old, new = _verdict(then.get(line.control)), _verdict(line)
        if old is not new:
            words = (line.control, line.title, line.severity)
            yield Change(after.name, *words, old, new, line.since, line.waived)


def _verdict(line: Line | None) -> Verdict | None:
    """Return what is known; old evidence vouches for nothing that is met, and still accuses of what is not."""
    if line is None or (line.stale and line.verdict is not Verdict.FAIL):
        return None
    return line.verdict


def _kind(change: Change) -> str:
    if change.after is Verdict.FAIL:
        return "regressed" if change.before is Verdict.PASS else "new"
    if change.after is Verdict.PASS:
        return "fixed" if change.before is Verdict.FAIL else ""
    known = change.before in (Verdict.PASS, Verdict.FAIL)
    return "unproven" if known and change.after is not Verdict.NOT_APPLICABLE else ""
