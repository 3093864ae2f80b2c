"""Machines of a list → laptops, office PCs and fixed posts of a fleet file."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from toolkit.fleet import FixedPost, Kind, Laptop, OfficePc, System
from toolkit.fleet.edit import Value
from toolkit.fleet.text import folded
from toolkit.i18n import _
from toolkit.imports.draft import Draft, Item
from toolkit.imports.matching import Entry
from toolkit.imports.model import Chassis, Fate, Machine
from toolkit.imports.naming import HostNames
from toolkit.imports.pairing import Seen
from toolkit.imports.plan import Matter, Options

_SYSTEMS = {
    System.DEBIAN_12: re.compile(r"\bdebian\b.*\b(12\b|bookworm)"),
    System.DEBIAN_13: re.compile(r"\bdebian\b.*\b(13\b|trixie)"),
    System.UBUNTU_24_04: re.compile(r"\bubuntu\b.*\b(24\.04|noble)"),
}


def system_of(text: str | None) -> System | None:
    """Return the system a list means, when it is one that roles know."""
    said = folded(text or "")
    return next((system for system, pattern in _SYSTEMS.items() if pattern.search(said)), None)


class Park:
    """Puts the machines of one commune into a draft.

    `macs` holds every MAC address of the workspace, and the rows that were given one: it is added to.
    """

    def __init__(self, draft: Draft, names: HostNames, options: Options, macs: dict[str, Machine | None]) -> None:
        self._draft, self._names, self._options, self._macs = draft, names, options, macs
        gateway = draft.fleet.gateway
        self._office = IPv4Network(gateway.office.network)
        self._used = {pc.office_address for pc in draft.fleet.office_pcs} | {gateway.office.address}
        self._hosts: dict[int, str] = {}

    def host(self, one: Seen | None) -> str | None:
        """Return the host name of a machine that is, or has become, an endpoint."""
        if one is None:
            return None
        if one.entry and one.entry.section != "fixed_posts":
            return one.entry.name
        return self._hosts.get(id(one))

    def place(self, one: Seen, *, laptop: bool, office_pc: bool, service: str | None) -> None:
        """Put one machine of the list where it belongs.

        Args:
            laptop: somebody has it as a laptop. office_pc: it is a teleworker's office PC. service: its user's.
        """
        machine, entry = one.machine, one.entry
        if machine is None:
            if office_pc and entry and entry.section == "fixed_posts":
                self._to_complete(entry.name, None)
        elif entry is not None:
            self._update(entry, machine)
            if entry.section == "fixed_posts":
                self._fate(one, entry, machine, paired=office_pc)
            elif machine.fate is Fate.RETIRED:
                self._decide(
                    machine,
                    _("{machine}: retired in the list, still an endpoint in fleet.yml").format(machine=entry.name),
                )
        elif laptop or machine.chassis is Chassis.LAPTOP:
            self._new_laptop(one, machine)
        elif office_pc or machine.fate is Fate.KEPT:
            self._keep(one, machine, service)
        elif machine.chassis is Chassis.DESKTOP or machine.fate is not None:
            self._new_fixed_post(machine, service)
        elif machine.chassis is Chassis.UNKNOWN:
            self._draft.note(
                Matter.COMPLETE,
                _("{machine}: laptop or desktop? The list does not say; left out").format(machine=one.shown),
                machine.place,
            )

    # New machines

    def _new_laptop(self, one: Seen, machine: Machine) -> None:
        if machine.fate is Fate.RETIRED:
            return
        name = self._hosts[id(one)] = self._names.new(Kind.LAPTOP)
        self._add_endpoint("laptops", {"name": name, "os": self._system(machine)}, machine)

    def _keep(self, one: Seen, machine: Machine, service: str | None = None) -> None:
        """Make an office PC of a desktop, if its address is known; else it is a fixed post, to be completed."""
        entry, address = one.entry, self._office_address(machine)
        if address is None:
            if entry is None:
                self._new_fixed_post(machine, service)
            elif machine.fate is Fate.KEPT:
                self._set_fate(entry, "kept")
            self._to_complete(one.shown, machine)
            return
        name = self._hosts[id(one)] = self._names.new(Kind.OFFICE_PC)
        self._used.add(address)
        item: Item = {"name": name, "os": self._system(machine), "office_address": address}
        self._add_endpoint("office_pcs", item, machine, entry)
        if entry is None:
            label = _label(machine)
            self._draft.add("fixed_posts", {"name": label, "fate": "kept", "office_pc": name}, label, f"→ {name}")
        else:
            self._set_fate(entry, "kept")
            self._put(entry, "office_pc", name)

    def _add_endpoint(self, section: str, item: Item, machine: Machine, entry: Entry | None = None) -> None:
        name = str(item["name"])
        item |= _given(
            serial=machine.serial or (entry.serial if entry else None),
            model=machine.model,
            mac=self._mac(machine, entry.mac if entry else None),
            listed_as=machine.name if machine.name and folded(machine.name) != name else None,
        )
        self._draft.add(section, item, name, " · ".join(text for text in (machine.name, machine.serial) if text))

    def _new_fixed_post(self, machine: Machine, service: str | None) -> None:
        item = _given(
            name=_label(machine),
            serial=machine.serial,
            model=machine.model,
            os=machine.system,
            mac=self._mac(machine),
            service=service,
        )
        if machine.fate is Fate.RETIRED and not self._is_complete(machine):
            pass
        elif machine.fate is not None and machine.fate is not Fate.UNCHANGED:
            item |= _given(fate=machine.fate.value, **_end(machine))
        self._draft.add("fixed_posts", item, _label(machine), str(item.get("fate", "")))

    # Machines the fleet has

    def _update(self, entry: Entry, machine: Machine) -> None:
        item = self._item(entry)
        if machine.serial and not item.serial:
            self._put(entry, "serial", machine.serial)
        if machine.model and machine.model != item.model:
            self._put(entry, "model", machine.model, item.model)
        if machine.macs and (entry.mac not in machine.macs) and (mac := self._mac(machine)):
            self._put(entry, "mac", mac, item.mac)
        if isinstance(item, FixedPost):
            for key, said, has in (("name", machine.name, item.name), ("os", machine.system, item.os)):
                if said and said != has:
                    self._put(entry, key, said, has)
        else:
            self._update_endpoint(entry, item, machine)
        if entry.missing:
            self._draft.mark(entry.section, entry.index, entry.name, None)

    def _update_endpoint(self, entry: Entry, item: Laptop | OfficePc, machine: Machine) -> None:
        if machine.name and folded(machine.name) != entry.name and machine.name != item.listed_as:
            self._put(entry, "listed_as", machine.name, item.listed_as)
        system = system_of(machine.system)
        if system and system != item.os:
            self._differs(entry, machine, "os", item.os.value, system.value)
        if isinstance(item, OfficePc) and machine.address and machine.address != item.office_address:
            self._differs(entry, machine, "office_address", item.office_address, machine.address)

    def _fate(self, one: Seen, entry: Entry, machine: Machine, *, paired: bool) -> None:
        post = self._item(entry)
        if not isinstance(post, FixedPost):
            return
        said = machine.fate.value if machine.fate else None
        if post.fate == "retired":
            if paired or said in ("kept", "unchanged"):
                self._differs(entry, machine, "fate", post.fate, said or "kept")
        elif said == "retired":
            if self._is_complete(machine):
                self._set_fate(entry, "retired")
                for key, value in _end(machine).items():
                    self._put(entry, key, value)
        elif paired or said == "kept":
            self._keep(one, machine)
        elif said == "unchanged" and post.fate == "kept":
            self._set_fate(entry, "unchanged")

    # Pieces

    def _item(self, entry: Entry) -> Laptop | OfficePc | FixedPost:
        item: Laptop | OfficePc | FixedPost = getattr(self._draft.fleet, entry.section)[entry.index]
        return item

    def _put(self, entry: Entry, key: str, value: str, before: str | None = None) -> None:
        self._draft.put(entry.section, entry.index, entry.name, key, value, before)

    def _set_fate(self, entry: Entry, fate: str) -> None:
        post = self._item(entry)
        if isinstance(post, FixedPost) and post.fate != fate:
            self._put(entry, "fate", fate, post.fate)

    def _system(self, machine: Machine) -> str:
        known = system_of(machine.system)
        if known is None:
            self._draft.installed += 1
        return (known or self._options.system).value

    def _mac(self, machine: Machine, own: str | None = None) -> str | None:
        """Return the first MAC address of the row that nobody else has; docks and adapters go from hand to hand."""
        if own and (not machine.macs or own in machine.macs):
            return own
        free = next((mac for mac in machine.macs if mac not in self._macs), None)
        if free:
            self._macs[free] = machine
        elif machine.macs and not machine.serial:
            other = self._macs[machine.macs[0]]
            self._draft.refuse(
                machine.place,
                _("the MAC address {mac} is another machine’s, and nothing else says which one this is").format(
                    mac=machine.macs[0]
                ),
                _("row {row}").format(row=other.place.row) if other else _("give the serial number"),
            )
        elif machine.macs:
            self._decide(
                machine,
                _("{machine}: its MAC addresses are another machine’s (a dock?); none was written").format(
                    machine=_label(machine)
                ),
            )
        return free

    def _office_address(self, machine: Machine) -> str | None:
        try:
            address = IPv4Address(machine.address or "")
        except AddressValueError:
            return None
        edges = (self._office.network_address, self._office.broadcast_address)
        usable = address in self._office and address not in edges and str(address) not in self._used
        return str(address) if usable else None

    def _is_complete(self, machine: Machine) -> bool:
        if machine.fate_date and machine.disposal:
            return True
        self._draft.note(
            Matter.COMPLETE,
            _("{machine}: retired, but when, and what was done with it? Left as it was").format(
                machine=_label(machine)
            ),
            machine.place,
        )
        return False

    def _to_complete(self, name: str, machine: Machine | None) -> None:
        said = machine.address if machine else None
        self._draft.note(
            Matter.COMPLETE,
            _(
                "{machine}: an office PC needs an own address in {network} (the list: {said}); still a fixed post"
            ).format(machine=name, network=self._office, said=said or _("none")),
            machine.place if machine else None,
        )

    def _differs(self, entry: Entry, machine: Machine, key: str, fleet: str, said: str) -> None:
        self._decide(
            machine,
            _("{machine}: {key} is {fleet} in fleet.yml and {said} in the list").format(
                machine=entry.name, key=key, fleet=fleet, said=said
            ),
        )

    def _decide(self, machine: Machine, text: str) -> None:
        self._draft.note(Matter.DECIDE, text, machine.place)


def _label(machine: Machine) -> str:
    return machine.name or machine.serial or machine.macs[0]


def _given(**values: Value | None) -> Item:
    return {key: value for key, value in values.items() if value}


def _end(machine: Machine) -> dict[str, str]:
    if machine.fate is not Fate.RETIRED or machine.fate_date is None or machine.disposal is None:
        return {}
    return {"retired_on": machine.fate_date.isoformat(), "disposal": machine.disposal}
