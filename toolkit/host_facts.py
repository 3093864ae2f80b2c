"""What roles are told of one commune and of each of its endpoints: the facts of docs/architecture.md, as data."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from toolkit import backup_facts
from toolkit.fleet import Config, Fleet, Kind
from toolkit.fleet import addresses as tunnel_addresses
from toolkit.fleet.addresses import Addresses
from toolkit.fleet.parts import Application, Endpoint, OfficePc
from toolkit.regime.schedule import of_laptop, schedule
from toolkit.wake.places import PORT as WAKE_PORT
from toolkit.wake.places import places
from toolkit.workspace import Workspace

# IANA: ms-wbt-server, the port of RDP.
_REMOTE_DESKTOP_PORT = 3389


def of_commune(workspace: Workspace, config: Config, fleet: Fleet) -> dict[str, Any]:
    """Return what is the same on every endpoint of a commune, by variable."""
    gateway = fleet.gateway
    key = os.path.relpath(workspace.management_key, workspace.commune(fleet.commune.id).root)
    return {
        "ansible_user": config.management_account,
        "ansible_ssh_private_key_file": f"{{{{ inventory_dir }}}}/{key}",
        "nomade_commune": fleet.commune.id,
        "nomade_commune_name": fleet.commune.name,
        "nomade_management_account": config.management_account,
        "nomade_setup_networks": list(config.setup_networks),
        "nomade_management_addresses": list(config.management_addresses),
        "nomade_escrow_recipients": [*config.escrow_recipients, *fleet.commune.escrow_recipients],
        "nomade_gateway": gateway.name,
        "nomade_gateway_endpoint": {"address": gateway.public.address, "port": gateway.public.port},
        "nomade_gateway_tunnel_address": tunnel_addresses.gateway_address(gateway.tunnel_network),
        "nomade_gateway_office_address": gateway.office.address,
        "nomade_tunnel_network": gateway.tunnel_network,
        "nomade_office_network": gateway.office.network,
        "nomade_public_dir": "{{ inventory_dir }}/public",
        "nomade_escrow_dir": "{{ inventory_dir }}/escrow",
        **backup_facts.store(fleet),
    }


def of_endpoint(fleet: Fleet, endpoint: Endpoint, addresses: Addresses) -> dict[str, Any]:
    """Return what is told to one endpoint alone, by variable; not what it has with all of its kind or duty."""
    match endpoint.kind:
        case Kind.GATEWAY:
            return {
                "nomade_tunnel_address": addresses.tunnel[endpoint.name],
                "nomade_peers": [_peer(fleet, laptop.name, addresses) for laptop in fleet.peers],
                "nomade_access": schedule(fleet, addresses),
                "nomade_wake": places(fleet, addresses.tunnel),
                "nomade_office_pcs": [pc.office_address for pc in fleet.office_pcs if pc.is_managed],
                **backup_facts.clients(fleet, addresses.tunnel),
            }
        case Kind.LAPTOP:
            return _laptop_facts(fleet, endpoint.name, addresses)
        case Kind.OFFICE_PC:
            return _office_pc_facts(fleet, endpoint, addresses)


def services(fleet: Fleet, laptop: str) -> list[dict[str, Any]]:
    """Return what one laptop reaches behind the gateway; the same for all whose teleworkers have the same duty."""
    return [*_services(fleet.applications_of(laptop)), *backup_facts.as_services(fleet)]


def _laptop_facts(fleet: Fleet, name: str, addresses: Addresses) -> dict[str, Any]:
    facts: dict[str, Any] = {"nomade_tunnel_address": addresses.tunnel[name]}
    facts |= _teleworker(fleet, name)
    laptop = next((laptop for laptop in fleet.peers if laptop.name == name), None)
    if fleet.regime.enforced and laptop is not None:
        facts["nomade_access"] = of_laptop(fleet, laptop, addresses)
    pc = _office_pc_of(fleet, name)
    if pc is not None:
        facts["nomade_office_pc"] = {"name": pc.name, "address": pc.office_address, "port": _REMOTE_DESKTOP_PORT}
        facts["nomade_office_pc"] |= {"wake_port": WAKE_PORT} if pc.mac else {}
        facts["nomade_office_pc"] |= {} if pc.is_managed else {"nla": True}
    return facts


def _office_pc_facts(fleet: Fleet, endpoint: Endpoint, addresses: Addresses) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if isinstance(endpoint, OfficePc):
        facts["nomade_office_address"] = endpoint.office_address
    facts |= _teleworker(fleet, endpoint.name)
    post = fleet.post_of(endpoint.name)
    if post is not None and post.laptop not in fleet.shut_out:
        facts["nomade_laptop"] = {"name": post.laptop, "tunnel_address": addresses.tunnel[post.laptop]}
    return facts


def _peer(fleet: Fleet, laptop: str, addresses: Addresses) -> dict[str, Any]:
    peer: dict[str, Any] = {"name": laptop, "tunnel_address": addresses.tunnel[laptop]}
    pc = _office_pc_of(fleet, laptop)
    if pc is not None:
        peer["office_pc"] = {"address": pc.office_address, "port": _REMOTE_DESKTOP_PORT}
    return peer | {"services": services(fleet, laptop)}


def _office_pc_of(fleet: Fleet, laptop: str) -> OfficePc | None:
    post = fleet.post_of(laptop)
    pc = fleet.endpoint(post.office_pc) if post and post.office_pc else None
    return pc if isinstance(pc, OfficePc) else None


def _teleworker(fleet: Fleet, endpoint: str) -> dict[str, Any]:
    post = fleet.post_of(endpoint)
    if post is None:
        return {}
    teleworker = fleet.teleworker(post.teleworker)
    return {"nomade_teleworker": {"login": teleworker.login, "name": teleworker.name}}


def _services(applications: Iterable[Application]) -> list[dict[str, Any]]:
    return [
        {"id": item.id, "address": item.address, "port": item.port, "protocol": item.protocol} for item in applications
    ]
