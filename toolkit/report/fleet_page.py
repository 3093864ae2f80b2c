"""All communes of a CIG on one page: where to act first. For the CIG alone: it speaks of every commune."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from toolkit.finding import Severity
from toolkit.report import plain, wording
from toolkit.report.html_page import page
from toolkit.report.html_view import Segment
from toolkit.report.judgement import worst_state
from toolkit.report.model import Action, Coverage, Machine, Post, Report, State
from toolkit.report.wording import translator

SCHEMA_VERSION = 1

# What one screen holds; each commune has its own list below.
_FIRST = 12
_PER_COMMUNE = 3


@dataclass(frozen=True, slots=True)
class Task:
    """Something to do in one commune, for a number of machines."""

    commune: str
    name: str
    severity: Severity
    title: str
    machines: int


@dataclass(frozen=True, slots=True)
class Weak:
    """One machine that is not compliant, and the first thing to do on it (`more`: how many others)."""

    name: str
    person: str | None
    kind: str
    state: State
    since: datetime | None
    todo: str
    more: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What the page says of one commune. The report it was made of is not kept: it holds all raw outputs."""

    commune: str
    name: str
    state: State
    posts: dict[State, int]
    coverage: Coverage
    oldest: datetime | None
    waivers: int
    expired_waivers: int
    tasks: tuple[Task, ...]
    weak: tuple[Weak, ...]

    @property
    def total(self) -> int:
        return sum(self.posts.values())


@dataclass(frozen=True, slots=True)
class Overview:
    """All communes, the one to look at first before the others."""

    cig: str
    language: str
    generated_at: datetime
    entries: tuple[Entry, ...]

    @property
    def coverage(self) -> Coverage:
        return sum((entry.coverage for entry in self.entries), Coverage())

    @property
    def posts(self) -> dict[State, int]:
        total: Counter[State] = Counter()
        for entry in self.entries:
            total.update(entry.posts)
        return {state: total[state] for state in State if total[state]}

    @property
    def first(self) -> tuple[Task, ...]:
        """Where to act first: severity, then number of machines."""
        every = (task for entry in self.entries for task in entry.tasks)
        return tuple(sorted(every, key=lambda task: (-task.severity.rank, -task.machines, task.name))[:_FIRST])

    @property
    def state(self) -> State:
        return worst_state(entry.state for entry in self.entries)


def entry_of(report: Report) -> Entry:
    """Return what the page says of one commune."""
    items: tuple[Post | Machine, ...] = report.posts or report.machines
    counted = Counter(item.state for item in items)
    todo = _by_machine(report.actions)
    moments = [machine.collected_at for machine in report.machines if machine.collected_at]
    return Entry(
        commune=report.commune,
        name=report.name,
        state=report.state,
        posts={state: counted[state] for state in State if counted[state]},
        coverage=report.coverage,
        oldest=min(moments, default=None),
        waivers=len(report.waivers),
        expired_waivers=len(report.expired_waivers),
        tasks=tuple(
            Task(report.commune, report.name, item.severity, item.title, len(item.machines))
            for item in report.actions[:_PER_COMMUNE]
        ),
        weak=tuple(
            _weak(machine, todo.get(machine.name, []))
            for machine in report.machines
            if machine.state is not State.COMPLIANT
        ),
    )


def _by_machine(actions: Iterable[Action]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in actions:
        for name in item.machines:
            found.setdefault(name, []).append(item.title)
    return found


def _weak(machine: Machine, todo: Sequence[str]) -> Weak:
    first, more = (todo[0], len(todo) - 1) if todo else ("", 0)
    return Weak(machine.name, machine.teleworker, machine.kind, machine.state, machine.since, first, more)


def overview(cig: str, language: str, now: datetime, entries: Iterable[Entry]) -> Overview:
    """Return the communes in the order to look at them: worst state, then most posts in it, then name."""

    def order(entry: Entry) -> tuple[int, int, str]:
        return entry.state.rank, -entry.posts.get(entry.state, 0), entry.name

    return Overview(cig, language, now, tuple(sorted(entries, key=order)))


def render(of: Overview, linked: frozenset[str] = frozenset()) -> str:
    """Return the page; `linked` are the communes whose own page lies beside it."""
    return page("fleet.html.j2", of.language, of=of, linked=linked, view=_View(of))


def document(of: Overview) -> str:
    """Return the same as JSON."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "cig": of.cig,
        "language": of.language,
        "generated_at": _moment(of.generated_at),
        "coverage": _coverage(of.coverage),
        "posts": of.posts,
        "communes": [{**asdict(entry), "coverage": _coverage(entry.coverage)} for entry in of.entries],
    }
    return plain.escaped(json.dumps(body, ensure_ascii=False, indent=2, default=_moment)) + "\n"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _coverage(counts: Coverage) -> dict[str, Any]:
    return {**asdict(counts), "evaluated": counts.evaluated}


class _View:
    """Words and proportions for the template."""

    def __init__(self, of: Overview) -> None:
        self._of = of

    @property
    def headline(self) -> str:
        _ = translator(self._of.language)
        total = sum(self._of.posts.values())
        return _("{number} posts of {total} are compliant, in {communes} communes").format(
            number=self._of.posts.get(State.COMPLIANT, 0), total=total, communes=len(self._of.entries)
        )

    def coverage(self, counts: Coverage) -> str:
        return wording.coverage(counts, self._of.language)

    def score(self, counts: Coverage) -> str:
        return wording.score(counts, self._of.language)

    def compliant(self, entry: Entry) -> int:
        return entry.posts.get(State.COMPLIANT, 0)

    def bar(self, entry: Entry) -> list[Segment]:
        """The posts of a commune as stretches of one bar, best first."""
        segments, start = [], 0.0
        for state, number in reversed(entry.posts.items()):
            width = round(100 * number / entry.total, 2)
            segments.append(Segment(state, round(start, 2), width))
            start += width
        return segments

    @property
    def states(self) -> list[State]:
        """The states that some commune or machine is in, worst first: what can be filtered by."""
        seen = {entry.state for entry in self._of.entries} | {item.state for e in self._of.entries for item in e.weak}
        return [state for state in State if state in seen]
