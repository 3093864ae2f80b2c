"""What columns are called: headers, in French and English, and the field each stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from toolkit.fleet.text import folded
from toolkit.imports.field_names import (
    AMBIGUOUS,
    BASE,
    GLPI_GROUPS,
    GLPI_MARKS,
    OF_LAPTOP,
    OF_MACHINE,
    OF_OFFICE_PC,
    PERSONAL,
    QUALIFIABLE,
    STOP_WORDS,
)

_NUMBER_SIGN = re.compile(r"\bn\s*°|№|\bnum\b\.?|\bnumero\b|\bno\b\.?|\bn[ou]?[.º]")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_OF_PEOPLE = ("first_name", "laptop_", "office_pc_")
NAME_OR_PERSON = "name_or_person"
"""`Nom` or `Name` alone: a machine's or a person's, which the other columns tell."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one header stands for. `rank`: 0 is the clearest wording; `personal` columns are not read."""

    field: str | None = None
    rank: int = 99
    personal: bool = False


def words_of(header: str) -> str:
    """Return a header as it is compared: no accents, case, punctuation, small words; `N°` and kin are `numero`."""
    plain = _NUMBER_SIGN.sub(" numero ", folded(header))
    return " ".join(word for word in _NOT_WORD.sub(" ", plain).split() if word not in STOP_WORDS)


@lru_cache(maxsize=4096)
def meaning_of(header: str) -> Meaning:
    """Return what a header stands for; nothing when it is not known."""
    if len(header) > 200:
        return Meaning()
    group, dash, last = header.rpartition(" - ")
    if dash and words_of(group) in GLPI_GROUPS:
        return _grouped(words_of(group), words_of(last))
    words = words_of(header)
    if not words:
        return Meaning()
    if PERSONAL.search(f" {words} "):
        return Meaning(personal=True)
    if words in AMBIGUOUS:
        return Meaning(NAME_OR_PERSON, 0)
    return _EXACT.get(words) or _qualified(words)


def _grouped(group: str, last: str) -> Meaning:
    """Return the meaning of a GLPI header `group - name`; of other groups (monitors, say) nothing is taken."""
    field = GLPI_GROUPS[group].get(last)
    return Meaning(field, 0) if field else Meaning(personal=bool(PERSONAL.search(f" {last} ")))


def _qualified(words: str) -> Meaning:
    """Return the meaning of headers that say which machine: `Portable : n° de série`, `IP du PC de bureau`."""
    parts = words.split()
    laptop = any(word in OF_LAPTOP for word in parts)
    office = any(word in OF_OFFICE_PC for word in parts)
    machine = any(word in OF_MACHINE for word in parts)
    rest = " ".join(word for word in parts if word not in OF_LAPTOP | OF_OFFICE_PC | OF_MACHINE)
    known = _EXACT.get(rest) if rest else None
    base = "name" if not rest or rest in AMBIGUOUS else known.field if known else None
    if laptop is office:
        return Meaning("name" if machine and base == "name" and not (laptop or office) else base, 5)
    if base not in QUALIFIABLE:
        return Meaning(base, 5) if base in ("fate", "fate_date", "disposal") else Meaning()
    if office and not machine and (not rest or "bureau" in parts):
        return Meaning()  # “Bureau” alone is a room, “Fixe” alone a telephone
    return Meaning(f"{'laptop' if laptop else 'office_pc'}_{base}", 1 if rest else 2)


_EXACT: dict[str, Meaning] = {}
for _field, _headers in BASE.items():
    for _rank, _header in enumerate(_headers):
        _EXACT.setdefault(words_of(_header), Meaning(_field, _rank))


def recognised(headers: Iterable[str]) -> int:
    """Return how many different fields a row of cells names."""
    return len({meaning.field for header in headers if (meaning := meaning_of(header)).field})


def is_glpi(headers: Iterable[str]) -> bool:
    """Return whether a row of headers is one of GLPI's computer list.

    It has a name column and one that only GLPI calls so, and none of what only a list of people has.
    """
    headers = list(headers)
    plain = {words_of(header) for header in headers}
    grouped = any(words_of(group) in GLPI_GROUPS for header in headers if (group := header.rpartition(" - ")[0]))
    fields = {meaning_of(header).field or "" for header in headers}
    people = any(field.startswith(_OF_PEOPLE) for field in fields) or (
        bool(fields & {"service", "duty"}) and not fields & {"serial", "chassis", "model"}
    )
    return bool(plain & AMBIGUOUS) and (grouped or bool(plain & GLPI_MARKS)) and not people
