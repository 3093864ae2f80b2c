"""Whose row is it: the entity of a list → the commune of the workspace. By whole segments, never by a piece of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from toolkit.fleet import Fleet
from toolkit.fleet.checks import entity_key
from toolkit.imports.model import Place

Segments = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """An entity that stands for no commune (`owners` empty) or for several."""

    entity: str
    place: Place
    rows: int
    owners: tuple[str, ...] = ()
    suggestion: str | None = None


class Split:
    """Answers which commune an entity stands for.

    A commune answers to its `entities`, its name, its id and its INSEE code. What it answers to must be a run of whole
    segments of the entity's path, without regard to accents and case; the longest run wins.
    """

    def __init__(self, fleets: Iterable[Fleet]) -> None:
        self._owners: dict[Segments, set[str]] = {}
        self._known: dict[str, str] = {}
        for fleet in fleets:
            commune = fleet.commune
            for text in (*commune.entities, commune.name, commune.id, commune.insee):
                self._owners.setdefault(segments(text), set()).add(commune.id)
                self._known.setdefault(entity_key(text), commune.id)
        self._longest = max((len(run) for run in self._owners), default=0)
        self._answers: dict[str, frozenset[str]] = {}

    def owners(self, entity: str) -> frozenset[str]:
        """Return the communes that the entity stands for: one is the answer, none or several are a problem."""
        if entity not in self._answers:
            self._answers[entity] = self._find(segments(entity))
        return self._answers[entity]

    def _find(self, path: Segments) -> frozenset[str]:
        for length in range(min(self._longest, len(path)), 0, -1):
            runs = (path[start : start + length] for start in range(len(path) - length + 1))
            found = frozenset(owner for run in runs for owner in self._owners.get(run, ()))
            if found:
                return found
        return frozenset()

    def unknown(self, rows: Sequence[tuple[str, Place]]) -> list[Unknown]:
        """Return each entity that stands for no single commune, once, with its first row and how many rows it has."""
        counts = Counter(entity for entity, _place in rows)
        first: Mapping[str, Place] = dict(reversed(rows))
        return [
            Unknown(entity, first[entity], rows_of, tuple(sorted(self.owners(entity))), self._near(entity))
            for entity, rows_of in counts.items()
            if len(self.owners(entity)) != 1
        ]

    def _near(self, entity: str) -> str | None:
        for segment in (entity_key(entity), *reversed(segments(entity))):
            near = get_close_matches(segment, list(self._known), n=1, cutoff=0.75)
            if near:
                return self._known[near[0]]
        return None


def segments(entity: str) -> Segments:
    """Return the segments of an entity path (`Root > CIG > Commune`) as they are compared."""
    return tuple(part for part in entity_key(entity).split(" > ") if part)
