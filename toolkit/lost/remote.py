"""What is done on the lost laptop itself, should it ever answer: locked, its keys gone, switched off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from toolkit.errors import NomadeError, UnreachableError
from toolkit.files import write_atomically
from toolkit.fleet import Fleet
from toolkit.i18n import _
from toolkit.probes.tunnel_keys import INTERFACE
from toolkit.reach import enrolment, routes
from toolkit.transport.base import Route, Transport
from toolkit.transport.known_hosts import pins
from toolkit.vpn.gateway import answer
from toolkit.workspace import Workspace

SECONDS = 25.0
_ALIVE = 180  # seconds: WireGuard's REJECT_AFTER_TIME

# Each line for itself: whatever is missing, the rest is done. Switched off last, by the endpoint itself: the disk's
# secret is asked at the next start. On an encrypted disk keys need no overwriting; in flash memory it would do nothing.
_LOCK_AND_WIPE = """\
loginctl lock-sessions 2>/dev/null
if [ -n "$login" ]; then usermod --lock --expiredate 1 "$login"; fi
rm -f /etc/wireguard/nomade.key /etc/wireguard/nomade.key.next /etc/wireguard/nomade.key.previous
rm -f /etc/nomade/backup/ssh_key /etc/NetworkManager/system-connections/*
rm -rf /home/*/.config/freerdp /home/*/.local/share/keyrings
sync
[ ! -e /etc/wireguard/nomade.key ] && systemd-run --quiet --on-active=2 systemctl poweroff && echo wiped
"""
_UNLOCK = """\
if [ -n "$login" ]; then usermod --unlock --expiredate '' "$login"; fi
echo unlocked
"""


def pin_of(workspace: Workspace, fleet: Fleet, host: str) -> dict[str, str]:
    """Return how a laptop is known and reached, to be kept when ordinary runs forget it; empty when never enrolled."""
    record = enrolment(workspace, fleet.commune.id).get(host)
    key = pins(workspace.commune(fleet.commune.id).known_hosts).get(host)
    return {"line": key.line(host), "path": record.path} if record and key else {}


def wipe(
    workspace: Workspace, fleet: Fleet, host: str, pin: Mapping[str, str], keys: frozenset[str], transport: Transport
) -> None:
    """Lock the laptop, take its keys and switch it off, if it answers now.

    `keys`: its public keys; through the gateway it is only tried while one of them has a live session there.

    Raises:
        UnreachableError: it does not answer.
        NomadeError: it answered, and did not do all of it.
    """
    way = _way(workspace, fleet, host, pin)
    if way.jump is not None and not _alive(transport, way.jump, keys):
        raise UnreachableError(_("{name}: not connected to its gateway").format(name=host))
    if answer(transport, way, _for_login(fleet, host) + _LOCK_AND_WIPE, seconds=SECONDS).strip() != "wiped":
        raise NomadeError(_("{name}: answered, but was not wiped").format(name=host))


def unlock(workspace: Workspace, fleet: Fleet, host: str, pin: Mapping[str, str], transport: Transport) -> None:
    """Let the teleworker log in again. Raises as `wipe`."""
    way = _way(workspace, fleet, host, {**pin, "path": "bench"})
    answer(transport, way, _for_login(fleet, host) + _UNLOCK, seconds=SECONDS)


def _for_login(fleet: Fleet, host: str) -> str:
    post = fleet.post_of(host)
    return f"login={quote(post.teleworker if post else '')}\n"


def _way(workspace: Workspace, fleet: Fleet, host: str, pin: Mapping[str, str]) -> Route:
    """Return the laptop's route with the pin that was kept, whatever ordinary runs know of it."""
    folder = workspace.state / "lost"
    folder.mkdir(mode=0o700, exist_ok=True)
    known_hosts = folder / f"{host}.known_hosts"
    keep_pin(known_hosts, pin["line"])
    laptop = fleet.endpoint(host)
    way = routes(workspace, fleet, [laptop])[host]
    if pin["path"] == "bench":
        return Route(host, laptop.bench.address, laptop.bench.port, way.user, way.identity, known_hosts)
    return Route(host, way.address, way.port, way.user, way.identity, known_hosts, way.jump)


def keep_pin(path: Path, text: str) -> None:
    """Write a known_hosts file of one line, 0600, unless it is there."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text, 0o600)


def _alive(transport: Transport, gateway: Route, keys: frozenset[str]) -> bool:
    """Return whether the gateway has a live session with one of these keys."""
    script = f"date +%s; [ ! -e /sys/class/net/{INTERFACE} ] || wg show {INTERFACE} latest-handshakes\n"
    now, *rows = answer(transport, gateway, script).splitlines() or ["0"]
    seen = dict(row.split() for row in rows if len(row.split()) == 2)
    return any(int(seen.get(key, 0)) > int(now) - _ALIVE for key in keys)
