"""One commune's file while an import is worked out: what will be put in, what will change, what is left to people."""

from __future__ import annotations

from dataclasses import dataclass, field

from toolkit.errors import Problem
from toolkit.fleet import Fleet
from toolkit.fleet.edit import Append, Edit, Put, Value
from toolkit.imports.gather import problem
from toolkit.imports.model import Place
from toolkit.imports.plan import Change, CommunePlan, Matter, Note, Sign

Item = dict[str, Value]


@dataclass(slots=True)
class Draft:
    """Collects edits, and what is told about them. New items may be completed until `plan` is called."""

    fleet: Fleet
    problems: list[Problem] = field(default_factory=list)
    installed: int = 0
    unwritten: int = 0
    _puts: list[Put] = field(default_factory=list)
    _items: list[tuple[str, Item]] = field(default_factory=list)
    _changes: list[Change] = field(default_factory=list)
    _notes: dict[Note, None] = field(default_factory=dict)

    def add(self, section: str, item: Item, name: str, detail: str = "") -> Item:
        """Add an item to a section; the item returned may still be changed. Keys whose value is None are left out."""
        self._items.append((section, item))
        self._changes.append(Change(Sign.ADDED, section, name, detail))
        return item

    def put(self, section: str, index: int, name: str, key: str, value: Value, before: object = None) -> None:
        """Give a key of an item that is there another value."""
        self._puts.append(Put((section, index), key, value))
        detail = f"{key}: {before} → {value}" if before is not None else f"{key}: {value}"
        self._changes.append(Change(Sign.CHANGED, section, name, detail))

    def mark(self, section: str, index: int, name: str, day: str | None) -> None:
        """Mark an item as missing since a day, or (None) as found again."""
        self._puts.append(Put((section, index), "missing_since", day))
        self._changes.append(Change(Sign.MISSING if day else Sign.BACK, section, name))

    def note(self, matter: Matter, text: str, place: Place | None = None) -> None:
        """Tell something that is left to people."""
        self._notes[Note(matter, text, place)] = None

    def refuse(self, place: Place, message: str, hint: str = "") -> None:
        """Note a problem of a row: nothing will be written."""
        self.problems.append(problem(place, message, hint))

    def plan(self) -> CommunePlan:
        """Return all of it."""
        appended: list[Edit] = [Append(section, item) for section, item in self._items]
        return CommunePlan(
            self.fleet.commune.id,
            (*self._puts, *appended),
            tuple(self._changes),
            tuple(self._notes),
            tuple(self.problems),
            self.installed,
            self.unwritten,
        )
