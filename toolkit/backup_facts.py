"""What roles and controls are told of a commune's backup store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.fleet import Fleet


def on_gateway(fleet: Fleet) -> bool:
    """Return whether the commune's gateway keeps its backups."""
    return fleet.backup is not None and fleet.backup.store.address is None


def store(fleet: Fleet) -> dict[str, Any]:
    """Return the variable `nomade_backup_store`; nothing when no store is declared.

    Without an address in it the store is the gateway: laptops take its tunnel address, office PCs its office address.
    """
    if fleet.backup is None:
        return {}
    return {"nomade_backup_store": fleet.backup.store.model_dump(exclude_none=True)}


def clients(fleet: Fleet, tunnel: Mapping[str, str]) -> dict[str, Any]:
    """Return the variable `nomade_backup_clients` of the gateway: who may send backups, and from which address."""
    if not on_gateway(fleet):
        return {}
    laptops = [{"name": item.name, "address": tunnel[item.name]} for item in fleet.peers]
    return {
        "nomade_backup_clients": [
            *laptops,
            *({"name": pc.name, "address": pc.office_address} for pc in fleet.office_pcs if pc.is_managed),
        ]
    }


def as_services(fleet: Fleet) -> list[dict[str, Any]]:
    """Return a store behind the gateway as one more service that every laptop reaches; none when it is the gateway."""
    if fleet.backup is None or fleet.backup.store.address is None:
        return []
    place = fleet.backup.store
    return [{"id": "backup", "address": place.address, "port": place.port, "protocol": "tcp"}]
