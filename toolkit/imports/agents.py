"""What an inventory agent says of the machine it ran on, whichever way it wrote it: one file, one machine.

The JSON of GLPI's agent and the XML of FusionInventory and OCS name the same things alike; both are brought into
`Sections` first, and everything after that is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from toolkit.errors import Problem, ProblemsError
from toolkit.i18n import _
from toolkit.imports import bounds, cleaning
from toolkit.imports.model import Chassis, Column, Machine, Place, Reading

AGENT_BYTES = 8 * bounds.MEBIBYTE
"""A whole inventory, the software of a crowded Windows included, is below 3 MB."""
ENTRIES = 1_000
"""Network interfaces or drives of one machine; the rest is not looked at."""
FIELD_CHARACTERS = 1_000
"""Of one value; no name, serial number or status is longer."""

Section = dict[str, str]
Sections = dict[str, list[Section]]
"""Section → its entries → field → text. Names in capitals as the XML has them; true is `1` and false is `0`."""

# What is taken, and from where; the first that says something wins. All else is not even kept.
READ: dict[str, frozenset[str]] = {
    "HARDWARE": frozenset({"NAME", "CHASSIS_TYPE", "VMSYSTEM", "OSNAME"}),
    "BIOS": frozenset({"SSN", "SMANUFACTURER", "SMODEL", "TYPE"}),
    "OPERATINGSYSTEM": frozenset({"FULL_NAME"}),
    "NETWORKS": frozenset({"MAC", "MACADDR", "IPADDRESS", "TYPE", "VIRTUALDEV", "MANAGEMENT"}),
    "DRIVES": frozenset({"ENCRYPT_STATUS", "TYPE", "LETTER", "SYSTEMDRIVE", "VOLUMN", "DESCRIPTION"}),
    "ACCOUNTINFO": frozenset({"KEYNAME", "KEYVALUE"}),
}
# Personal data that agents send along: never kept, and the import says that it was there.
PERSONAL: dict[str, frozenset[str]] = {
    "HARDWARE": frozenset({"USERID", "LASTLOGGEDUSER", "DATELASTLOGGEDUSER", "WINOWNER"}),
    "ACCESSLOG": frozenset({"USERID"}),
    "USERS": frozenset(),
    "LOCAL_USERS": frozenset(),
    "LOCAL_GROUPS": frozenset(),
    "PROCESSES": frozenset(),
}
_NO_CARD = frozenset({"loopback", "bridge", "alias", "aggregate", "dialup", "bluetooth", "ppp", "tunnel", "tap"})
_YES = frozenset({"1", "yes", "true", "oui", "virtual"})
_NOT_ENCRYPTED = frozenset({"no", "partially", "partial", "non", "0"})
_BOOT = ("/boot", "/efi")


@dataclass(slots=True)
class Found:
    """What a reader has gathered of one file."""

    sections: Sections = field(default_factory=dict)
    personal: set[str] = field(default_factory=set)
    """`SECTION` or `SECTION/FIELD` of personal data that the file holds."""
    tag: str | None = None
    """What the agent was told to call its group: GLPI sorts machines into entities by it."""
    not_a_computer: bool = False
    partial: bool = False

    def keep(self, section: str, entry: Section) -> None:
        """Add one entry of a section, only what is read of it."""
        entries = self.sections.setdefault(section, [])
        if len(entries) < ENTRIES:
            entries.append({name: entry[name][:FIELD_CHARACTERS] for name in READ[section] & entry.keys()})


def refused(file: str, message: str, line: int = 1, column: int = 1) -> ProblemsError:
    """Return the error for a file that is no inventory at all; `message` is in the user's language."""
    return ProblemsError([Problem(file, line, column, message)])


def check_size(data: bytes, file: str) -> None:
    """Refuse what is larger than `AGENT_BYTES`.

    Raises:
        ProblemsError: it is.
    """
    if len(data) > AGENT_BYTES:
        limit = AGENT_BYTES // bounds.MEBIBYTE
        raise refused(file, _("larger than {limit} MiB: this is no inventory of one machine").format(limit=limit))


