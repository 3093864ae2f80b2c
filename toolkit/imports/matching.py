"""Is it the same machine: rows of a list against a fleet’s machines. A doubtful answer is a problem, not a guess."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from toolkit.errors import Problem
from toolkit.fleet import Fleet, OfficePc
from toolkit.fleet.text import folded
from toolkit.i18n import _
from toolkit.imports.gather import problem, serial_key
from toolkit.imports.model import Chassis, Machine
from toolkit.imports.naming import slug

Owners = Mapping[tuple[str, str], tuple[str, str]]
"""(`serial` or `mac`, key) → commune and name of the machine that has it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One machine of a fleet file: its section and place there, and what it is known by."""

    section: str
    index: int
    name: str
    """Host name; of a fixed post the name in the list."""
    serial: str | None = None
    mac: str | None = None
    listed_as: str | None = None
    missing: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Names that a list may call it, folded."""
        return frozenset(folded(name) for name in (self.name, self.listed_as) if name)


def entries(fleet: Fleet) -> list[Entry]:
    """Return the machines of a fleet that a list may name: no gateway, no fixed post that became an office PC."""
    found = [
        Entry(
            "office_pcs" if isinstance(item, OfficePc) else "laptops",
            index,
            item.name,
            item.serial,
            item.mac and item.mac.lower(),
            item.listed_as,
            item.missing_since is not None,
        )
        for items in (fleet.laptops, fleet.office_pcs)
        for index, item in enumerate(items)
    ]
    return found + [
        Entry(
            "fixed_posts",
            index,
            post.name,
            post.serial,
            post.mac and post.mac.lower(),
            None,
            post.missing_since is not None,
        )
        for index, post in enumerate(fleet.fixed_posts)
        if post.office_pc is None
    ]


