"""What was asked of a run, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from toolkit.errors import ExitCode, worst

SITE = "site.yml"
"""The playbook that sets endpoints up."""


@dataclass(frozen=True, slots=True)
class Options:
    """One run as asked for. `check` changes nothing; `diff` logs the differences; `tags` are Ansible's, by comma;
    `facts` are given to `playbook` besides the inventory's."""

    limit: str | None = None
    tags: str | None = None
    check: bool = False
    diff: bool = False
    verbosity: int = 0
    playbook: str = SITE
    facts: Mapping[str, bool | str] = field(default_factory=dict)


class State(StrEnum):
    """How one endpoint came out of a run."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOT_ENROLLED = "not_enrolled"


_CODES = {
    State.OK: ExitCode.OK,
    State.CHANGED: ExitCode.OK,
    State.FAILED: ExitCode.NOT_COMPLIANT,
    State.UNREACHABLE: ExitCode.UNREACHABLE,
    State.NOT_ENROLLED: ExitCode.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One task that changed (in check mode: would change) something. `files` and `differences` match one to one.

    `by_others`: those of the files that somebody else had changed since the toolkit wrote them.
    """

    role: str
    task: str
    files: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    by_others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointRun:
    """One endpoint: task counts as Ansible counts them (`ok` includes `changed`), first error and note in one line."""

    name: str
    state: State
    ok: int = 0
    changed: int = 0
    failed: int = 0
    error: str = ""
    note: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run over (part of) one commune. `log` is None when no endpoint could be tried."""

    commune: str
    check: bool
    started_at: datetime
    finished_at: datetime
    endpoints: tuple[EndpointRun, ...]
    log: Path | None = None

    @property
    def code(self) -> ExitCode:
        """Exit code: 0 all went well · 2 a task failed · 3 no endpoint · 4 some not reached, the rest went well."""
        return worst(_CODES[endpoint.state] for endpoint in self.endpoints)

    def in_state(self, *states: State) -> tuple[EndpointRun, ...]:
        """Return the endpoints in one of `states`, in inventory order."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.state in states)
