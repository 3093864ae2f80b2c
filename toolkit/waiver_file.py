"""`inventories/<commune>/waivers.yml`: read and checked with places, changed in place, never rewritten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from toolkit import paths
from toolkit.catalogue_files import ids_with
from toolkit.errors import BadInputError
from toolkit.files import alone, write_atomically
from toolkit.fleet import Fleet
from toolkit.fleet.document import Document, Path_, parse, read, shown, suggestion
from toolkit.fleet.edit import Append, Edit, Put, edit
from toolkit.fleet.parts import Model
from toolkit.fleet.problems import validate
from toolkit.fleet.text import forbidden
from toolkit.i18n import _
from toolkit.waivers import Standing, Waiver
from toolkit.workspace import Workspace


class _File(Model):
    waivers: tuple[Waiver, ...] = ()


def load(workspace: Workspace, fleet: Fleet, now: datetime) -> tuple[Waiver, ...]:
    """Return the waivers of one commune in the order of its file, revoked and expired ones too; none without a file.

    Raises:
        ProblemsError: everything wrong in the file, each at its line and column.
        BadInputError: the file cannot be read.
    """
    path = workspace.commune(fleet.commune.id).waivers
    return _checked(read(path), fleet, now) if path.exists() else ()


def add(workspace: Workspace, fleet: Fleet, fields: Mapping[str, Any], now: datetime, *, dry_run: bool = False) -> str:
    """Write the waiver with these fields at the end of the file, made on first use; return what the file is then.

    Raises:
        ProblemsError: the file is wrong, or would be with this waiver; it is left as it was.
        BadInputError: the waiver is none, one of the same scope lasts as long already, or the file cannot be written.
    """
    wanted = (fields["control"], fields.get("kind"), tuple(sorted(fields.get("endpoints") or ())))

    def edits(known: tuple[Waiver, ...]) -> list[Edit]:
        for item in known:
            lasts = item.until.isoformat() >= str(fields["until"]) and item.standing(now) in _RUNNING
            if lasts and _scope(item) == wanted:
                message = _("{control}: already accepted until {until}: revoke that waiver first, or give a later end")
                raise BadInputError(message.format(control=item.control, until=item.until))
        return [Append("waivers", _written(fields))]

    return _change(workspace, fleet, now, edits, dry_run=dry_run)


def revoke(
    workspace: Workspace,
    fleet: Fleet,
    control: str,
    fields: Mapping[str, Any],
    now: datetime,
    *,
    scope: tuple[str | None, tuple[str, ...]] | None = None,
    dry_run: bool = False,
) -> str:
    """Mark the waivers of a control as taken back and return what the file is then; they stay in it as history.

    `fields` are those of a Revocation;
    `scope` (kind, endpoints) says which when there are several; waivers of one scope go together.

    Raises:
        ProblemsError: the file is wrong.
        BadInputError: there is none, or several scopes fit.
    """

    def edits(known: tuple[Waiver, ...]) -> list[Edit]:
        wanted = [index for index, item in enumerate(known) if item.control == control and item.revoked is None]
        if scope is not None:
            wanted = [index for index in wanted if _scope(known[index])[1:] == (scope[0], tuple(sorted(scope[1])))]
        if not wanted:
            there = sorted({item.control for item in known if item.revoked is None})
            message = _("no waiver of “{control}” to revoke; there are: {known}")
            raise BadInputError(message.format(control=control, known=", ".join(there) or "–"))
        if len({_scope(known[index]) for index in wanted}) > 1:
            message = _("several waivers of “{control}”: say which with --kind, --endpoint or --whole-commune")
            raise BadInputError(message.format(control=control))
        return [Put(("waivers", index), "revoked", _written(fields)) for index in wanted]

    return _change(workspace, fleet, now, edits, dry_run=dry_run)


# A waiver that no longer counts may speak of a machine or a control that is gone: it is history.
_RUNNING = (Standing.ACTIVE, Standing.FUTURE)


def _scope(waiver: Waiver) -> tuple[str, str | None, tuple[str, ...]]:
    return waiver.control, waiver.kind.value if waiver.kind else None, tuple(sorted(waiver.endpoints))


def _change(
    workspace: Workspace,
    fleet: Fleet,
    now: datetime,
    edits: Callable[[tuple[Waiver, ...]], list[Edit]],
    *,
    dry_run: bool,
) -> str:
    path = workspace.commune(fleet.commune.id).waivers
    with alone(workspace.state / "locks" / f"waivers-{fleet.commune.id}"):
        raw = path.read_bytes() if path.exists() else b""
        if parse(raw, shown(path)).data is None:  # no file yet, or nothing but comments
            raw = raw.rstrip() + b"\n" * bool(raw.strip()) + b"waivers: []\n"
        known = _checked(parse(raw, shown(path)), fleet, now)
        after = edit(raw, edits(known), shown(path))
        _checked(parse(after, shown(path)), fleet, now)
        if not dry_run:
            try:
                write_atomically(path, after)
            except OSError as error:
                message = _("{file}: cannot be written: {reason}")
                raise BadInputError(message.format(file=shown(path), reason=error.strerror)) from error
    return after.decode("utf-8-sig")


def _written(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys as they are written: days as text, nothing that says nothing."""
    said = {name: value for name, value in fields.items() if value not in (None, (), [], "")}
    return {name: _plain(value) for name, value in said.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and (found := forbidden(value)) is not None:
        raise BadInputError(_("not allowed in any text: {found}").format(found=found))
    return list(value) if isinstance(value, tuple) else value


def _checked(document: Document, fleet: Fleet, now: datetime) -> tuple[Waiver, ...]:
    file = validate(_File, document)
    document.raise_problems()
    waivers = file.waivers if file else ()
    known = ids_with(paths.controls_dir(), "")
    for index, item in enumerate(waivers):
        if item.standing(now) in _RUNNING:
            _check(document, ("waivers", index), item, fleet, known)
    document.raise_problems()
    return waivers


def _check(document: Document, place: Path_, item: Waiver, fleet: Fleet, known: Any) -> None:
    if item.control not in known:
        message = _("there is no control “{name}”").format(name=item.control)
        document.report((*place, "control"), message, suggestion(item.control, sorted(known)))
    if item.kind and item.endpoints:
        message = _("a waiver is for one kind of machine or for the machines named, not both")
        document.report((*place, "kind"), message)
    names = [*(endpoint.name for endpoint in fleet.machines), *(gone.name for gone in fleet.retired)]
    for number, name in enumerate(item.endpoints):
        if name not in names:
            message = _("“{value}” is not declared in fleet.yml").format(value=name)
            document.report((*place, "endpoints", number), message, suggestion(name, names))
