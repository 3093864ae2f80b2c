"""A whole import: read the fleets, work out every commune, prove the result, write all files or none."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from toolkit.errors import BadInputError, NomadeError, NothingEvaluatedError, Problem, ProblemsError
from toolkit.files import alone, write_atomically
from toolkit.fleet import Config, Fleet, System, load, load_all
from toolkit.fleet.document import shown
from toolkit.fleet.edit import edit
from toolkit.i18n import _
from toolkit.imports.gather import Gathered, gather, problem
from toolkit.imports.mapping import Mapping
from toolkit.imports.matching import owners
from toolkit.imports.merge import Surroundings, merge
from toolkit.imports.model import Column, Machine, Reading
from toolkit.imports.naming import spent_names
from toolkit.imports.plan import Options, Plan
from toolkit.imports.several import read_all
from toolkit.imports.split import Split, Unknown
from toolkit.memory import collector_paused
from toolkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One fleet file as it was read and as it will be."""

    commune: str
    path: Path
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Prepared:
    """An import that may be written; it has no problem."""

    plan: Plan
    files: tuple[ChangedFile, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """An import as it is asked for on the command line."""

    files: tuple[Path, ...]
    mapping: Path | None = None
    save_mapping: Path | None = None
    system: str = "debian-12"
    skip_unknown: bool = False
    partial: bool = False


def from_files(
    workspace: Workspace,
    selected: Sequence[str],
    request: Request,
    understood: Callable[[Sequence[Column]], None] = lambda _columns: None,
) -> Prepared:
    """Read the lists, keep the mapping if that was asked for, and return what would be written.

    `understood` is called with the columns before anything else can go wrong: they may be why it does.

    Raises as `prepare`, and BadInputError when a list or a mapping cannot be read, or a mapping would be overwritten.
    """
    mapping = Mapping.load(request.mapping) if request.mapping else None
    reading = read_all(request.files, mapping)
    understood(reading.columns)
    if request.save_mapping:
        _save(reading, request.save_mapping)
    options = Options(
        today=date.today(),  # noqa: DTZ011 — the day where the list was read
        system=System(request.system),
        skip_unknown=request.skip_unknown,
        partial=request.partial,
    )
    return prepare(workspace, [reading], selected, options)


def _save(reading: Reading, path: Path) -> None:
    if path.exists():
        raise BadInputError(_("{file}: there already; name another file").format(file=path))
    Mapping({column.field: column.header for column in reading.columns if column.field}).save(path)


@collector_paused()
def prepare(workspace: Workspace, readings: Sequence[Reading], selected: Sequence[str], options: Options) -> Prepared:
    """Return what an import would write into the fleet files of the `selected` communes.

    Raises:
        ProblemsError: everything wrong in the lists, in the fleet files, or in what the fleet files would become.
        BadInputError: a file cannot be read or changed.
        NothingEvaluatedError: the lists hold nothing for these communes.
    """
    before = {commune: _bytes(workspace.commune(commune).fleet) for commune in selected}
    config, fleets = load_all(workspace, selected)
    plan = _plan(workspace, config, fleets, readings, options)
    if plan.problems:
        raise ProblemsError(plan.problems)
    files = []
    for part in plan.communes:
        path, old = workspace.commune(part.commune).fleet, before[part.commune]
        new = edit(old, part.edits, shown(path)) if part.edits else old
        if new != old:
            files.append(ChangedFile(part.commune, path, old, new))
    prove(workspace, files)
    return Prepared(plan, tuple(files))


def write(workspace: Workspace, prepared: Prepared) -> None:
    """Write all files, or none. Raises as `write_files`."""
    write_files(workspace, prepared.files)


def write_files(workspace: Workspace, files: Sequence[ChangedFile]) -> None:
    """Write all of these fleet files, or none.

    Raises:
        BadInputError: a file has changed since it was read, or cannot be written; all are as they were.
    """
    with alone(workspace.state / "locks" / "import"):
        for file in files:
            if _bytes(file.path) != file.before:
                raise BadInputError(
                    _("{file}: changed meanwhile by somebody else: nothing was written, start again").format(
                        file=shown(file.path)
                    )
                )
        written: list[ChangedFile] = []
        try:
            for file in files:
                written.append(file)
                _replace(file.path, file.after)
        except OSError as error:
            for file in written:
                _replace(file.path, file.before)
            raise BadInputError(
                _("{file}: cannot be written: {reason}").format(file=shown(written[-1].path), reason=error.strerror)
            ) from error


def _plan(
    workspace: Workspace, config: Config, fleets: Sequence[Fleet], readings: Sequence[Reading], options: Options
) -> Plan:
    everywhere = [*fleets, *_others(workspace, [fleet.commune.id for fleet in fleets])]
    found = gather(readings, Split(everywhere), [fleet.commune.id for fleet in fleets])
    skipped, problems = _unknown(found, options)
    if not problems and not any(lot.machines or lot.people or lot.pairings for lot in found.lots.values()):
        raise NothingEvaluatedError(_("no row is a machine or a person of the communes asked for"))
    spent = {name for one in everywhere for name in spent_names(one, workspace.commune(one.commune.id))}
    macs: dict[str, Machine | None] = {key: None for what, key in owners(everywhere) if what == "mac"}
    parts = []
    for fleet in fleets:
        elsewhere = owners(one for one in everywhere if one is not fleet)
        around = Surroundings(elsewhere, spent, macs, frozenset({config.management_account}))
        parts.append(merge(fleet, found.lots[fleet.commune.id], options, around))
    problems += [one for part in parts for one in part.problems]
    return Plan(
        communes=tuple(parts),
        problems=tuple(problems),
        skipped=skipped,
        elsewhere=found.elsewhere,
        left_aside=[row for reading in readings for row in reading.left_aside],
        ignored=[column.header for reading in readings for column in reading.columns if _is_ignored(column)],
        options=options,
    )


def _is_ignored(column: Column) -> bool:
    return column.personal and column.field is None


def _others(workspace: Workspace, communes: Sequence[str]) -> Iterator[Fleet]:
    """Yield the fleets not asked for that can be read: another commune's mistake stops nobody else."""
    for commune in workspace.communes():
        if commune not in communes:
            try:
                yield load(workspace, commune)
            except NomadeError:
                continue


def _unknown(found: Gathered, options: Options) -> tuple[tuple[Unknown, ...], list[Problem]]:
    """Return the entities to skip, and the problems of the lists and of entities that may not be skipped."""
    skipped = tuple(one for one in found.unknown if options.skip_unknown and not one.owners)
    return skipped, found.problems + [_stranger(one) for one in found.unknown if one not in skipped]


def _stranger(one: Unknown) -> Problem:
    if one.owners:
        return problem(
            one.place,
            _("the entity “{entity}” stands for several communes: {communes} (rows: {rows})").format(
                entity=one.entity, communes=", ".join(one.owners), rows=one.rows
            ),
            _("write the whole path under commune.entities of the right one"),
        )
    near = _("{commune}’s? Then write it under commune.entities there").format(commune=one.suggestion)
    return problem(
        one.place,
        _("no commune has the entity “{entity}” (rows: {rows})").format(entity=one.entity, rows=one.rows),
        near if one.suggestion else _("write it under commune.entities of a commune, or give --skip-unknown-entities"),
    )


def prove(workspace: Workspace, files: Sequence[ChangedFile]) -> None:
    """Load the communes as they would be, beside all others as they are. Raises ProblemsError when they are wrong."""
    if not files:
        return
    after = {file.commune: file.after for file in files}
    with TemporaryDirectory(prefix="import-", dir=workspace.state) as folder:
        trial = Workspace(Path(folder))
        trial.config_file.symlink_to(workspace.config_file)
        for commune in workspace.communes():
            path = trial.commune(commune).fleet
            path.parent.mkdir(parents=True)
            if commune in after:
                path.write_bytes(after[commune])
            else:
                path.symlink_to(workspace.commune(commune).fleet)
        try:
            load_all(trial, list(after))
        except ProblemsError as error:
            names = {
                shown(trial.commune(commune).fleet): shown(workspace.commune(commune).fleet)
                for commune in trial.communes()
            }
            raise ProblemsError(_afterwards(one, names) for one in error.problems) from error


def _afterwards(one: Problem, names: dict[str, str]) -> Problem:
    return replace(
        one,
        file=names.get(one.file, one.file),
        message=_("as this import would write it: {message}").format(message=one.message),
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be read: {reason}").format(file=shown(path), reason=error.strerror)
        ) from error


def _replace(path: Path, content: bytes) -> None:
    real = path.resolve()  # a link stays a link
    write_atomically(real, content, stat.S_IMODE(real.stat().st_mode))
