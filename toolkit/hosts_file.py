"""The text of `hosts.yml`: the facts of a fleet as the variables that roles receive (docs/architecture.md).

Data only. The few expressions are the toolkit's own (`inventory_dir`), so the tree can move; fleet text cannot hold
any (`toolkit/fleet/text.py` refuses it). Facts stand on the commune's group, so that the inventories of several
communes can be given to one run without mixing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from toolkit import backup_facts, settings
from toolkit.fleet import Config, Fleet, Kind
from toolkit.fleet import addresses as tunnel_addresses
from toolkit.fleet.addresses import Addresses
from toolkit.fleet.parts import Application, Endpoint, OfficePc
from toolkit.fleet.roles import role_variables
from toolkit.reach import routes
from toolkit.ssh_arguments import control_path, ssh_arguments
from toolkit.transport.base import Route
from toolkit.workspace import Workspace

_HEADER = (
    "# Généré par « nomade inventory generate » : ne pas modifier, changer fleet.yml à la place.\n"
    "# yamllint disable rule:line-length\n"
)
_GROUPS = {Kind.LAPTOP: "laptops", Kind.OFFICE_PC: "office_pcs", Kind.GATEWAY: "gateways"}

# IANA: ms-wbt-server, the port of RDP.
_REMOTE_DESKTOP_PORT = 3389


def render(workspace: Workspace, config: Config, fleet: Fleet, addresses: Addresses) -> str:
    """Return the text of `hosts.yml`: the same for the same files, in the order of the fleet file."""
    group = "commune_" + fleet.commune.id.replace("-", "_")
    ways = routes(workspace, fleet, config=config, tunnel=addresses.tunnel)
    profile = settings.of_profile(config.profile)
    lines = ["all:", "  children:", f"    {group}:", "      vars:"]
    lines += _pairs(_commune_facts(workspace, config, fleet), 8)
    lines.append("      hosts:")
    for endpoint in fleet.endpoints:
        lines.append(f"        {on_one_line(endpoint.name)}:")
        lines += _pairs(_host_variables(fleet, endpoint, ways[endpoint.name], addresses), 10)
        lines += _pairs(_changed_settings(fleet, endpoint.name, profile), 10)
    for kind, name in _GROUPS.items():
        members = [endpoint.name for endpoint in fleet.endpoints if endpoint.kind is kind]
        lines.append(f"    {name}:")
        lines.append("      hosts:" if members else "      hosts: {}")
        lines += [f"        {on_one_line(member)}:" for member in members]
    return _HEADER + "\n".join(lines) + "\n"


def _commune_facts(workspace: Workspace, config: Config, fleet: Fleet) -> dict[str, Any]:
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


def _host_variables(fleet: Fleet, endpoint: Endpoint, way: Route, addresses: Addresses) -> dict[str, Any]:
    variables: dict[str, Any] = {
        "ansible_host": way.address,
        "ansible_port": way.port,
        "ansible_ssh_common_args": ssh_arguments(way),
        "ansible_control_path": control_path(fleet.commune.id, way),
        "nomade_kind": endpoint.kind.value,
    }
    match endpoint.kind:
        case Kind.GATEWAY:
            variables["nomade_tunnel_address"] = addresses.tunnel[endpoint.name]
            variables["nomade_peers"] = [_peer(fleet, laptop.name, addresses) for laptop in fleet.laptops]
            variables |= backup_facts.clients(fleet, addresses.tunnel)
        case Kind.LAPTOP:
            variables |= _laptop_facts(fleet, endpoint.name, addresses)
        case Kind.OFFICE_PC:
            variables |= _office_pc_facts(fleet, endpoint, addresses)
    return variables


def _laptop_facts(fleet: Fleet, name: str, addresses: Addresses) -> dict[str, Any]:
    facts: dict[str, Any] = {"nomade_tunnel_address": addresses.tunnel[name]}
    facts |= _teleworker(fleet, name)
    pc = _office_pc_of(fleet, name)
    if pc is not None:
        facts["nomade_office_pc"] = {"name": pc.name, "address": pc.office_address, "port": _REMOTE_DESKTOP_PORT}
    return facts | {"nomade_services": [*_services(fleet.applications_of(name)), *backup_facts.as_services(fleet)]}


def _office_pc_facts(fleet: Fleet, endpoint: Endpoint, addresses: Addresses) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if isinstance(endpoint, OfficePc):
        facts["nomade_office_address"] = endpoint.office_address
    facts |= _teleworker(fleet, endpoint.name)
    post = fleet.post_of(endpoint.name)
    if post is not None:
        facts["nomade_laptop"] = {"name": post.laptop, "tunnel_address": addresses.tunnel[post.laptop]}
    return facts


def _peer(fleet: Fleet, laptop: str, addresses: Addresses) -> dict[str, Any]:
    peer: dict[str, Any] = {"name": laptop, "tunnel_address": addresses.tunnel[laptop]}
    pc = _office_pc_of(fleet, laptop)
    if pc is not None:
        peer["office_pc"] = {"address": pc.office_address, "port": _REMOTE_DESKTOP_PORT}
    return peer | {"services": [*_services(fleet.applications_of(laptop)), *backup_facts.as_services(fleet)]}


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


def _changed_settings(fleet: Fleet, endpoint: str, profile: Mapping[str, object]) -> dict[str, Any]:
    known = role_variables()
    return {
        name: setting.value
        for name, setting in sorted(settings.overrides(fleet, endpoint, profile).items())
        if name not in known or known[name].computed or known[name].default != setting.value
    }


def _pairs(values: Mapping[str, Any], indent: int) -> Iterator[str]:
    margin = " " * indent
    for name, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{margin}{name}:"
            for item in value:
                yield f"{margin}  - {on_one_line(item)}"
        else:
            yield f"{margin}{name}: {on_one_line(value)}"


def on_one_line(value: Any) -> str:
    """Return a value as JSON, which is YAML on one line; texts are always quoted, so nothing is retyped."""
    return json.dumps(value, ensure_ascii=False)
