"""What an import would do, commune by commune, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from toolkit.errors import Problem
from toolkit.fleet import System
from toolkit.fleet.edit import Edit
from toolkit.imports.model import Place
from toolkit.imports.split import Unknown


class Sign(StrEnum):
    """What happens to one entry of a fleet file."""

    ADDED = "added"
    CHANGED = "changed"
    MISSING = "missing"
    """In the fleet, no longer in the list: marked, to be retired."""
    BACK = "back"
    """Was marked missing, is in the list again."""


class Matter(StrEnum):
    """Why something is told and not done."""

    COMPLETE = "complete"
    """The list lacks something; once it is there, another import goes on."""
    DECIDE = "decide"
    """List and fleet disagree in a way that only a person may settle."""
    UNPAIRED = "unpaired"
    """A laptop without a teleworker, or a teleworker without a laptop."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry that changes; `detail` is one line in the user's language."""

    sign: Sign
    section: str
    name: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing a person has to do; `place` is None when no row is to blame."""

    matter: Matter
    text: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class CommunePlan:
    """What changes in one commune's file, and what does not yet."""

    commune: str
    edits: tuple[Edit, ...] = ()
    changes: tuple[Change, ...] = ()
    notes: tuple[Note, ...] = ()
    problems: tuple[Problem, ...] = ()
    installed: int = 0
    """New endpoints whose list names a system that is not one of ours: they get the one asked for."""
    unwritten: int = 0
    """People of the list who are no teleworkers: nothing of them is kept."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to import: the day it is, the system of new endpoints, whether the list is the whole park."""

    today: date
    system: System = System.DEBIAN_12
    skip_unknown: bool = False
    """Leave rows of unknown entities aside; otherwise they are a problem."""
    partial: bool = False
    """The list is not the whole park: what it does not name is not missing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole import. Nothing may be written while there are `problems`."""

    communes: tuple[CommunePlan, ...]
    problems: tuple[Problem, ...]
    skipped: tuple[Unknown, ...] = ()
    """Entities left aside because that was asked for."""
    elsewhere: int = 0
    """Rows of communes that were not asked for."""
    left_aside: Sequence[tuple[Place, str]] = ()
    ignored: Sequence[str] = ()
    """Headers of personal columns that were not read."""
    options: Options = field(default_factory=lambda: Options(date.min))
