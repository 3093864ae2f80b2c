"""One row of a table: its cells by field, clean, and every problem told at its row and column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from toolkit.errors import Problem
from toolkit.imports import bounds, values
from toolkit.imports.columns import Layout
from toolkit.imports.model import Machine, Pairing, Person, Place
from toolkit.imports.table import Cells, shown

T = TypeVar("T")


@dataclass(slots=True)
class Found:
    """What the rows of one table said so far."""

    machines: list[Machine] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    pairings: list[Pairing] = field(default_factory=list)
    left_aside: list[tuple[Place, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    more_problems: int = 0
    known_machines: dict[tuple[str, ...], Machine] = field(default_factory=dict)
    known_people: set[tuple[str, str]] = field(default_factory=set)

    @property
    def size(self) -> int:
        """How much was found: grows with each row that says something new."""
        return len(self.machines) + len(self.people) + len(self.pairings)

    def add(self, problem: Problem) -> None:
        """Keep a problem; beyond `bounds.PROBLEMS` they are only counted."""
        if len(self.problems) < bounds.PROBLEMS:
            self.problems.append(problem)
        else:
            self.more_problems += 1


@dataclass(frozen=True, slots=True)
class Row:
    """One row and how it is read: asks for a field and gets its clean value, or None after telling the problem."""

    table: str
    number: int
    cells: Cells
    layout: Layout
    headers: Cells
    found: Found
    told: list[str] = field(default_factory=list)
    """Fields of this row that a problem was told of."""

    def raw(self, name: str) -> str:
        """Return the cell of a field as it is, empty when there is none."""
        position = self.layout.index.get(name)
        return self.cells[position] if position is not None and position < len(self.cells) else ""

    def get(self, name: str, meaning: Callable[[str], T]) -> T | None:
        """Return what the cell of a field means; None when it is empty or unclear."""
        cell = self.raw(name)
        if not cell or cell.isspace():
            return None
        try:
            return meaning(cell)
        except values.Unclear as error:
            self.report(name, str(error), error.hint)
            return None

    def text(self, name: str) -> str | None:
        """Return the cell of a field as one line of text; None when it is empty."""
        cell = self.raw(name)
        if not cell:
            return None
        try:
            return values.line(cell, glpi=self.layout.glpi) or None
        except values.Unclear as error:
            self.report(name, str(error), error.hint)
            return None

    def word(self, name: str, meaning: Callable[[str], T]) -> T | None:
        """Return what the one line of text in a field's cell means."""
        text = self.text(name)
        return None if text is None else self.get(name, lambda _cell: meaning(text))

    def place(self, name: str | None = None) -> Place:
        """Return where the cell of a field is, or the row."""
        return Place(self.table, self.number, self.layout.index.get(name or "", 0) + 1)

    @property
    def reported(self) -> bool:
        """Whether a problem of this row was told."""
        return bool(self.told)

    def leave(self, reason: str) -> None:
        """Leave the row aside, and say why."""
        self.found.left_aside.append((self.place(), reason))

    def report(self, name: str, message: str, hint: str = "", *, quote: bool = True) -> None:
        """Tell a problem of a field's cell, once; header and value are put before it."""
        if name not in self.told:
            self.told.append(name)
            self.report_at(self.place(name).column, message, hint, quote=quote)

    def report_at(self, column: int, message: str, hint: str = "", *, quote: bool = True) -> None:
        """Tell a problem of the cell in a column that counts from 1."""
        header = shown(self.headers[column - 1]) if column <= len(self.headers) else str(column)
        value = shown(self.cells[column - 1]) if column <= len(self.cells) else ""
        # What may be somebody's telephone number or address is not repeated.
        said = f" “{value}”:" if quote and value and not values.is_private(value) else ""
        self.found.add(Problem(self.table, self.number, column, f"{header}:{said} {message}", hint))
