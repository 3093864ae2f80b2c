"""ansible-runner's events → what each endpoint did. Pure: no disk, no terminal."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from toolkit.provision import words
from toolkit.provision.model import Change, EndpointRun, State


@dataclass(slots=True)
class Tally:
    """What is known of one endpoint so far."""

    name: str
    role: str = ""
    entered: set[str] = field(default_factory=set)
    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: bool = False
    counted: bool = False
    earlier: tuple[int, int] = (0, 0)
    error: str = ""
    changes: list[Change] = field(default_factory=list)

    def enter(self, role: str) -> bool:
        """Note the role now at work; return whether it is a new one. A role that another one includes comes up again
        and again, which is no news."""
        news = bool(role) and role not in self.entered
        if news:
            self.entered.add(role)
            self.role = role
        return news

    def result(self) -> EndpointRun:
        """Return the endpoint's outcome. One that Ansible never counted has not been done, so it has failed."""
        error = self.error
        if self.unreachable:
            state = State.UNREACHABLE
        elif self.failed or not self.counted:
            state = State.FAILED
            error = error or words.failure({})
        else:
            state = State.CHANGED if self.changed else State.OK
        return EndpointRun(self.name, state, self.ok, self.changed, self.failed, error, changes=tuple(self.changes))


class Recorder:
    """Feed it every event of a run; it keeps one `Tally` per endpoint. `plays` is how many a whole run starts."""

    def __init__(self, endpoints: list[str], plays: int = 0) -> None:
        self._plays = plays
        self.tallies = {name: Tally(name) for name in endpoints}
        self.start(endpoints)

    def start(self, endpoints: list[str]) -> None:
        """Begin a pass over some of the endpoints; their counts go on from what they are."""
        self.complete = False
        self._started = 0
        self._passing = set(endpoints)
        for name in endpoints:
            tally = self.tallies[name]
            tally.counted, tally.earlier = False, (tally.ok, tally.changed)

    def unfinished(self) -> list[str]:
        """Return the endpoints that this pass left half done without any fault of theirs.

        Ansible ends a whole playbook once every endpoint of one play has failed: a broken gateway, the only one of its
        play, would leave laptops without their last plays and yet counted as well.
        """
        if self._started >= self._plays:
            return []
        left = [name for name in self._passing if not self.tallies[name].failed and not self.tallies[name].unreachable]
        for name in left:
            self.tallies[name].counted = False
        return sorted(left)

    def feed(self, event: Mapping[str, Any]) -> Tally | None:
        """Take one event in; return the tally of the endpoint whose line has changed, if any."""
        kind = event.get("event", "")
        data = event.get("event_data") or {}
        if kind == "playbook_on_play_start":
            self._started += 1
        if kind == "playbook_on_stats":
            self._count(data)
            return None
        tally = self.tallies.get(str(data.get("host", "")))
        if tally is None:
            return None
        if kind == "runner_on_start":
            return tally if tally.enter(str(data.get("role") or "")) else None
        return tally if self._outcome(kind, tally, data) else None

    def _outcome(self, kind: str, tally: Tally, data: Mapping[str, Any]) -> bool:
        result = data.get("res")
        result = result if isinstance(result, Mapping) else {}
        match kind:
            case "runner_on_ok":
                tally.ok += 1
                if result.get("changed"):
                    tally.changed += 1
                    tally.changes.append(_change(data, result))
            case "runner_on_failed" if not data.get("ignore_errors"):
                tally.failed += 1
                tally.error = tally.error or _place(data, words.failure(result))
            case "runner_on_unreachable":
                tally.unreachable = True
                tally.error = tally.error or words.unreachable(result)
            case _:
                return False
        return True

    def _count(self, data: Mapping[str, Any]) -> None:
        """Ansible's own closing counts are the truth: rescued failures are not failures."""
        self.complete = True
        for name in self._passing:
            tally = self.tallies[name]
            ok, changed = tally.earlier
            tally.counted = name in (data.get("processed") or {})
            tally.ok = ok + int((data.get("ok") or {}).get(name, 0))
            tally.changed = changed + int((data.get("changed") or {}).get(name, 0))
            tally.failed = int((data.get("failures") or {}).get(name, 0))
            tally.unreachable = bool((data.get("dark") or {}).get(name, 0))

    def results(self) -> tuple[EndpointRun, ...]:
        """Return every endpoint's outcome, in inventory order."""
        return tuple(tally.result() for tally in self.tallies.values())


def _place(data: Mapping[str, Any], message: str) -> str:
    role, task = str(data.get("role") or ""), words.one_line(data.get("task") or "")
    return f"{role} · {task} : {message}" if role else f"{task} : {message}"


def _change(data: Mapping[str, Any], result: Mapping[str, Any]) -> Change:
    parts = [part for one in _each(result) for part in _differences(one)]
    listed = [str(name) for one in _each(result) for name in one.get("changed_files") or ()]
    files = listed or [name for name, _text in parts]
    texts = dict(parts)
    return Change(
        role=str(data.get("role") or ""),
        task=words.one_line(data.get("task") or ""),
        files=tuple(words.one_line(name) for name in files),
        differences=tuple(texts.get(name, "") for name in files),
        by_others=tuple(words.one_line(name) for one in _each(result) for name in one.get("by_others") or ()),
    )


def _each(result: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    items = result.get("results")
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, Mapping) and item.get("changed"))
    else:
        yield result


def _differences(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (file, unified difference) of a result; modules give one mapping or a list of them."""
    diffs = result.get("diff") or []
    for diff in diffs if isinstance(diffs, list) else [diffs]:
        if not isinstance(diff, Mapping):
            continue
        header = str(diff.get("after_header") or diff.get("before_header") or "")
        if "prepared" in diff:
            yield header or str(diff["prepared"]).partition(" (")[0], str(diff["prepared"])
        elif header and "before" in diff and "after" in diff:
            yield header.partition(" (")[0], _unified(diff)


def _unified(diff: Mapping[str, Any]) -> str:
    sides = [diff[side] if isinstance(diff[side], str) else "" for side in ("before", "after")]
    old, new = (str(diff.get(side + "_header") or "") for side in ("before", "after"))
    before, after = (side.splitlines() for side in sides)
    return "\n".join(difflib.unified_diff(before, after, old, new, lineterm="", n=2))
