"""The changes that `toolkit.fleet.edit` makes to a fleet file, and what the file says after them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.fleet.document import Path_

Value = str | int | bool | Mapping[str, Any] | Sequence[str]


@dataclass(frozen=True, slots=True)
class Append:
    """Put an item at the end of a list; the section is made when it is not there."""

    section: str
    item: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Put:
    """Give a key of the mapping at `path` a value, or take the key away (`None`)."""

    path: Path_
    key: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class Remove:
    """Take an item out of the list `section`, which goes with its last one."""

    section: str
    index: int


Edit = Append | Put | Remove


def applied(data: Any, edits: Sequence[Edit]) -> Any:
    """Return what a file's data must be once all `edits` are made, to compare with what was written."""
    result = copy.deepcopy(data)
    for step in edits:
        if isinstance(step, Append):
            result[step.section] = [*(result.get(step.section) or []), step.item]
            continue
        if isinstance(step, Remove):
            continue
        target = result
        for part in step.path:
            target = target[part]
        if step.value is None:
            target.pop(step.key, None)
        else:
            target[step.key] = step.value
    for section, gone in removed(edits).items():  # at the end: paths are those of the file as it is given
        result[section] = [item for index, item in enumerate(result[section]) if index not in gone]
        if not result[section]:
            del result[section]
    return result


def removed(edits: Sequence[Edit]) -> dict[str, set[int]]:
    """Return the positions that go, by section."""
    found: dict[str, set[int]] = {}
    for step in edits:
        if isinstance(step, Remove):
            found.setdefault(step.section, set()).add(step.index)
    return found
