"""Several lists as one: files named one by one, or a folder of inventories that agents wrote, one machine a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from toolkit.errors import BadInputError, Problem, ProblemsError
from toolkit.i18n import _
from toolkit.imports.mapping import Mapping
from toolkit.imports.model import Machine, Place, Reading
from toolkit.imports.reading import read

FILES = 20_000
"""Of one folder and all below it: as many as the largest CIG has endpoints."""
_ENDINGS = frozenset({".json", ".ocs", ".xml"})


def read_all(paths: Iterable[Path], mapping: Mapping | None = None) -> Reading:
    """Return what all of some lists say; of a folder, what the inventories of agents in it and below it say.

    A file that cannot be read at all is one of the `problems`, so that one run names them all.

    Raises:
        BadInputError: a single path that cannot be read; a folder without any inventory, or with more than `FILES`.
    """
    paths = tuple(paths)
    if len(paths) == 1 and not paths[0].is_dir():
        return read(paths[0], mapping)
    return _joined(_folder(path) if path.is_dir() else _read(path, mapping) for path in paths)


def _folder(path: Path) -> Reading:
    files = _files(path)
    inventories = [file for file in files if file.suffix.lower() in _ENDINGS]
    if not inventories:
        message = _("{path}: no inventory of an agent in this folder ({endings})")
        raise BadInputError(message.format(path=path, endings=", ".join(sorted(_ENDINGS))))
    whole = _newest_only(_joined(_read(file, None) for file in inventories))
    reason = _("not the inventory of an agent: name it by itself to read it")
    others = ((Place(str(file)), reason) for file in files if file.suffix.lower() not in _ENDINGS)
    return replace(whole, left_aside=(*whole.left_aside, *others))


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    # Links to folders are not followed: they may lead round in a circle.
    for base, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(base) / name for name in sorted(names) if not name.startswith(".")]
        if len(found) > FILES:
            raise BadInputError(
                _("{path}: more than {limit} files: this is no folder of inventories").format(path=folder, limit=FILES)
            )
    return found


def _unreadable(error: OSError) -> None:
    message = _("{file}: cannot be read: {reason}")
    raise BadInputError(message.format(file=error.filename, reason=error.strerror)) from error


def _read(path: Path, mapping: Mapping | None) -> Reading:
    try:
        return read(path, mapping)
    except ProblemsError as error:
        return Reading(problems=error.problems)
    except BadInputError as error:
        return Reading(problems=(Problem(str(path), 1, 1, str(error).removeprefix(str(path)).lstrip(" :")),))


def _joined(readings: Iterable[Reading]) -> Reading:
    every = tuple(readings)
    return Reading(
        machines=tuple(machine for one in every for machine in one.machines),
        people=tuple(person for one in every for person in one.people),
        pairings=tuple(pairing for one in every for pairing in one.pairings),
        columns=tuple(dict.fromkeys(column for one in every for column in one.columns)),
        left_aside=tuple(row for one in every for row in one.left_aside),
        problems=tuple(problem for one in every for problem in one.problems),
    )


def _newest_only(whole: Reading) -> Reading:
    """Keep one inventory of a machine that has several: agents put the time into the name of the file."""
    newest = {_identity(machine): machine for machine in whole.machines}
    message = _("an older inventory of the machine in {file}")
    older = [
        (machine.place, message.format(file=newest[_identity(machine)].place.file))
        for machine in whole.machines
        if newest[_identity(machine)] is not machine
    ]
    machines = tuple(machine for machine in whole.machines if newest[_identity(machine)] is machine)
    return replace(whole, machines=machines, left_aside=(*whole.left_aside, *older))


def _identity(machine: Machine) -> tuple[object, ...]:
    """Return what makes a machine: a name alone does not, two communes have a PC called ACCUEIL."""
    return machine.entity, machine.name, machine.serial or machine.macs or machine.place
