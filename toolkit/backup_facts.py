"""What roles and controls are told of a commune's backup store."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.fleet import Fleet


def on_gateway(fleet: Fleet) -> bool:
    """Return whether the commune's gateway keeps its backups."""
    return fleet.backup is not None and fleet.backup.store.address is None


def store(fleet: Fleet) -> dict[str, Any]:
    """Return the variable `nomade_backup_store`; nothing when no store is declared.

    Without an address in it the store is the gateway: laptops take its tunnel address, office PCs its office address.
    With a name the toolkit prepares it, and its keys are read from files of that name.
    """
    if fleet.backup is None:
        return {}
    declared = fleet.backup.store.model_dump(exclude_none=True)
    named = {"name": name_of(declared["address"])} if is_prepared_elsewhere(fleet) else {}
    return {"nomade_backup_store": declared | named}


def is_prepared_elsewhere(fleet: Fleet) -> bool:
    """Return whether the store is a machine of the CIG which the role `backup_store` prepares."""
    return fleet.backup is not None and fleet.backup.store.address is not None and fleet.backup.store.host_key is None


def name_of(address: str) -> str:
    """Return the inventory name of a store that is no endpoint of a commune."""
    return "store-" + address.replace(".", "-").replace(":", "-")


def remote_clients(fleet: Fleet, public: Path) -> list[dict[str, str]]:
    """Return who may send backups to a store outside: all come from behind the gateway's public address.

    `public` is where the commune's public keys lie. Without IPv4 there the address is unknown (``""``).
    """
    address = fleet.gateway.public.address
    source = address if ipaddress.ip_address(address).version == 4 else ""
    senders = [item.name for item in (*fleet.peers, *fleet.office_pcs) if item.is_managed]
    return [{"name": name, "address": source, "public": str(public)} for name in senders]


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
