"""A teleworker gets another machine; a fixed post gets its fate. Both are changes of `fleet.yml`, made in place.

The machine that leaves a post stays in `fleet.yml` until it is retired, and keeps its tunnel address as long, so that
nobody else has it before the quarantine. It is no peer any more (`Fleet.peers`) and its public key moves to
`public/revoked/`: the next run on the gateway shuts it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from toolkit.errors import BadInputError, NomadeError, NothingEvaluatedError
from toolkit.files import write_atomically
from toolkit.fleet import Endpoint, Fleet, Kind, Post, load, load_all
from toolkit.fleet.document import shown, suggestion
from toolkit.fleet.edit import Append, Edit, Put, edit
from toolkit.i18n import _
from toolkit.imports.importing import ChangedFile, prove, write_files
from toolkit.inventory import generate
from toolkit.workspace import CommuneFolder, Workspace

_KEYS = {Kind.LAPTOP: "laptop", Kind.OFFICE_PC: "office_pc"}
_PUBLIC = (".wg.pub", ".rdp.crt")


@dataclass(frozen=True, slots=True)
class Change:
    """What would be done to one commune; nothing has been written."""

    fleet: Fleet
    file: ChangedFile
    told: tuple[str, ...]
    """What happens, a line each, in the user's language."""
    former: str | None = None
    """The machine whose public halves are revoked."""
    limit: tuple[str, ...] = ()
    """Endpoints to apply afterwards."""

    @property
    def is_done(self) -> bool:
        """Whether `fleet.yml` already says so."""
        return self.file.before == self.file.after


def move(workspace: Workspace, communes: Sequence[str], target: str, by: str, *, reason: str, today: date) -> Change:
    """Return how the machine of `target` (a login, a laptop or an office PC) is replaced with the machine `by`.

    Doing it a second time changes nothing.

    Raises:
        NothingEvaluatedError: nobody is called `target`, or no machine `by`.
        BadInputError: `by` is somebody else's, of another kind or another commune, or was revoked; a file is wrong.
    """
    _config, fleets = load_all(workspace, communes)
    fleet, post = _post(fleets, target, by)
    new = _machine(workspace, fleet, by)
    kind = new.kind
    if target != post.teleworker and fleet.endpoint(target).kind is not kind:
        raise BadInputError(
            _("{old} is {kind}, {new} is {other}: only the same kind replaces it").format(
                old=target, kind=_kind(fleet.endpoint(target).kind), new=by, other=_kind(kind)
            )
        )
    old = post.laptop if kind is Kind.LAPTOP else post.office_pc
    if old == by:
        return _again(workspace, fleet, post, by)
    if old is None:
        raise BadInputError(
            _("{login} has no office PC to replace: write office_pc under posts").format(login=post.teleworker)
        )
    _refuse_taken(workspace, fleet, by)
    line = {"teleworker": post.teleworker, "from": old, "to": by, "date": today.isoformat(), "reason": reason}
    place = ("posts", fleet.posts.index(post))
    file = changed_file(workspace, fleet, [Put(place, _KEYS[kind], by), Append("replaced", line)])
    return Change(fleet, file, tuple(_told(fleet, post, old, new)), old, _touched(fleet, post, by))


def _post(fleets: Sequence[Fleet], target: str, by: str) -> tuple[Fleet, Post]:
    """Return the post that `target` means: its teleworker's, its machine's, or the one its machine left for `by`."""
    found = [(fleet, post) for fleet in fleets for post in fleet.posts if target in _names(post)]
    if not found:
        left = {
            step.teleworker for fleet in fleets for step in fleet.replaced if (step.former, step.to) == (target, by)
        }
        found = [
            (fleet, post) for fleet in fleets for post in fleet.posts if post.teleworker in left and by in _names(post)
        ]
    if len({fleet.commune.id for fleet, _post in found}) > 1:
        raise BadInputError(
            _("“{name}” is in several communes ({communes}): name one with --commune").format(
                name=target, communes=", ".join(fleet.commune.id for fleet, _post in found)
            )
        )
    if found:
        return found[0]
    for fleet in fleets:
        if any(endpoint.name == target for endpoint in fleet.machines):
            raise BadInputError(_("{name} belongs to no post: there is nobody to move").format(name=target))
    known = [name for fleet in fleets for post in fleet.posts for name in _names(post)]
    raise NothingEvaluatedError(
        " ".join(
            [_("no teleworker and no machine is called “{name}”").format(name=target), suggestion(target, known)]
        ).strip()
    )


