"""What a list says, before anything is compared with a fleet: machines, people, and who uses what.

Every reader (`toolkit/imports/`) returns a `Reading`; merging into `fleet.yml` starts from one and from nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from toolkit.errors import Problem


class Chassis(StrEnum):
    """What kind of machine a list says it is."""

    LAPTOP = "laptop"
    DESKTOP = "desktop"
    OTHER = "other"
    """Certainly no telework post: a server, a virtual machine, a printer."""
    UNKNOWN = "unknown"


class Fate(StrEnum):
    """What becomes of a fixed post (M15)."""

    KEPT = "kept"
    """Stays at the town hall as an office PC."""
    RETIRED = "retired"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something was read; `row` counts from 1 as the spreadsheet program shows it, 1 in a file of one machine."""

    file: str
    row: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Machine:
    """One computer of a list. Texts are clean (no control characters, spaces trimmed), `None` is not said."""

    place: Place
    entity: str | None = None
    """The commune as the list names it: an entity path of GLPI (`Root > CIG > Commune`), a name, an INSEE code."""
    name: str | None = None
    """As written; not yet a host name."""
    serial: str | None = None
    model: str | None = None
    """Maker and model."""
    system: str | None = None
    """As written: `Microsoft Windows 10 Professionnel`, `Debian GNU/Linux 12 (bookworm)`."""
    chassis: Chassis = Chassis.UNKNOWN
    macs: tuple[str, ...] = ()
    """Lower case, colons; physical interfaces, in the order of the list."""
    address: str | None = None
    """IPv4 address in the list."""
    encrypted: bool | None = None
    """Declared by the list or the machine; never evidence."""
    fate: Fate | None = None
    fate_date: date | None = None
    disposal: str | None = None
    """What is done with a retired machine, in the list's words."""


@dataclass(frozen=True, slots=True)
class Person:
    """One teleworker of a list."""

    place: Place
    name: str | None = None
    login: str | None = None
    """As written; not yet an account name."""
    entity: str | None = None
    service: str | None = None
    duty: str | None = None


@dataclass(frozen=True, slots=True)
class Pairing:
    """Who uses what, as the list says it: logins or names of people, names or serial numbers of machines."""

    place: Place
    person: str
    laptop: str | None = None
    office_pc: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its header, and what it was taken for (`None`: not read)."""

    header: str
    field: str | None
    personal: bool = False
    """Holds personal data that `fleet.yml` does not need; when not read, the import says so."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one list says. Nothing may be written while `problems` is not empty."""

    machines: tuple[Machine, ...] = ()
    people: tuple[Person, ...] = ()
    pairings: tuple[Pairing, ...] = ()
    columns: tuple[Column, ...] = ()
    left_aside: tuple[tuple[Place, str], ...] = ()
    """Rows that are no telework matter, each with the reason in the user's language."""
    problems: tuple[Problem, ...] = ()
    """`line` is the row, `column` the column's number, the message names header and value, the hint what is right."""