def owners(fleets: Iterable[Fleet]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return who has each serial number and MAC address in some fleets, gateways too."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for fleet in fleets:
        gateway = Entry("gateway", 0, fleet.gateway.name, fleet.gateway.serial, fleet.gateway.mac)
        for entry in (gateway, *entries(fleet)):
            owner = (fleet.commune.id, entry.name)
            if key := serial_key(entry.serial):
                found[("serial", key)] = owner
            if entry.mac:
                found[("mac", entry.mac.lower())] = owner
    return found


@dataclass(slots=True)
class Matcher:
    """Finds the entry of each row; every entry is given to one row only."""

    fleet: Fleet
    elsewhere: Owners = field(default_factory=lambda: MappingProxyType({}))
    """Serial numbers and MAC addresses of all other communes."""
    problems: list[Problem] = field(default_factory=list)
    known: list[Entry] = field(init=False)
    _by: dict[tuple[str, str], list[Entry]] = field(init=False, default_factory=dict)
    _given: dict[Entry, Machine] = field(init=False, default_factory=dict)
    _rows: dict[str, list[Machine]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.known = entries(self.fleet)
        for entry in self.known:
            keys = [("serial", serial_key(entry.serial)), ("mac", entry.mac)]
            keys += [("name", name) for name in entry.names]
            for what, key in keys:
                if key:
                    self._by.setdefault((what, key), []).append(entry)

    def match(self, machines: Sequence[Machine]) -> list[tuple[Machine, Entry | None]]:
        """Return the rows that may be used, each with its entry (None: a new machine), in the order of the list.

        What a row with a serial number or MAC address is, is settled first: a name alone finds only the others.
        """
        rows = [machine for machine in machines if self._has_identity(machine) and not self._is_elsewhere(machine)]
        rows = [machine for machine in rows if self._is_alone(machine, machines)]
        strong = {id(machine): self._found(machine, self._strong(machine)) for machine in rows}
        taken = frozenset(self._given)
        result = []
        for machine in rows:
            found, usable = strong[id(machine)]
            if usable and found is None and machine.chassis is not Chassis.OTHER:
                found, usable = self._found(machine, self._by_name(machine, taken))
            if usable and (found is not None or machine.chassis is not Chassis.OTHER):
                result.append((machine, found))
        return result

    def _found(self, machine: Machine, found: Sequence[Entry]) -> tuple[Entry | None, bool]:
        """Return the one entry of a row, and whether the row may be used; several, or one taken, are a problem."""
        if not found:
            return None, True
        if len(found) > 1:
            self._note(
                machine,
                _("several machines fit this row: {names}").format(names=", ".join(entry.name for entry in found)),
                _("give the row its serial number"),
            )
            return None, False
        other = self._given.setdefault(found[0], machine)
        if other is not machine:
            self._note(
                machine,
                _("{name} is also the machine of row {row}").format(name=found[0].name, row=other.place.row),
                _("give both their serial number"),
            )
        return found[0], other is machine

    def unseen(self) -> list[Entry]:
        """Return the entries that no row named."""
        return [entry for entry in self.known if entry not in self._given]

    def namesake(self, machine: Machine) -> Entry | None:
        """Return the endpoint that has the row's name as its host name, and another serial number."""
        found = self._by.get(("name", folded(machine.name or "")), [])
        return next((entry for entry in found if entry.section != "fixed_posts"), None)

    def _has_identity(self, machine: Machine) -> bool:
        if machine.serial or machine.macs or machine.name:
            return True
        self._note(machine, _("nothing says which machine this is: neither serial number, MAC address nor name"))
        return False

    def _is_alone(self, machine: Machine, machines: Sequence[Machine]) -> bool:
        """Note a row without a serial number that shares with another row all else that could tell them apart."""
        if machine.serial or machine.chassis is Chassis.OTHER:
            return True
        if not self._rows:
            for one in machines:
                for key in (folded(one.name or ""), *one.macs) if one.chassis is not Chassis.OTHER else ():
                    self._rows.setdefault(key, []).append(one)
        keys = machine.macs or (folded(machine.name or ""),)
        other = next((one for key in keys for one in self._rows[key] if one is not machine), None)
        if other is not None:
            message = _("no serial number, and row {row} has the same MAC address: one machine or two?")
            if not machine.macs:
                message = _("no serial number, and row {row} has the same name: one machine or two?")
            self._note(machine, message.format(row=other.place.row), _("give both their serial number"))
        return other is None

    def _is_elsewhere(self, machine: Machine) -> bool:
        """Note a machine that another commune has already; a MAC address alone tells only where there is no serial."""
        key = serial_key(machine.serial)
        found = self.elsewhere.get(("serial", key)) if key else None
        if found is None and key is None and machine.chassis is not Chassis.OTHER:
            macs = (self.elsewhere.get(("mac", mac)) for mac in machine.macs)
            found = next((owner for owner in macs if owner), None)
        if found is None:
            return False
        self._note(
            machine,
            _("this machine ({key}) is {name} of commune {owner}: it cannot be {commune}’s").format(
                key=machine.serial or ", ".join(machine.macs),
                name=found[1],
                owner=found[0],
                commune=self.fleet.commune.id,
            ),
            _("correct the entity of the row, or retire the machine there first"),
        )
        return True

    def _strong(self, machine: Machine) -> list[Entry]:
        key = serial_key(machine.serial)
        by_serial = self._by.get(("serial", key), []) if key else []
        if machine.chassis is Chassis.OTHER:
            return by_serial
        by_mac = dict.fromkeys(entry for mac in machine.macs for entry in self._by.get(("mac", mac), []))
        # Two serial numbers are two machines, whatever dock or adapter they share.
        return by_serial or [entry for entry in by_mac if not _differ(entry, machine)]

    def _by_name(self, machine: Machine, taken: Collection[Entry]) -> list[Entry]:
        wanted = dict.fromkeys((folded(machine.name or ""), slug(machine.name or "")))
        found = dict.fromkeys(entry for name in wanted if name for entry in self._by.get(("name", name), []))
        return [entry for entry in found if entry not in taken and not _differ(entry, machine)]

    def _note(self, machine: Machine, message: str, hint: str = "") -> None:
        self.problems.append(problem(machine.place, message, hint))


def _differ(entry: Entry, machine: Machine) -> bool:
    """Return whether both serial numbers are known and are not the same."""
    one, other = serial_key(entry.serial), serial_key(machine.serial)
    return bool(one and other and one != other)
