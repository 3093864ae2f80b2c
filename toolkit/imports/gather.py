"""Several readings → one lot per commune: rows of the same machine or person together, every row in its commune."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from toolkit.errors import Problem
from toolkit.fleet.text import folded, forbidden
from toolkit.i18n import _
from toolkit.imports import cleaning
from toolkit.imports.model import Chassis, Machine, Pairing, Person, Place, Reading
from toolkit.imports.split import Split, Unknown

T = TypeVar("T", Machine, Person, Pairing)

_LONGEST = 200  # of a text in a fleet file


@dataclass(slots=True)
class Lot:
    """What the lists say of one commune."""

    commune: str
    machines: list[Machine] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    pairings: list[Pairing] = field(default_factory=list)
    whole: bool = False
    """At least one of the lists is a table, which names the whole park unless it was said not to."""


@dataclass(slots=True)
class Gathered:
    """All lots, and what belongs to none."""

    lots: dict[str, Lot]
    problems: list[Problem] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    elsewhere: int = 0


def problem(place: Place, message: str, hint: str = "") -> Problem:
    """Return a problem at a row of a list."""
    return Problem(place.file, place.row, place.column, message, hint)


def serial_key(serial: str | None) -> str | None:
    """Return a serial number as it is compared; None for what only stands in for one."""
    clean = cleaning.serial(serial)
    return folded(clean).replace(" ", "") if clean else None


def person_key(name: str) -> tuple[str, ...]:
    """Return a person's name as it is compared: `MARTIN Claire` is `Claire Martin`."""
    return tuple(sorted(folded(name).replace(",", " ").split()))


def gather(readings: Sequence[Reading], split: Split, selected: Sequence[str]) -> Gathered:
    """Return one lot for each of the `selected` communes.

    Rows without an entity belong to the one selected commune, if there is but one. Rows of other communes are counted.
    """
    result = Gathered({commune: Lot(commune) for commune in selected})
    sorter = _Sorter(split, result)
    for reading in readings:
        result.problems += reading.problems
        sorter.take(reading)
    sorter.finish()
    for lot in result.lots.values():
        lot.machines = _combined(lot.machines, result.problems)
    _refuse_shared(result)
    return result


class _Sorter:
    def __init__(self, split: Split, result: Gathered) -> None:
        self._split, self._result = split, result
        self._only = next(iter(result.lots)) if len(result.lots) == 1 else None
        self._rows: dict[tuple[str, int], str | None] = {}
        self._strangers: list[tuple[str, Place]] = []
        self._homeless: list[Place] = []

    def take(self, reading: Reading) -> None:
        for machine in reading.machines:
            clean = _tidy_machine(machine)
            if self._sound(clean) and (lot := self._lot(clean.entity, clean.place)):
                lot.machines.append(clean)
                # Inventories of agents name personal columns they did not read, but are no list of the park.
                lot.whole = lot.whole or any(column.field for column in reading.columns)
        for person in map(_tidy, reading.people):
            known = self._sound(person) and (person.name or person.login)
            if known and (lot := self._lot(person.entity, person.place)):
                lot.people.append(person)
        for pairing in map(_tidy, reading.pairings):
            if self._sound(pairing) and pairing.person and (lot := self._lot(None, pairing.place)):
                lot.pairings.append(pairing)

    def finish(self) -> None:
        self._result.unknown = self._split.unknown(self._strangers)
        if self._homeless:
            first = min(self._homeless)
            self._result.problems.append(
                problem(
                    first,
                    _("no commune in this row (rows like it: {count})").format(count=len(self._homeless)),
                    _("name the commune with --commune, or map a column to the entity"),
                )
            )

    def _lot(self, entity: str | None, place: Place) -> Lot | None:
        row = (place.file, place.row)
        if entity is None and row in self._rows:
            owner = self._rows[row]
            return self._result.lots.get(owner) if owner else None
        owner = self._owner(entity, place, counted=row not in self._rows)
        self._rows[row] = owner
        return self._result.lots.get(owner) if owner else None

    def _owner(self, entity: str | None, place: Place, *, counted: bool) -> str | None:
        if entity is None:
            if self._only is None and counted:
                self._homeless.append(place)
            return self._only
        owners = self._split.owners(entity)
        if len(owners) != 1:
            if counted:
                self._strangers.append((entity, place))
            return None
        (owner,) = owners
        if owner not in self._result.lots and counted:
            self._result.elsewhere += 1
        return owner

    def _sound(self, item: Machine | Person | Pairing) -> bool:
        """Note every text that no fleet file may hold; such a row is taken no further."""
        wrong = [
            problem(item.place, message)
            for slot in fields(item)
            if type(value := getattr(item, slot.name)) is str and (message := _refusal(value))
        ]
        self._result.problems += wrong
        return not wrong


