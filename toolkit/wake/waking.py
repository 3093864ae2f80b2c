"""Wake one office PC through its commune's gateway, over the management connection."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from toolkit.errors import BadInputError, NomadeError, NothingEvaluatedError, UnreachableError
from toolkit.fleet import Fleet, load_all
from toolkit.fleet.document import shown, suggestion
from toolkit.fleet.parts import OfficePc
from toolkit.i18n import _
from toolkit.reach import route
from toolkit.transport.base import Transport
from toolkit.workspace import Workspace

_PROGRAM = "/usr/local/libexec/nomade-wake"
_MARGIN = 30.0  # seconds beside the waiting itself
_BYTES = 4096
# Exit statuses: of the program (nomade_wake.py), and of a shell that finds none.
_SILENT = 3
_NOT_READY = (4, 126, 127)


def find(workspace: Workspace, communes: Sequence[str], host: str) -> tuple[Fleet, OfficePc]:
    """Return the office PC `host` and its fleet.

    Raises:
        NothingEvaluatedError: no office PC has that name.
        BadInputError: a fleet file is wrong, or does not say the address of the PC's network card.
    """
    _config, fleets = load_all(workspace, communes)
    for fleet in fleets:
        for pc in fleet.office_pcs:
            if pc.name == host:
                return fleet, _with_mac(workspace, fleet, pc)
    hint = suggestion(host, [pc.name for fleet in fleets for pc in fleet.office_pcs])
    raise NothingEvaluatedError(" ".join([_("no office PC is called “{name}”").format(name=host), hint]).strip())


def _with_mac(workspace: Workspace, fleet: Fleet, pc: OfficePc) -> OfficePc:
    if pc.mac is None:
        raise BadInputError(
            _("{name}: the address of its network card is not known: write mac: in {file} (or import it)").format(
                name=pc.name, file=shown(workspace.commune(fleet.commune.id).fleet)
            )
        )
    return pc


def wake(workspace: Workspace, fleet: Fleet, pc: OfficePc, seconds: int, transport: Transport) -> str:
    """Have the gateway send the magic packet, wait up to `seconds` for the PC to answer; return a line for the user.

    Raises:
        UnreachableError: the gateway does not answer, or the PC did not in time.
        NomadeError: the gateway answered, and could not do it.
    """
    way = route(workspace, fleet, fleet.gateway.name)
    script = f"exec {_PROGRAM} {quote(pc.mac or '')} {quote(pc.office_address)} {seconds}"
    result = transport.run(way, script, timeout=seconds + _MARGIN, limit=_BYTES)
    if result.exit_code is None:
        raise UnreachableError(_("{endpoint}: no answer in time").format(endpoint=way.alias))
    if result.exit_code == _SILENT:
        raise UnreachableError(_silent(pc, seconds))
    if result.exit_code in _NOT_READY:
        raise NomadeError(
            _("{gateway}: does not know how to wake office PCs yet: run “nomade apply -l {gateway}”").format(
                gateway=way.alias
            )
        )
    if result.exit_code != 0:
        raise NomadeError(_("{gateway}: the magic packet could not be sent").format(gateway=way.alias))
    said = _("{name}: awake, it answers") if seconds else _("{name}: magic packet sent")
    return said.format(name=pc.name)


def _silent(pc: OfficePc, seconds: int) -> str:
    return _(
        "{name}: magic packet sent, no answer to ping within {seconds} seconds: check that wake-on-LAN is on in its "
        "firmware, that it is plugged in, and that mac: is its own"
    ).format(name=pc.name, seconds=seconds)
