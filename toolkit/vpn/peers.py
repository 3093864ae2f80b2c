"""Who is a peer of a gateway, live or as the last evidence shows: every peer it has, and every one it should have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from toolkit.collect import Failure, collect_one
from toolkit.errors import ExitCode, worst
from toolkit.finding import Evidence
from toolkit.fleet import Fleet, load_all
from toolkit.fleet.addresses import load as load_addresses
from toolkit.i18n import _
from toolkit.probes import registry
from toolkit.probes.tunnel_keys import Keys, Peer, read
from toolkit.reach import route
from toolkit.store import open_store
from toolkit.transport.base import Transport
from toolkit.vpn.keys import Known, known
from toolkit.workspace import Workspace

# WireGuard's REJECT_AFTER_TIME: after it no session is alive.
_ALIVE = timedelta(seconds=180)
_PROBE = "tunnel_keys"


class State(StrEnum):
    """What a peer is."""

    ACTIVE = "active"  # shook hands within three minutes
    SILENT = "silent"  # accepted, and not there now
    WAITING = "waiting"  # declared; has made no key yet
    MISSING = "missing"  # declared, has a key, and the gateway does not know it
    REVOKED = "revoked"  # refused
    TRYING = "trying"  # refused, and tried to come in
    NOT_REFUSED = "not_refused"  # revoked, and the gateway still accepts it
    ORPHAN = "orphan"  # accepted, and nobody the fleet knows
    UNKNOWN_KEY = "unknown_key"  # has the address of a laptop, and not its key
    COPIED = "copied"  # its key is used in two places at once


WRONG = frozenset({State.MISSING, State.TRYING, State.NOT_REFUSED, State.ORPHAN, State.UNKNOWN_KEY, State.COPIED})


@dataclass(frozen=True, slots=True)
class Row:
    """One peer. `host` is empty for one that nobody knows; `received` and `sent` are bytes, as the gateway counts."""

    host: str
    teleworker: str
    state: State
    address: str
    key: str
    handshake: datetime | None = None
    received: int = 0
    sent: int = 0
    source: str | None = None
    """Where a refused peer last tried from."""
    changing: bool = False
    """Its next key is known: `nomade vpn rotate` is under way."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The peers of one commune's gateway; `problem` is one line when it could not be asked, or is too old."""

    commune: str
    gateway: str
    asked_at: datetime | None
    rows: tuple[Row, ...] = ()
    problem: str = ""
    code: ExitCode = ExitCode.OK


def live(workspace: Workspace, communes: Sequence[str], transport: Transport) -> list[Gateway]:
    """Ask each gateway now. Raises BadInputError for a wrong file."""
    _config, fleets = load_all(workspace, communes)
    found = []
    for fleet in fleets:
        way = route(workspace, fleet, fleet.gateway.name)
        found.append(_judged(workspace, fleet, collect_one([registry()[_PROBE]], way, transport)))
    return found


def stored(workspace: Workspace, communes: Sequence[str], now: datetime) -> list[Gateway]:
    """Return what the last audit saw; what is older than the workspace's limit is shown, and is no good answer."""
    config, fleets = load_all(workspace, communes)
    store = open_store(config.store or workspace.store_url)
    try:
        return [
            _of_store(workspace, fleet, _evidence(store.evidence(fleet.commune.id, config.profile), fleet), limit)
            for limit in [now - timedelta(days=config.freshness_days)]
            for fleet in fleets
        ]
    finally:
        store.close()


def _evidence(found: Iterator[Evidence], fleet: Fleet) -> Evidence | None:
    return next((item for item in found if item.endpoint == fleet.gateway.name), None)


def _of_store(workspace: Workspace, fleet: Fleet, evidence: Evidence | None, oldest: datetime) -> Gateway:
    if evidence is None:
        said = _("{gateway}: no evidence is kept: run “nomade audit”").format(gateway=fleet.gateway.name)
        return Gateway(fleet.commune.id, fleet.gateway.name, None, (), said, ExitCode.NOTHING_EVALUATED)
    judged = _judged(workspace, fleet, evidence)
    if evidence.collected_at >= oldest or judged.problem:
        return judged
    said = _("{gateway}: this evidence is too old to rely on: run “nomade audit”").format(gateway=fleet.gateway.name)
    return Gateway(judged.commune, judged.gateway, judged.asked_at, judged.rows, said, ExitCode.UNREACHABLE)