def _refusal(text: str) -> str | None:
    found = forbidden(text)
    if found is not None:
        shown = "".join(sign if sign.isprintable() else "?" for sign in text[:60])
        return _("“{value}”: not allowed in any text: {found}").format(value=shown, found=found)
    if len(text) > _LONGEST:
        return _("“{value}…”: longer than {limit} characters").format(value=text[:40], limit=_LONGEST)
    return None


def _tidy(item: T) -> T:
    """Return the item with every text trimmed, and None for those that say nothing."""
    trimmed: dict[str, Any] = {
        slot.name: text.strip() or None for slot in fields(item) if type(text := getattr(item, slot.name)) is str
    }
    return replace(item, **trimmed)


def _tidy_machine(machine: Machine) -> Machine:
    macs = tuple(dict.fromkeys(clean for mac in machine.macs if (clean := cleaning.mac(mac))))
    return replace(_tidy(machine), serial=cleaning.serial(machine.serial), macs=macs)


def _combined(machines: Iterable[Machine], problems: list[Problem]) -> list[Machine]:
    """Return the machines with the rows of one serial number made one; rows that contradict each other are problems."""
    result: dict[object, Machine] = {}
    for machine in machines:
        key: object = serial_key(machine.serial) or machine.place
        while key in result and not machine.serial:
            key = (key, len(result))
        before = result.get(key)
        if before is None:
            result[key] = machine
        elif contradiction := _contradiction(before, machine):
            problems.append(
                problem(
                    machine.place,
                    _("serial number “{serial}” is also in row {row}, and they disagree on: {what}").format(
                        serial=machine.serial, row=_row(before.place, machine.place), what=contradiction
                    ),
                    _("keep one of the two rows, or correct the serial number"),
                )
            )
        else:
            result[key] = _both(before, machine)
    return list(result.values())


def _row(place: Place, beside: Place) -> str:
    return str(place.row) if place.file == beside.file else f"{place.file}:{place.row}"


def _contradiction(one: Machine, other: Machine) -> str | None:
    pairs: list[tuple[str, object, object]] = [
        (_("kind of machine"), _known(one.chassis), _known(other.chassis)),
        (_("what becomes of it"), one.fate, other.fate),
    ]
    if one.place.file == other.place.file:
        pairs.append((_("name"), one.name and folded(one.name), other.name and folded(other.name)))
    return next((what for what, left, right in pairs if left and right and left != right), None)


def _known(chassis: Chassis) -> Chassis | None:
    return None if chassis is Chassis.UNKNOWN else chassis


def _both(one: Machine, other: Machine) -> Machine:
    filled = {
        slot.name: getattr(other, slot.name)
        for slot in fields(one)
        if getattr(one, slot.name) is None or getattr(one, slot.name) is Chassis.UNKNOWN
    }
    return replace(one, **(filled | {"macs": tuple(dict.fromkeys((*one.macs, *other.macs)))}))


def _refuse_shared(result: Gathered) -> None:
    """Note each machine that the lists give to two communes: by serial number, by MAC address where one has none."""
    first: dict[str, tuple[str, Machine]] = {}
    for lot in result.lots.values():
        for machine in lot.machines:
            serial = serial_key(machine.serial)
            for key in (serial, *machine.macs) if machine.chassis is not Chassis.OTHER else (serial,):
                owner, before = first.setdefault(key, (lot.commune, machine)) if key else (lot.commune, machine)
                if owner == lot.commune or (key != serial and machine.serial and before.serial):
                    continue
                result.problems.append(
                    problem(
                        machine.place,
                        _("“{key}” is in {commune} here and in {other} in row {row}").format(
                            key=key, commune=lot.commune, other=owner, row=_row(before.place, machine.place)
                        ),
                        _("a machine belongs to one commune: correct the entity of one row"),
                    )
                )
