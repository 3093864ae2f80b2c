"""Fleet → the schedule of access windows that the gateway enforces (`nomade_access`, roles/vpn_gateway)."""

from __future__ import annotations

from typing import Any

from toolkit import settings
from toolkit.fleet import Fleet, Laptop
from toolkit.fleet.addresses import Addresses

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ZONE = "Europe/Paris"
# Later than any day that a schedule is asked about: an emergency whose end nobody has said yet.
_OPEN_END = "9999-12-31"


def schedule(fleet: Fleet, addresses: Addresses) -> dict[str, Any]:
    """Return what the gateway is told, as data: `roles/vpn_gateway/files/nomade_access.py` says what it means.

    Days are numbers from Monday (0), times are civil times of `zone`, `emergency_until` is the last day or empty.
    """
    regime = fleet.regime
    return {
        **_common(fleet),
        "peers": [_peer(fleet, laptop, addresses) for laptop in fleet.peers] if regime.enforced else [],
        "maintenance": [
            {"address": item.address, "port": item.port, "protocol": item.protocol}
            for item in fleet.applications
            if item.maintenance and (regime.enforced or fleet.quarantine)
        ],
    }


def of_laptop(fleet: Fleet, laptop: Laptop, addresses: Addresses) -> dict[str, Any]:
    """Return what a laptop is told where windows are enforced: its own, so that it can warn before the end."""
    return {**_common(fleet), "peers": [_peer(fleet, laptop, addresses)]}


def _common(fleet: Fleet) -> dict[str, Any]:
    regime = fleet.regime
    return {
        "enforced": regime.enforced,
        "zone": str(settings.effective(fleet, fleet.gateway.name)["base_timezone"].value or _ZONE),
        "grace": regime.grace,
        "emergency_until": (regime.until or _OPEN_END) if regime.mode == "emergency" else "",
    }


def _peer(fleet: Fleet, laptop: Laptop, addresses: Addresses) -> dict[str, Any]:
    """Return the windows of one laptop: those of its teleworker; a laptop of nobody has none."""
    post = fleet.post_of(laptop.name)
    peer: dict[str, Any] = {"name": laptop.name, "address": addresses.tunnel[laptop.name]}
    if post is None:
        return peer | {"weekdays": [], "hours": fleet.regime.hours, "on_call": []}
    teleworker = fleet.teleworker(post.teleworker)
    days = fleet.regime.weekdays if teleworker.weekdays is None else teleworker.weekdays
    exceptions = [item for item in fleet.on_call if item.teleworker == teleworker.login]
    return peer | {
        "weekdays": sorted(WEEKDAYS.index(day) for day in set(days)),
        "hours": teleworker.hours or fleet.regime.hours,
        "on_call": [{"from": item.start, "until": item.until} for item in exceptions],
    }