def _names(post: Post) -> list[str]:
    return [name for name in (post.teleworker, post.laptop, post.office_pc) if name]


def _machine(workspace: Workspace, fleet: Fleet, name: str) -> Endpoint:
    found = next((endpoint for endpoint in fleet.machines if endpoint.name == name), None)
    if found is None:
        owner = _owner(workspace, fleet, name)
        if owner:
            raise BadInputError(_("“{name}” belongs to another commune: {owner}").format(name=name, owner=owner))
        free = [
            endpoint.name for endpoint in fleet.machines if endpoint.kind in _KEYS and not fleet.post_of(endpoint.name)
        ]
        hint = suggestion(name, free) or _("declare it in {file} first").format(
            file=shown(workspace.commune(fleet.commune.id).fleet)
        )
        raise NothingEvaluatedError(_("no endpoint is called “{name}”").format(name=name) + " " + hint)
    if found.kind not in _KEYS:
        raise BadInputError(_("{name} is a gateway: nobody works on it").format(name=name))
    return found


def _owner(workspace: Workspace, fleet: Fleet, name: str) -> str | None:
    for other in workspace.communes():
        if other != fleet.commune.id:
            try:
                if any(endpoint.name == name for endpoint in load(workspace, other).machines):
                    return other
            except NomadeError:  # another commune's mistake stops nobody else
                continue
    return None


def _refuse_taken(workspace: Workspace, fleet: Fleet, name: str) -> None:
    post = fleet.post_of(name)
    if post is not None:
        raise BadInputError(_("{name} already is {login}’s").format(name=name, login=post.teleworker))
    revoked = _revoked(workspace.commune(fleet.commune.id), name, ".wg.pub")
    if revoked.exists():
        raise BadInputError(
            _("{name} was revoked: install it anew, so that it makes another key, then remove {file}").format(
                name=name, file=shown(revoked)
            )
        )


def _kind(kind: Kind) -> str:
    return {
        Kind.LAPTOP: _("a laptop"),
        Kind.OFFICE_PC: _("an office PC"),
        Kind.GATEWAY: _("a gateway"),
    }[kind]


def _told(fleet: Fleet, post: Post, old: str, new: Endpoint) -> list[str]:
    told = [_("{login}: {old} → {new}").format(login=post.teleworker, old=old, new=new.name)]
    if new.kind is Kind.LAPTOP:
        told.append(_("{old} is no peer of {gateway} any more").format(old=old, gateway=fleet.gateway.name))
        if post.office_pc:
            told.append(_("{pc} lets in {new} alone").format(pc=post.office_pc, new=new.name))
    else:
        told.append(
            _("{old} lets nobody in any more; {new} lets in {laptop}").format(old=old, new=new.name, laptop=post.laptop)
        )
    if old in fleet.settings.endpoints:
        told.append(_("settings.endpoints.{old} stays {old}’s: write what {new} needs").format(old=old, new=new.name))
    return told


def _touched(fleet: Fleet, post: Post, *others: str) -> tuple[str, ...]:
    names = (fleet.gateway.name, post.office_pc, post.laptop, *others)
    former = {post.laptop} if any(fleet.endpoint(name).kind is Kind.LAPTOP for name in others) else set()
    return tuple(dict.fromkeys(name for name in names if name and name not in former))


