"""Another key for a laptop, without a moment at which neither key works.

The laptop makes the new key and keeps the old; the gateway accepts both; the laptop changes over, and goes back by
itself when no handshake comes; its address follows the key that shook hands last; only then is the old one refused.
Stopped anywhere, the same command goes on from where things are.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from toolkit.errors import BadInputError, NomadeError, UnreachableError
from toolkit.fleet import Fleet
from toolkit.i18n import _
from toolkit.probes.tunnel_keys import INTERFACE
from toolkit.reach import enrolment, routes
from toolkit.transport.base import Route, Transport
from toolkit.vpn import gateway, keys
from toolkit.workspace import Workspace

Say = Callable[[str], None]
_PROGRAM = "/usr/local/libexec/nomade-vpn"
# The laptop gives up after 75 s; a little longer, so that what it ends with is what is seen here.
_PATIENCE = 90

_ASK = """\
set -eu
wg pubkey < /etc/wireguard/nomade.key
if [ -s /etc/wireguard/nomade.key.next ]; then wg pubkey < /etc/wireguard/nomade.key.next; fi
"""
_MAKE = f"{_PROGRAM} next-key\n"
_FORGET = "rm -f /etc/wireguard/nomade.key.next\n"
# A power cut just after the change leaves the former key beside the present one.
_FORGET_FORMER = "rm -f /etc/wireguard/nomade.key.previous\n"
# Detached: the connection that asks for it goes through the very tunnel.
_SWITCH = f"systemd-run --quiet --collect --unit nomade-vpn-switch {_PROGRAM} switch\n"
# $key: the new key. The gateway sees its handshake once a packet came with it.
_WAIT = f"""\
tries={_PATIENCE}
until wg show {INTERFACE} latest-handshakes | grep -F "$key" | grep -qv '[[:space:]]0$'; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || {{ echo no; exit 0; }}
  sleep 1
done
{_PROGRAM} settle
echo yes
"""


@dataclass(frozen=True, slots=True)
class _There:
    """The laptop's keys, as it says itself."""

    present: str
    next: str | None


def rotate(workspace: Workspace, fleet: Fleet, host: str, transport: Transport, say: Say) -> None:
    """Change the key of `host`; `say` is told each step.

    Raises:
        BadInputError: it is shut out, or its key is not the one that is written down.
        UnreachableError: laptop or gateway do not answer, or the new key brought no handshake: the old one still works.
        NomadeError: a step failed; the old key, or the new one, still works.
    """
    folder = workspace.commune(fleet.commune.id)
    _refuse(workspace, fleet, host)
    laptop = fleet.endpoint(host)
    ways = routes(workspace, fleet, [fleet.gateway, laptop])
    way, hub = ways[host], ways[fleet.gateway.name]
    there, known = _ask(transport, way), keys.known(folder)
    coming = known.next.get(host)
    if coming != there.present:
        if there.present != known.current.get(host):
            raise BadInputError(
                _("{name}: its key is not the one written down: run “nomade apply” first").format(name=host)
            )
        coming = _next(transport, way, there, known.revoked)
        _accept_both(workspace, fleet, host, coming, say)
        _switch(transport, way, hub, coming, say)
    else:
        gateway.answer(transport, way, _FORGET_FORMER)
    keys.promote_next(folder, host)
    _gateway_follows(workspace, fleet)
    say(_("{name}: the former key is refused from now on").format(name=host))


def _refuse(workspace: Workspace, fleet: Fleet, host: str) -> None:
    if host not in {laptop.name for laptop in fleet.peers}:
        raise BadInputError(_("{name} is shut out: there is no key to change").format(name=host))
    for name in (host, fleet.gateway.name):
        if name not in enrolment(workspace, fleet.commune.id):
            raise UnreachableError(_("{name}: not enrolled: run “nomade enroll”").format(name=name))


def _ask(transport: Transport, way: Route) -> _There:
    found = gateway.answer(transport, way, _ASK).split()
    if not found or not all(keys.is_key(key) for key in found):
        raise NomadeError(_("{endpoint}: what it says is no key").format(endpoint=way.alias))
    return _There(found[0], found[1] if len(found) > 1 else None)


def _next(transport: Transport, way: Route, there: _There, revoked: Container[str]) -> str:
    """Return the key that the laptop changes to: the one it made before, or another where that one is refused.

    A laptop that was shut out in the middle of a change, and let in again, still has the refused one.
    """
    if there.next and there.next not in revoked:
        return there.next
    return gateway.answer(transport, way, _FORGET + _MAKE).strip()


def _accept_both(workspace: Workspace, fleet: Fleet, host: str, coming: str, say: Say) -> None:
    if not keys.is_key(coming):
        raise NomadeError(_("{endpoint}: what it says is no key").format(endpoint=host))
    keys.expect_next(workspace.commune(fleet.commune.id), host, coming)
    _gateway_follows(workspace, fleet)
    say(_("{gateway}: accepts the old and the new key of {name}").format(gateway=fleet.gateway.name, name=host))


def _gateway_follows(workspace: Workspace, fleet: Fleet) -> None:
    code, errors = gateway.bring_up_to_date(workspace, fleet)
    if code:
        failed = UnreachableError if code is UnreachableError.exit_code else NomadeError
        raise failed(
            _("{gateway}: not done: {reason}. Run this again").format(gateway=fleet.gateway.name, reason=errors)
        )


def _switch(transport: Transport, way: Route, hub: Route, coming: str, say: Say) -> None:
    gateway.answer(transport, way, _SWITCH)
    said = gateway.answer(transport, hub, f"key={coming}\n{_WAIT}", seconds=_PATIENCE + 30.0)
    if said.strip() != "yes":
        raise UnreachableError(
            _("{name}: no handshake with its new key: it goes back to the old one; run this again").format(
                name=way.alias
            )
        )
    say(_("{name}: is there with its new key").format(name=way.alias))
