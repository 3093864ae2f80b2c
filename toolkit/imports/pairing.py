"""Who uses what: laptop ↔ teleworker ↔ office PC, where the list says so and says it once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from toolkit.fleet.document import suggestion
from toolkit.fleet.text import folded
from toolkit.i18n import _
from toolkit.imports.draft import Draft
from toolkit.imports.gather import serial_key
from toolkit.imports.matching import Entry, Owners
from toolkit.imports.model import Chassis, Fate, Machine, Pairing, Place
from toolkit.imports.naming import slug
from toolkit.imports.people import Register, Someone
from toolkit.imports.plan import Matter


@dataclass(slots=True, eq=False)
class Seen:
    """One machine: its row (None: only the fleet knows it) and its entry in the fleet (None: it is new)."""

    machine: Machine | None
    entry: Entry | None

    @property
    def shown(self) -> str:
        """How messages call it."""
        if self.entry:
            return self.entry.name
        return (self.machine and (self.machine.name or self.machine.serial)) or "?"

    @property
    def is_laptop(self) -> bool:
        """Whether it is, or will be, in the section of laptops."""
        if self.entry is not None:
            return self.entry.section == "laptops"
        return self.machine is not None and self.machine.chassis is Chassis.LAPTOP

    @property
    def is_desktop(self) -> bool:
        """Whether it stays at the town hall: a fixed post or an office PC."""
        if self.entry is not None:
            return self.entry.section != "laptops"
        machine = self.machine
        return machine is not None and (machine.chassis is Chassis.DESKTOP or machine.fate is not None)


@dataclass(slots=True, eq=False)
class Pair:
    """What one person uses, as all rows together say it."""

    someone: Someone
    place: Place
    laptops: list[Seen] = field(default_factory=list)
    office_pcs: list[Seen] = field(default_factory=list)


class Machines:
    """Finds the machine that a pairing names, by serial number or name."""

    def __init__(self, draft: Draft, seen: Iterable[Seen], elsewhere: Owners) -> None:
        self._draft, self._elsewhere = draft, elsewhere
        self._by: dict[str, list[Seen]] = {}
        for one in seen:
            for key in self._keys(one):
                same = self._by.setdefault(key, [])
                if one not in same:
                    same.append(one)

    @staticmethod
    def _keys(one: Seen) -> set[str]:
        names = set(one.entry.names) if one.entry else set()
        serials = {one.entry.serial} if one.entry else set()
        if one.machine:
            names |= {folded(one.machine.name or "")}
            serials |= {one.machine.serial}
        return {f"name {name}" for name in names if name} | {
            f"serial {key}" for text in serials if (key := serial_key(text))
        }

    def named(self, text: str, place: Place) -> Seen | None:
        """Return the machine; None when there is none or more than one, a problem."""
        serial = serial_key(text)
        found = self._by.get(f"serial {serial}", []) or self._by.get(f"name {folded(text)}", [])
        found = found or self._by.get(f"name {slug(text)}", [])
        if len(found) == 1:
            return found[0]
        if found:
            self._draft.refuse(
                place, _("several machines are called “{name}”").format(name=text), _("give the serial number")
            )
        elif owner := self._elsewhere.get(("serial", serial or "")):
            self._draft.refuse(
                place,
                _("“{name}” is {machine} of commune {owner}: nobody of {commune} can use it").format(
                    name=text, machine=owner[1], owner=owner[0], commune=self._draft.fleet.commune.id
                ),
            )
        else:
            known = [key.partition(" ")[2] for key in self._by]
            self._draft.refuse(
                place,
                _("no machine of this commune, in list or fleet, is called “{name}”").format(name=text),
                suggestion(folded(text), known),
            )
        return None


def pairs(draft: Draft, pairings: Sequence[Pairing], register: Register, machines: Machines) -> list[Pair]:
    """Return one pair for each person whom the list gives a machine, in the order of the list.

    A person that cannot be told from another, and a machine that does not exist, are problems.
    """
    found: dict[int, Pair] = {}
    for pairing in pairings:
        someone = register.named(pairing.person, pairing.place)
        laptop = machines.named(pairing.laptop, pairing.place) if pairing.laptop else None
        office_pc = machines.named(pairing.office_pc, pairing.place) if pairing.office_pc else None
        if someone is None:
            continue
        pair = found.setdefault(id(someone), Pair(someone, pairing.place))
        for one, wanted, kept in ((laptop, True, pair.laptops), (office_pc, False, pair.office_pcs)):
            if one is not None and one not in kept and _fits(draft, one, pairing.place, laptop=wanted):
                kept.append(one)
    return list(found.values())


def _fits(draft: Draft, one: Seen, place: Place, *, laptop: bool) -> bool:
    wrong = one.is_desktop if laptop else one.is_laptop
    if wrong:
        draft.refuse(
            place,
            _("{name} is not a laptop").format(name=one.shown)
            if laptop
            else _("{name} is a laptop, not an office PC").format(name=one.shown),
        )
    return not wrong


def only(draft: Draft, pair: Pair, found: Sequence[Seen], what: str) -> Seen | None:
    """Return the one machine of a kind that a person has; several are told, none of them is picked."""
    usable = [one for one in found if one.machine is None or one.machine.fate is not Fate.RETIRED]
    if len(usable) > 1:
        draft.note(
            Matter.UNPAIRED,
            _("{person}: several of one kind ({what}): {names}").format(
                person=pair.someone.shown, what=what, names=", ".join(one.shown for one in usable)
            ),
            pair.place,
        )
    return usable[0] if len(usable) == 1 else None


def refuse_shared(draft: Draft, pairs: Iterable[Pair]) -> None:
    """Note each machine that the list gives to several people."""
    first: dict[Seen, Pair] = {}
    for pair in pairs:
        if not pair.laptops:
            continue  # no teleworker (yet): users of one desktop may be many
        for one in (*pair.laptops, *pair.office_pcs):
            other = first.setdefault(one, pair)
            if other is not pair:
                draft.refuse(
                    pair.place,
                    _("{machine} of {person} is also {other}’s (row {row})").format(
                        machine=one.shown, person=pair.someone.shown, other=other.someone.shown, row=other.place.row
                    ),
                    _("one laptop and one office PC for each teleworker"),
                )