def reading(found: Found, file: str) -> Reading:
    """Return the one machine of a file, or why it is left aside; a file that names no machine is a problem."""
    place = Place(file)
    if found.not_a_computer:
        return Reading(left_aside=((place, _("an inventory, but not of a computer")),))
    if found.partial:
        return Reading(left_aside=((place, _("a partial inventory: have the agent send a whole one")),))
    machine = _machine(found, place)
    if machine.name is None and machine.serial is None:
        message = _("the inventory has neither a name nor a serial number (HARDWARE/NAME, BIOS/SSN)")
        hint = _("run the agent as root, with its inventory task whole")
        return Reading(problems=(Problem(file, 1, 1, message, hint),))
    return Reading(machines=(machine,), columns=_columns(found))


def _columns(found: Found) -> tuple[Column, ...]:
    """Return what was not read for it is personal. What was read is no choice of columns: nothing to show of it."""
    return tuple(Column(source, None, personal=True) for source in sorted(found.personal))


def _machine(found: Found, place: Place) -> Machine:
    sections = found.sections
    cards = [entry for entry in sections.get("NETWORKS", []) if _is_card(entry)]
    macs = (cleaning.mac(_first([entry], "MACADDR", "MAC")) for entry in cards)
    addresses = (cleaning.address(entry.get("IPADDRESS")) for entry in cards)
    bios, hardware = sections.get("BIOS", []), sections.get("HARDWARE", [])
    system = _first(sections.get("OPERATINGSYSTEM", []), "FULL_NAME") or _first(hardware, "OSNAME")
    return Machine(
        place=place,
        entity=_entity(found),
        name=cleaning.text(_first(hardware, "NAME")),
        serial=cleaning.serial(_first(bios, "SSN")),
        model=cleaning.model(_first(bios, "SMANUFACTURER"), _first(bios, "SMODEL")),
        system=cleaning.text(system),
        chassis=_chassis(bios, hardware),
        macs=tuple(dict.fromkeys(mac for mac in macs if mac)),
        address=next((address for address in addresses if address), None),
        encrypted=_encrypted(sections.get("DRIVES", [])),
    )


def _first(entries: list[Section], *names: str) -> str | None:
    values = (entry.get(name, "").strip() for entry in entries for name in names)
    return next((value for value in values if value), None)


def _entity(found: Found) -> str | None:
    info = found.sections.get("ACCOUNTINFO", [])
    tags = [entry.get("KEYVALUE") for entry in info if entry.get("KEYNAME", "").upper() == "TAG"]
    tag = cleaning.text(found.tag or next(iter(tags), None))
    return None if tag is None or cleaning.is_placeholder(tag) else tag


def _chassis(bios: list[Section], hardware: list[Section]) -> Chassis:
    virtual = _first(hardware, "VMSYSTEM")
    if virtual is not None and virtual.casefold() != "physical":
        return Chassis.OTHER
    # FusionInventory and GLPI write the first, OCS the second.
    return cleaning.chassis(_first(hardware, "CHASSIS_TYPE") or _first(bios, "TYPE"))


def _is_card(entry: Section) -> bool:
    said = {name: entry.get(name, "").strip().casefold() for name in ("VIRTUALDEV", "MANAGEMENT", "TYPE")}
    return said["VIRTUALDEV"] not in _YES and said["MANAGEMENT"] not in _YES and said["TYPE"] not in _NO_CARD


def _encrypted(drives: list[Section]) -> bool | None:
    """Return what the machine declares: True when its system volume is encrypted and no other is said not to be.

    On Linux agents write `Yes` or nothing, on Windows `Yes`, `No` or `Partially`. No word of the system volume is no
    word at all, however many others are encrypted; half encrypted is not encrypted; a word nobody knows says nothing.
    """
    said = [(drive, drive.get("ENCRYPT_STATUS", "").strip().casefold()) for drive in drives if _is_fixed(drive)]
    words = {status for _drive, status in said if status}
    if words & _NOT_ENCRYPTED:
        return False
    system = any(status in _YES and _is_system(drive) for drive, status in said)
    return True if system and words <= _YES else None


def _is_system(drive: Section) -> bool:
    system = drive.get("SYSTEMDRIVE", "").strip().casefold() in _YES
    return system or drive.get("TYPE", "").strip() == "/" or drive.get("LETTER", "").strip().upper() in ("C:", "C:\\")


def _is_fixed(drive: Section) -> bool:
    """Leave out what is plugged in, shared or has to be readable before anything is decrypted."""
    kind = f"{drive.get('TYPE', '')} {drive.get('DESCRIPTION', '')}".casefold()
    removable = any(word in kind for word in ("removable", "network", "compact disc", "cd-rom", "amovible", "réseau"))
    return not removable and not drive.get("TYPE", "").startswith(_BOOT)