def _judged(workspace: Workspace, fleet: Fleet, said: Evidence | Failure) -> Gateway:
    name, commune = fleet.gateway.name, fleet.commune.id
    if isinstance(said, Failure):
        return Gateway(commune, name, None, (), said.detail, ExitCode.UNREACHABLE)
    section = said.sections.get(_PROBE)
    try:
        keys = read(section.text) if section and section.exit_code == 0 else None
    except (ValueError, KeyError):
        keys = None
    if keys is None:
        problem = _("{gateway}: no tunnel there that could be read: run “nomade apply”").format(gateway=name)
        return Gateway(commune, name, said.collected_at, (), problem, ExitCode.NOTHING_EVALUATED)
    folder = workspace.commune(commune)
    addresses = load_addresses(folder.addresses, fleet).tunnel
    return Gateway(commune, name, said.collected_at, rows(fleet, addresses, known(folder), keys))


def rows(fleet: Fleet, addresses: Mapping[str, str], public: Known, keys: Keys) -> tuple[Row, ...]:
    """Return every peer of the gateway and every laptop that should be one, in order of name, strangers last.

    `addresses`: tunnel addresses by name.
    """
    book = _Book(fleet, addresses, public, keys)
    found = [row for peer in keys.peers if (row := book.of_peer(peer))] + list(book.absent())
    return tuple(sorted(found, key=lambda row: (not row.host, row.host, row.state, row.key)))


class _Book:
    """What the fleet and the workspace say, to name what a gateway shows."""

    def __init__(self, fleet: Fleet, addresses: Mapping[str, str], public: Known, keys: Keys) -> None:
        self._fleet, self._addresses, self._public, self._keys = fleet, addresses, public, keys
        self._peers = {laptop.name for laptop in fleet.peers}
        self._hosts = {key: host for host, key in public.current.items()}
        self._coming = {key: host for host, key in public.next.items() if key not in self._hosts}
        self._by_address = {f"{address}/32": host for host, address in addresses.items()}

    def of_peer(self, peer: Peer) -> Row | None:
        """Return the row of a peer; None for a next key that has not been used yet: it is no peer of its own."""
        if peer.key in self._coming and not peer.networks and self._coming[peer.key] in self._peers:
            return None
        host, state = self._named(peer)
        handshake = datetime.fromtimestamp(peer.handshake, UTC) if peer.handshake else None
        address = ",".join(peer.networks) or ("" if peer.refused else self._addresses.get(host, ""))
        return Row(
            host,
            self._teleworker(host),
            state,
            address.removesuffix("/32"),
            peer.key,
            handshake,
            peer.received,
            peer.sent,
            peer.source,
            host in self._public.next and not peer.refused,
        )

    def _named(self, peer: Peer) -> tuple[str, State]:
        revoked = self._public.revoked.get(peer.key)
        host = self._hosts.get(peer.key) or self._coming.get(peer.key)
        if peer.refused:
            return revoked or host or "", State.TRYING if peer.received else State.REVOKED
        if revoked is not None or (host is not None and host in self._fleet.shut_out):
            return revoked or host or "", State.NOT_REFUSED
        if host in self._peers and peer.networks == (f"{self._addresses.get(host or '')}/32",):
            moment = datetime.fromtimestamp(self._keys.now, UTC) - _ALIVE
            there = datetime.fromtimestamp(peer.handshake, UTC) >= moment
            if peer.key in self._keys.in_two_places:
                return host or "", State.COPIED
            return host or "", State.ACTIVE if there else State.SILENT
        owner = next((self._by_address[net] for net in peer.networks if net in self._by_address), "")
        if owner in self._peers and host is None:
            return owner, State.UNKNOWN_KEY
        return host or "", State.ORPHAN

    def absent(self) -> Iterator[Row]:
        """Yield the declared laptops that the gateway does not have as a peer."""
        there = {peer.key for peer in self._keys.peers}
        for host in sorted(self._peers):
            key, coming = self._public.current.get(host, ""), self._public.next.get(host, "")
            if {key, coming} & there:
                continue
            state = State.MISSING if key and key not in self._public.revoked else State.WAITING
            yield Row(host, self._teleworker(host), state, self._addresses.get(host, ""), key)

    def _teleworker(self, host: str) -> str:
        post = self._fleet.post_of(host)
        return post.teleworker if post else ""


def exit_code(gateways: Sequence[Gateway]) -> ExitCode:
    """Return 0 only when every gateway answered and has the right peers and no others; 2 when a peer is wrong."""
    codes = [gateway.code for gateway in gateways]
    wrong = any(row.state in WRONG for gateway in gateways for row in gateway.rows)
    return worst([*codes, ExitCode.NOT_COMPLIANT] if wrong else codes)