def _again(workspace: Workspace, fleet: Fleet, post: Post, by: str) -> Change:
    """Return a change of nothing, that still finishes what an earlier one may not have."""
    former = next((step.former for step in reversed(fleet.replaced) if step.to == by), None)
    if former is not None and fleet.post_of(former) is not None:
        former = None  # it works for somebody again
    told = (_("{login} already has {new}").format(login=post.teleworker, new=by),)
    return Change(fleet, changed_file(workspace, fleet, []), told, former)


def decide(
    workspace: Workspace,
    communes: Sequence[str],
    name: str,
    fate: Literal["kept", "retired"],
    *,
    office_pc: str | None = None,
    retired_on: date | None = None,
    disposal: str | None = None,
) -> Change:
    """Return how a fixed post is written down as kept (and become `office_pc`) or as retired.

    Raises:
        NothingEvaluatedError: no fixed post has that name.
        BadInputError: several have it, or what `fleet.yml` would become is wrong (ProblemsError).
    """
    _config, fleets = load_all(workspace, communes)
    found = [(fleet, index) for fleet in fleets for index, post in enumerate(fleet.fixed_posts) if post.name == name]
    if not found:
        known = [post.name for fleet in fleets for post in fleet.fixed_posts]
        hint = suggestion(name, known)
        raise NothingEvaluatedError(" ".join([_("no fixed post is called “{name}”").format(name=name), hint]).strip())
    if len(found) > 1:
        raise BadInputError(
            _("“{name}” is given several times ({communes}): name one commune, or give each a name of its own").format(
                name=name, communes=", ".join(fleet.commune.id for fleet, _index in found)
            )
        )
    fleet, index = found[0]
    values = {
        "fate": fate,
        "office_pc": office_pc or (fleet.fixed_posts[index].office_pc if fate == "kept" else None),
        "retired_on": retired_on.isoformat() if retired_on else None,
        "disposal": disposal,
    }
    before = fleet.fixed_posts[index].model_dump()
    edits = [Put(("fixed_posts", index), key, value) for key, value in values.items() if before[key] != value]
    told = _("{name}: kept") if fate == "kept" else _("{name}: retired")
    return Change(fleet, changed_file(workspace, fleet, edits), (told.format(name=name),))


def changed_file(workspace: Workspace, fleet: Fleet, edits: Sequence[Edit]) -> ChangedFile:
    """Return the commune's fleet file with all edits made, proven to load.

    Raises: BadInputError: it cannot be read or changed in place, or what it would become is wrong (ProblemsError).
    """
    path = workspace.commune(fleet.commune.id).fleet
    try:
        before = path.read_bytes()
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be read: {reason}").format(file=shown(path), reason=error.strerror)
        ) from error
    file = ChangedFile(fleet.commune.id, path, before, edit(before, edits, shown(path)) if edits else before)
    if file.after != before:
        prove(workspace, [file])
    return file


def carry_out(workspace: Workspace, change: Change) -> None:
    """Write `fleet.yml`, revoke the public halves of the former machine, write the inventory. Twice is as once.

    Raises:
        BadInputError: the file has changed meanwhile, or something cannot be written.
    """
    if not change.is_done:
        write_files(workspace, [change.file])
    folder = workspace.commune(change.fleet.commune.id)
    if change.former:
        revoke(folder, change.former)
    generate(workspace, change.fleet.commune.id)


def _revoked(folder: CommuneFolder, name: str, suffix: str) -> Path:
    return folder.public / "revoked" / f"{name}{suffix}"


def revoke(folder: CommuneFolder, name: str) -> None:
    """Move what the machine made to `public/revoked/`; what was revoked under that name before stays in the file."""
    for suffix in _PUBLIC:
        source, target = folder.public / f"{name}{suffix}", _revoked(folder, name, suffix)
        try:
            if not source.is_file():
                continue
            text = source.read_text(encoding="utf-8")
            target.parent.mkdir(exist_ok=True)
            before = target.read_text(encoding="utf-8") if target.exists() else ""
            if text not in before:
                write_atomically(target, before + text)
            source.unlink()
        except OSError as error:
            raise BadInputError(
                _("{file}: cannot be written: {reason}").format(file=shown(target), reason=error.strerror)
            ) from error
