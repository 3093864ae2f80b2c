"""What was done about one lost laptop, and when: `.nomade/lost/<host>.json`, whole after every step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.i18n import _
from toolkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline: ISO 8601 in UTC, the step it belongs to, what happened."""

    at: str
    step: str
    said: str


@dataclass(frozen=True, slots=True)
class Journal:
    """One loss. `done` are the steps that need not be done again; `pin` is how the laptop was known and reached."""

    host: str
    commune: str
    reason: str
    noticed_at: str
    """When somebody learned of it: the clocks of the law start here. ISO 8601 in UTC."""
    done: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    pin: Mapping[str, str] = field(default_factory=dict)
    found_at: str = ""

    @property
    def noticed(self) -> datetime:
        return datetime.fromisoformat(self.noticed_at)

    def with_event(self, step: str, said: str, *, done: bool) -> Journal:
        """Return the journal after one more attempt; what was said last of a step is not said again."""
        last = next((event.said for event in reversed(self.events) if event.step == step), None)
        events = self.events if said == last else (*self.events, Event(_now(), step, said))
        return replace(self, events=events, done=(*self.done, step) if done and step not in self.done else self.done)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _path(workspace: Workspace, host: str) -> Path:
    folder = workspace.state / "lost"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{host}.json"


def load(workspace: Workspace, host: str) -> Journal | None:
    """Return the journal of a loss; None when there is none, or the laptop was found since.

    Raises:
        BadInputError: the file is damaged.
    """
    path = _path(workspace, host)
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        events = tuple(Event(**event) for event in raw.pop("events"))
        journal = Journal(**{**raw, "done": tuple(raw["done"])}, events=events)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInputError(_("{file}: damaged journal: {error}").format(file=path, error=error)) from error
    return journal


def save(workspace: Workspace, journal: Journal) -> Journal:
    """Keep a journal; what was kept of an earlier loss of the same machine stays beside it. Returns it."""
    path = _path(workspace, journal.host)
    before = load(workspace, journal.host)
    if before is not None and before.noticed_at != journal.noticed_at:
        stamp = before.noticed.strftime("%Y%m%dT%H%M%S")
        path.rename(path.with_name(f"{journal.host}-{stamp}.json.old"))
    write_atomically(path, json.dumps(asdict(journal), ensure_ascii=False, indent=2) + "\n", 0o600)
    return journal


def open_losses(workspace: Workspace) -> list[str]:
    """Return the laptops that are lost and not found."""
    names = sorted(path.stem for path in (workspace.state / "lost").glob("*.json"))
    journals = (load(workspace, name) for name in names)
    return [journal.host for journal in journals if journal and not journal.found_at]
