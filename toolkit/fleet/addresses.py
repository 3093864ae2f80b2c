"""Tunnel addresses: given once, written down in `addresses.yml`, never renumbered, reused only after a quarantine."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from pydantic import Field

from toolkit.errors import BadInputError, ProblemsError
from toolkit.fleet.document import Document, read
from toolkit.fleet.model import Fleet
from toolkit.fleet.parts import Model
from toolkit.fleet.problems import validate
from toolkit.fleet.text import Address, Day, Name
from toolkit.i18n import _

# Longer than any revoked key or stale rule is likely to survive anywhere: half a year.
QUARANTINE = timedelta(days=180)


class Freed(Model):
    """An address whose laptop left; nobody else gets it before the quarantine is over."""

    address: Address
    name: Name
    since: Day


class _File(Model):
    tunnel: dict[Name, Address] = Field(default_factory=dict)
    freed: tuple[Freed, ...] = ()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Who has which tunnel address (gateway and laptops, by name), and which addresses rest."""

    tunnel: Mapping[str, str]
    freed: tuple[Freed, ...] = field(default=())


def gateway_address(network: str) -> str:
    """Return the gateway's address inside the tunnel: the first of the network."""
    return str(IPv4Network(network)[1])


def load(path: Path, fleet: Fleet) -> Addresses:
    """Return what `addresses.yml` says; nothing allocated when there is no such file.

    Raises:
        ProblemsError: an address twice, outside the tunnel network, or one that no laptop may have.
    """
    if not path.exists():
        return Addresses({})
    document = read(path)
    content = validate(_File, document)
    if content is not None and not document.problems:
        _check(document, content, fleet)
    if content is None or document.problems:
        raise ProblemsError(document.problems)
    return Addresses(content.tunnel, content.freed)


def _check(document: Document, content: _File, fleet: Fleet) -> None:
    network = IPv4Network(fleet.gateway.tunnel_network)
    own = gateway_address(fleet.gateway.tunnel_network)
    laptops = {laptop.name for laptop in fleet.laptops}
    owners: dict[str, str] = {own: fleet.gateway.name}
    for name, address in content.tunnel.items():
        path = ("tunnel", name)
        if address == own and name not in laptops:
            continue  # the gateway, under the name it has or had
        if IPv4Address(address) not in network:
            document.report(
                path,
                _("{address} is outside the tunnel network {network}").format(address=address, network=network),
                _("remove the line to have a new address given"),
            )
        elif IPv4Address(address) in (network.network_address, network.broadcast_address):
            document.report(path, _("{address} is the network or broadcast address").format(address=address))
        elif owners.setdefault(address, name) != name:
            document.report(path, _("{address} is already {name}’s").format(address=address, name=owners[address]))
    for index, rest in enumerate(content.freed):
        if rest.address in owners:
            document.report(
                ("freed", index),
                _("{address} is already {name}’s").format(address=rest.address, name=owners[rest.address]),
            )


def allocate(network: str, gateway: str, laptops: Collection[str], before: Addresses, today: date) -> Addresses:
    """Return the addresses after giving one to each laptop that has none, lowest free first, in alphabetical order.

    Raises:
        BadInputError: the network has no address left.
    """
    block = IPv4Network(network)
    first = gateway_address(network)
    laptops = frozenset(laptops)
    kept = {name: address for name, address in before.tunnel.items() if name in laptops}
    resting = _resting(before, {gateway, *laptops}, first, today)
    returned = {rest.name: rest.address for rest in resting if rest.name in laptops and rest.name not in kept}
    kept |= returned
    resting = tuple(rest for rest in resting if rest.name not in returned)
    taken = {int(IPv4Address(address)) for address in kept.values()}
    taken |= {int(IPv4Address(rest.address)) for rest in resting} | {int(IPv4Address(first))}
    candidate = int(block.network_address) + 1
    for name in sorted(laptops - set(kept)):
        while candidate in taken:
            candidate += 1
        if candidate >= int(block.broadcast_address):
            raise BadInputError(
                _("{network}: no tunnel address left for {name}: enlarge tunnel_network").format(
                    network=network, name=name
                )
            )
        kept[name] = str(IPv4Address(candidate))
        candidate += 1
    return Addresses({gateway: first, **dict(sorted(kept.items()))}, resting)


def _resting(before: Addresses, present: Collection[str], first: str, today: date) -> tuple[Freed, ...]:
    left = [
        Freed(address=address, name=name, since=today.isoformat())
        for name, address in before.tunnel.items()
        if name not in present and address != first
    ]
    still = [rest for rest in before.freed if date.fromisoformat(rest.since) + QUARANTINE > today]
    return tuple(sorted([*still, *left], key=lambda rest: (rest.since, int(IPv4Address(rest.address)))))


def render(addresses: Addresses) -> str:
    """Return the text of `addresses.yml`."""
    lines = [
        "# Généré par « nomade inventory generate » : adresses du tunnel, attribuées une fois. À versionner.",
        "tunnel:",
        *(f'  "{name}": "{address}"' for name, address in addresses.tunnel.items()),
    ]
    if addresses.freed:
        days = QUARANTINE.days
        lines += [f"# Libérées : redonnées {days} jours après la date.", "freed:"]
        lines += [
            f'  - {{address: "{rest.address}", name: "{rest.name}", since: "{rest.since}"}}' for rest in addresses.freed
        ]
    return "\n".join(lines) + "\n"
