"""Shut a laptop out, and let it in again with another key.

Written down first (`revoked` in `fleet.yml`, the key under `public/revoked/`), then done on the live gateway: whatever
is interrupted, the next `apply` or the same command again carries it through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from toolkit.enroll import records
from toolkit.errors import BadInputError, ExitCode, NomadeError, NothingEvaluatedError, UnreachableError
from toolkit.fleet import Fleet, Kind, load, load_all
from toolkit.fleet.document import suggestion
from toolkit.fleet.edit import Append, Edit, Put, Value
from toolkit.i18n import _
from toolkit.imports.importing import write_files
from toolkit.inventory import generate
from toolkit.reach import enrolment
from toolkit.replace import changed_file, revoke
from toolkit.transport.base import Transport
from toolkit.transport.known_hosts import pins
from toolkit.vpn import gateway, keys
from toolkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Live:
    """What came of it on the gateway; `said` is one line for the user."""

    code: ExitCode
    said: str


def find(workspace: Workspace, communes: Sequence[str], host: str) -> Fleet:
    """Return the fleet that has the laptop `host`.

    Raises:
        NothingEvaluatedError: no laptop has that name.
        BadInputError: a fleet file is wrong, or it is another kind of machine.
    """
    _config, fleets = load_all(workspace, communes)
    for fleet in fleets:
        for endpoint in fleet.endpoints:
            if endpoint.name == host:
                if endpoint.kind is not Kind.LAPTOP:
                    raise BadInputError(_("{name} is no laptop: it has no peer on a gateway").format(name=host))
                return fleet
    hint = suggestion(host, [laptop.name for fleet in fleets for laptop in fleet.laptops])
    raise NothingEvaluatedError(" ".join([_("no laptop is called “{name}”").format(name=host), hint]).strip())


def write_down(
    workspace: Workspace, fleet: Fleet, host: str, *, reason: str, today: date, lost: bool = False
) -> tuple[Fleet, frozenset[str]]:
    """Write that `host` is shut out, put its keys away and write the inventory; return the new fleet and the keys.

    Twice is as once: the first date and reason stay, but what was revoked may be lost later.

    Raises:
        BadInputError: `fleet.yml` cannot be changed in place, or something cannot be written.
    """
    _write(workspace, fleet, _edits(fleet, host, reason, today, lost))
    folder = workspace.commune(fleet.commune.id)
    try:
        revoke(folder, host)
        keys.forget_next(folder, host)
    except OSError as error:
        raise BadInputError(
            _("{file}: cannot be written: {reason}").format(file=folder.public, reason=error.strerror)
        ) from error
    generate(workspace, fleet.commune.id)
    refused = keys.known(folder).revoked
    return load(workspace, fleet.commune.id), frozenset(key for key, owner in refused.items() if owner == host)


def _edits(fleet: Fleet, host: str, reason: str, today: date, lost: bool) -> list[Edit]:
    known = fleet.shut_out.get(host)
    if known is None:
        line: dict[str, Value] = {"endpoint": host, "date": today.isoformat(), "reason": reason}
        return [Append("revoked", line | {"lost": True} if lost else line)]
    if lost and not known.lost:
        return [Put(("revoked", fleet.revoked.index(known)), "lost", True)]
    return []


def let_in_again(workspace: Workspace, fleet: Fleet, host: str, *, today: date) -> Fleet:
    """Write that `host` may be a peer again. Its former keys stay refused: it has to make another one.

    Raises:
        NothingEvaluatedError: it is not shut out.
    """
    known = fleet.shut_out.get(host)
    if known is None:
        raise NothingEvaluatedError(_("{name} is not shut out: there is nothing to undo").format(name=host))
    _write(workspace, fleet, [Put(("revoked", fleet.revoked.index(known)), "found", today.isoformat())])
    key = pins(workspace.commune(fleet.commune.id).known_hosts).get(host)
    if key is not None and host in enrolment(workspace, fleet.commune.id):
        records.record(workspace, fleet.commune.id, host, key, "bench")  # without a key, no tunnel leads to it
    generate(workspace, fleet.commune.id)
    return load(workspace, fleet.commune.id)


def _write(workspace: Workspace, fleet: Fleet, edits: Sequence[Edit]) -> None:
    file = changed_file(workspace, fleet, edits)
    if file.before != file.after:
        write_files(workspace, [file])


def shut_out_live(workspace: Workspace, fleet: Fleet, refused: frozenset[str], transport: Transport) -> Live:
    """End what is open with `refused` on the running gateway, then give it its peers for good.

    Never raises for a gateway that cannot be reached or is busy: what is written down stays, the next run does it.
    """
    name = fleet.gateway.name
    try:
        gateway.cut(workspace, fleet, refused, transport)
    except UnreachableError as error:
        said = _("NOT YET IN FORCE: {reason}. It is written down: run this again, or “nomade apply”")
        return Live(ExitCode.UNREACHABLE, said.format(reason=error))
    try:
        code, errors = gateway.bring_up_to_date(workspace, fleet)
    except NomadeError as error:
        code, errors = error.exit_code, str(error)
    if code is ExitCode.OK:
        return Live(code, _("{gateway}: cut off and refused").format(gateway=name))
    said = _("{gateway}: cut off, but not for good yet: {reason}. Run this again, or “nomade apply”")
    return Live(code, said.format(gateway=name, reason=errors))
