"""Is it the same machine: rows of a list against a fleet’s machines. A doubtful answer is a problem, not a guess."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from toolkit.errors import Problem
from toolkit.fleet import Fleet, OfficePc
from toolkit.fleet.text import folded
from toolkit.i18n import _
from toolkit.imports.gather import problem, serial_key
from toolkit.imports.model import Machine
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
    _nameless: dict[str, Machine] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.known = entries(self.fleet)
        for entry in self.known:
            keys = [("serial", serial_key(entry.serial)), ("mac", entry.mac)]
            keys += [("name", name) for name in entry.names]
            for what, key in keys:
                if key:
                    self._by.setdefault((what, key), []).append(entry)

    def find(self, machine: Machine) -> tuple[Entry | None, bool]:
        """Return the entry of a row (None: a new machine), and whether the row may be used at all."""
        if self._is_elsewhere(machine):
            return None, False
        before = len(self.problems)
        entry = self._by_serial(machine) or self._by_mac(machine) or self._by_name(machine)
        if len(self.problems) > before:
            return None, False
        if entry is None:
            return None, self._has_identity(machine)
        other = self._given.setdefault(entry, machine)
        if other is not machine:
            self._note(
                machine,
                _("{name} is also the machine of row {row}").format(name=entry.name, row=other.place.row),
                _("give both their serial number"),
            )
            return None, False
        return entry, True

    def unseen(self) -> list[Entry]:
        """Return the entries that no row named."""
        return [entry for entry in self.known if entry not in self._given]

    def namesake(self, machine: Machine) -> Entry | None:
        """Return the endpoint that has the row's name as its host name, and another serial number."""
        found = self._by.get(("name", folded(machine.name or "")), [])
        return next((entry for entry in found if entry.section != "fixed_posts"), None)

    def _has_identity(self, machine: Machine) -> bool:
        if machine.serial or machine.macs:
            return True
        if not machine.name:
            self._note(machine, _("nothing says which machine this is: neither serial number, MAC address nor name"))
            return False
        other = self._nameless.setdefault(folded(machine.name), machine)
        if other is not machine:
            self._note(
                machine,
                _("only its name says which machine this is, and row {row} has the same").format(row=other.place.row),
                _("give both their serial number"),
            )
        return other is machine

    def _is_elsewhere(self, machine: Machine) -> bool:
        """Note a machine that another commune has already; a MAC address alone tells only where there is no serial."""
        key = serial_key(machine.serial)
        found = self.elsewhere.get(("serial", key)) if key else None
        if found is None and key is None:
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

    def _by_serial(self, machine: Machine) -> Entry | None:
        key = serial_key(machine.serial)
        return self._only(machine, self._by.get(("serial", key), [])) if key else None

    def _by_mac(self, machine: Machine) -> Entry | None:
        found = dict.fromkeys(entry for mac in machine.macs for entry in self._by.get(("mac", mac), []))
        # Two serial numbers are two machines, whatever dock or adapter they share.
        return self._only(machine, [entry for entry in found if not _differ(entry, machine)])

    def _by_name(self, machine: Machine) -> Entry | None:
        if not machine.name:
            return None
        wanted = {folded(machine.name), slug(machine.name)}
        found = dict.fromkeys(entry for name in sorted(wanted) for entry in self._by.get(("name", name), []))
        return self._only(machine, [entry for entry in found if not _differ(entry, machine)])

    def _only(self, machine: Machine, found: list[Entry]) -> Entry | None:
        if len(found) > 1:
            self._note(
                machine,
                _("several machines fit this row: {names}").format(names=", ".join(entry.name for entry in found)),
                _("give the row its serial number"),
            )
            return None
        return found[0] if found else None

    def _note(self, machine: Machine, message: str, hint: str = "") -> None:
        self.problems.append(problem(machine.place, message, hint))


def _differ(entry: Entry, machine: Machine) -> bool:
    """Return whether both serial numbers are known and are not the same."""
    one, other = serial_key(entry.serial), serial_key(machine.serial)
    return bool(one and other and one != other)
