"""Since when each control has had the verdict it has: the first of the unbroken row of equal ones that ends today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter


@dataclass(slots=True)
class _Known:
    """A verdict on the way through time: seen `last`, unbroken `since` (None: only at the moment it changed)."""

    verdict: str
    since: datetime | None
    changed: datetime | None
    last: datetime

    def see(self, verdict: str, moments: list[datetime]) -> None:
        """`moments`: of one or several results in a row that say so; what was judged again may have equal ones."""
        if verdict != self.verdict:
            self.verdict, self.since, self.changed = verdict, None, self.last
        if self.since is None:
            self.since = next((at for at in moments if self.changed is None or at > self.changed), None)
        self.last = moments[-1]


def since(results: Iterable[tuple[datetime, str | None]]) -> dict[str, datetime]:
    """Return by control since when it has had its present verdict.

    `results` of one endpoint, oldest first: when, and all its verdicts as `control verdict,control verdict…`. Most
    results say what the one before said, and those are not taken apart.
    """
    found: dict[str, _Known] = {}
    present: Mapping[str, str] = {}
    moments: list[datetime] = []
    for present, moments in _unchanged(results):
        for control, verdict in present.items():
            if known := found.get(control):
                known.see(verdict, moments)
            else:
                found[control] = _Known(verdict, moments[0], None, moments[-1])
    return {control: found[control].since or moments[-1] for control in present}


def _unchanged(results: Iterable[tuple[datetime, str | None]]) -> Iterator[tuple[Mapping[str, str], list[datetime]]]:
    """Yield equal results in a row as one: what they say, and when."""
    for text, same in groupby(results, key=itemgetter(1)):
        yield _verdicts(text or ""), [at for at, _text in same]


@lru_cache(maxsize=1024)  # machines that are set up alike say the same
def _verdicts(text: str) -> Mapping[str, str]:
    return dict(item.split(" ") for item in text.split(",")) if text else {}
