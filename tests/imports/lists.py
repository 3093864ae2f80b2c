"""Readings as a reader would make them, and what becomes of a fleet file when they are imported."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fleet import sample
from toolkit.errors import ProblemsError
from toolkit.imports import importing
from toolkit.imports.model import Chassis, Column, Machine, Pairing, Person, Place, Reading
from toolkit.imports.plan import CommunePlan, Matter, Options, Sign
from toolkit.workspace import Workspace

TODAY = date(2026, 11, 24)
TABLE = (Column("N° de série", "serial"), Column("Téléphone", None, personal=True))

# The sample's machines as a list that has changed nothing would name them.
SAME = (
    ("essai-portable-1", "S1", Chassis.LAPTOP),
    ("essai-portable-2", "S2", Chassis.LAPTOP),
    ("essai-bureau-1", "S3", Chassis.DESKTOP),
    ("essai-bureau-2", "S4", Chassis.DESKTOP),
)


def machine(row: int, name: str | None = None, serial: str | None = None, **more: Any) -> Machine:
    return Machine(Place("liste.csv", row), name=name, serial=serial, **more)


def laptop(row: int, name: str | None = None, serial: str | None = None, **more: Any) -> Machine:
    return machine(row, name, serial, chassis=Chassis.LAPTOP, **more)


def desktop(row: int, name: str | None = None, serial: str | None = None, **more: Any) -> Machine:
    return machine(row, name, serial, chassis=Chassis.DESKTOP, **more)


def person(row: int, name: str | None, login: str | None = None, **more: Any) -> Person:
    return Person(Place("liste.csv", row), name, login, **more)


def pairing(row: int, who: str, laptop: str | None = None, office_pc: str | None = None) -> Pairing:
    return Pairing(Place("liste.csv", row), who, laptop, office_pc)


def reading(*items: Machine | Person | Pairing, columns: tuple[Column, ...] = TABLE) -> Reading:
    return Reading(
        machines=tuple(item for item in items if isinstance(item, Machine)),
        people=tuple(item for item in items if isinstance(item, Person)),
        pairings=tuple(item for item in items if isinstance(item, Pairing)),
        columns=columns,
    )


def unchanged() -> tuple[Machine, ...]:
    return tuple(machine(90 + row, name, serial, chassis=kind) for row, (name, serial, kind) in enumerate(SAME))


class Town:
    """One commune (and perhaps others), lists imported into it, and what its file says then."""

    def __init__(self, folder: Path, **fleets: str) -> None:
        self.workspace: Workspace = sample.workspace(folder / "w", **(fleets or {"essai": sample.FLEET}))

    def text(self, commune: str = "essai") -> str:
        return self.workspace.commune(commune).fleet.read_text(encoding="utf-8")

    def data(self, section: str, commune: str = "essai") -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = yaml.safe_load(self.text(commune)).get(section) or []
        return items

    def prepare(self, *items: Machine | Person | Pairing, **more: Any) -> importing.Prepared:
        columns = more.pop("columns", TABLE)
        selected = more.pop("selected", self.workspace.communes())
        return importing.prepare(
            self.workspace, [reading(*items, columns=columns)], selected, Options(more.pop("today", TODAY), **more)
        )

    def take(self, *items: Machine | Person | Pairing, **more: Any) -> CommunePlan:
        """Import; return the plan of `essai`."""
        prepared = self.prepare(*items, **more)
        importing.write(self.workspace, prepared)
        return next(part for part in prepared.plan.communes if part.commune == "essai")

    def refuses(self, *items: Machine | Person | Pairing, **more: Any) -> str:
        """Return the problems of an import that must have some, and must leave every file as it is."""
        before = {commune: self.text(commune) for commune in self.workspace.communes()}
        with pytest.raises(ProblemsError) as error:
            self.take(*items, **more)
        assert before == {commune: self.text(commune) for commune in self.workspace.communes()}
        return str(error.value)

    def difference(self, before: str) -> list[str]:
        lines = difflib.ndiff(before.splitlines(), self.text().splitlines())
        return [line for line in lines if line[0] in "+-"]


def autre() -> str:
    """Return the fleet of a commune that shares nothing with `essai`."""
    return sample.other("autre", 1).replace("Essai-le-Petit", "Autre").replace("99003", "99004")


def two_towns(folder: Path) -> Town:
    return Town(folder, essai=sample.FLEET, autre=autre())


def told(plan: CommunePlan, matter: Matter) -> list[str]:
    return [note.text for note in plan.notes if note.matter is matter]


def named(plan: CommunePlan, sign: Sign) -> set[str]:
    return {change.name for change in plan.changes if change.sign is sign}
