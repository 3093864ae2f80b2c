"""The peer of `hosts.yml`: the same facts as a plain YAML inventory, every variable inline under its host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from toolkit import host_facts, reach, settings
from toolkit.fleet import Config, Fleet, Kind
from toolkit.fleet.addresses import Addresses
from toolkit.fleet.roles import role_variables
from toolkit.workspace import Workspace

_KINDS = {Kind.LAPTOP: "laptops", Kind.OFFICE_PC: "office_pcs", Kind.GATEWAY: "gateways"}


def render(workspace: Workspace, config: Config, fleet: Fleet, addresses: Addresses) -> str:
    """Return the text of the plain inventory, one line a variable."""
    lines = ["all:", "  children:", f"    commune_{fleet.commune.id.replace('-', '_')}:", "      vars:"]
    lines += _lines(host_facts.of_commune(workspace, config, fleet), 8)
    lines.append("      hosts:")
    for name, variables in by_host(workspace, config, fleet, addresses).items():
        lines += [f'        "{name}":', *_lines(variables, 10)]
    for kind, group in _KINDS.items():
        members = [endpoint.name for endpoint in fleet.endpoints if endpoint.kind is kind]
        lines += [f"    {group}:", "      hosts:" if members else "      hosts: {}"]
        lines += [f'        "{name}":' for name in members]
    return "\n".join(lines) + "\n"


def by_host(workspace: Workspace, config: Config, fleet: Fleet, addresses: Addresses) -> dict[str, dict[str, Any]]:
    """Return each endpoint's own variables, without those of its commune."""
    ways = reach.routes(workspace, fleet, config=config, tunnel=addresses.tunnel)
    profile, known = settings.of_profile(config.profile), role_variables()
    result = {}
    for endpoint in fleet.endpoints:
        way = ways[endpoint.name]
        variables: dict[str, Any] = {
            "ansible_host": way.address,
            "ansible_port": way.port,
            "ansible_ssh_common_args": "-o 'UserKnownHostsFile=\"{{ inventory_dir }}/known_hosts\"'"
            f" -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o HostKeyAlias={way.alias}",
            "nomade_kind": endpoint.kind.value,
            **host_facts.of_endpoint(fleet, endpoint, addresses),
        }
        if endpoint.kind is Kind.LAPTOP:
            variables["nomade_services"] = host_facts.services(fleet, endpoint.name)
        chosen = settings.overrides(fleet, endpoint.name, profile)
        variables |= {
            name: setting.value
            for name, setting in chosen.items()
            if name not in known or known[name].computed or known[name].default != setting.value
        }
        result[endpoint.name] = variables
    return result


def _lines(variables: Mapping[str, Any], indent: int) -> list[str]:
    return [f"{' ' * indent}{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in variables.items()]
