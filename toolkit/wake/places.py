"""What a gateway is told of the office PCs it can wake: `roles/vpn_gateway/files/nomade_wake.py` says what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

from toolkit.fleet import Fleet
from toolkit.fleet.parts import OfficePc

# IANA: discard, where magic packets go by custom; on the gateway's tunnel address, where laptops ask for theirs.
PORT = 9


def places(fleet: Fleet, tunnel: Mapping[str, str]) -> dict[str, Any]:
    """Return the port laptops ask at, where packets leave from and go to, and the PCs whose card's address is known.

    `laptop` of a PC is the tunnel address (`tunnel`: by name) of the one laptop that may ask for it; absent: none.
    """
    office = fleet.gateway.office
    broadcast = str(IPv4Network(office.network).broadcast_address)
    return {"port": PORT, "source": office.address, "broadcast": broadcast, "pcs": list(_pcs(fleet, tunnel))}


def is_asked(fleet: Fleet) -> bool:
    """Return whether a laptop may ask the gateway for its office PC."""
    return any(_asking(fleet, pc) for pc in fleet.office_pcs if pc.mac)


def _pcs(fleet: Fleet, tunnel: Mapping[str, str]) -> Iterator[dict[str, str]]:
    for pc in fleet.office_pcs:
        if pc.mac:
            laptop = _asking(fleet, pc)
            place = {"name": pc.name, "mac": pc.mac.lower(), "address": pc.office_address}
            yield place | ({"laptop": tunnel[laptop]} if laptop else {})


def _asking(fleet: Fleet, pc: OfficePc) -> str | None:
    post = fleet.post_of(pc.name)
    return post.laptop if post and any(laptop.name == post.laptop for laptop in fleet.peers) else None
