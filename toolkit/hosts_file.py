"""The text of `hosts.yml`: the facts of a fleet as the variables that roles receive (docs/architecture.md).

Data only. The few expressions are the toolkit's own (`inventory_dir`), so the tree can move; fleet text cannot hold
any (`toolkit/fleet/text.py` refuses it). Facts stand on the commune's groups, so that the inventories of several
communes can be given to one run without mixing. Written as JSON, which is YAML too and which Ansible reads several
times faster (docs/decisions/0013-hosts-file.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from toolkit import host_facts, settings
from toolkit.fleet import Config, Fleet, Kind
from toolkit.fleet.addresses import Addresses
from toolkit.fleet.parts import Endpoint
from toolkit.quarantine import register
from toolkit.reach import routes
from toolkit.ssh_arguments import CONTROL_PATH, DIRECT, through
from toolkit.transport.base import Route
from toolkit.workspace import Workspace

# JSON has no comments; Ansible passes over a key of a group that has no value.
_NOTICE = "Généré par « nomade inventory generate » : ne pas modifier, changer fleet.yml à la place."
_GROUPS = {Kind.GATEWAY: "gateways", Kind.LAPTOP: "laptops", Kind.OFFICE_PC: "office_pcs"}
_SSH_PORT = 22
_BY_GATEWAY = "nomade_ssh_by_gateway"

# A value longer than this is written over several lines.
_LONG = 300

_encode = json.JSONEncoder(ensure_ascii=False).encode


def render(workspace: Workspace, config: Config, fleet: Fleet, addresses: Addresses) -> str:
    """Return the text of `hosts.yml`: the same for the same files, in the order of the fleet file."""
    ways = routes(workspace, fleet, config=config, tunnel=addresses.tunnel)
    layers = settings.layered(fleet, settings.of_profile(config.profile))
    place = fleet.commune.id.replace("-", "_")
    hosts = {
        endpoint.name: _of_way(ways[endpoint.name])
        | host_facts.of_endpoint(fleet, endpoint, addresses)
        | register.facts(workspace, fleet, endpoint, addresses)
        | layers.endpoints.get(endpoint.name, {})
        for endpoint in fleet.endpoints
    }
    commune = {
        "vars": host_facts.of_commune(workspace, config, fleet) | _ssh(ways.values()) | layers.commune,
        "children": {
            f"{group}_AT_{place}": _kind(fleet, kind, hosts, layers.kinds[kind], place)
            for kind, group in _GROUPS.items()
        },
    }
    children = {f"commune_{place}": commune}
    children |= {group: {"children": {f"{group}_AT_{place}": {}}} for group in _GROUPS.values()}
    groups = _braces({name: _group(group, "  ") for name, group in children.items()}, "")
    return f'{{"all": {{{on_one_line(_NOTICE)}: null, "children": {groups}}}}}\n'


def _ssh(ways: Iterable[Route]) -> dict[str, Any]:
    """Return what is said once of how the commune's endpoints are reached."""
    jump = next((way.jump for way in ways if way.jump), None)
    return {
        "ansible_port": _SSH_PORT,
        "ansible_control_path": CONTROL_PATH,
        "ansible_ssh_common_args": DIRECT,
        **({_BY_GATEWAY: through(jump)} if jump else {}),
    }


def _of_way(way: Route) -> dict[str, Any]:
    """Return what one endpoint's route has of its own."""
    own: dict[str, Any] = {"ansible_host": way.address}
    if way.port != _SSH_PORT:
        own["ansible_port"] = way.port
    return own | ({"ansible_ssh_common_args": f"{{{{ {_BY_GATEWAY} }}}}"} if way.jump else {})


def _kind(
    fleet: Fleet, kind: Kind, hosts: Mapping[str, dict[str, Any]], chosen: Mapping[str, Any], place: str
) -> dict[str, Any]:
    """Return the group of the commune's endpoints of one kind; laptops stand in groups by duty below it."""
    own = [endpoint for endpoint in fleet.endpoints if endpoint.kind is kind]
    group = {"vars": {"nomade_kind": kind.value, **chosen}}
    if kind is not Kind.LAPTOP:
        return group | {"hosts": {endpoint.name: hosts[endpoint.name] for endpoint in own}}
    by_duty: dict[str, dict[str, Any]] = {}
    for laptop in own:
        name = f"{_duty(fleet, laptop)}_AT_{place}"
        if name not in by_duty:
            by_duty[name] = {"vars": {"nomade_services": host_facts.services(fleet, laptop.name)}, "hosts": {}}
        by_duty[name]["hosts"][laptop.name] = hosts[laptop.name]
    return group | {"children": by_duty}


def _duty(fleet: Fleet, laptop: Endpoint) -> str:
    """Return the group of a laptop. Capitals part names (`_AT_`, `SPARE`), which are lower-case: none is another's."""
    post = fleet.post_of(laptop.name)
    return "duty_" + fleet.teleworker(post.teleworker).duty.replace("-", "_") if post else "laptops_SPARE"


def _group(group: Mapping[str, Any], margin: str) -> str:
    """Return a group as JSON: groups below it as deep as they go, each of its hosts and variables on a line."""
    deeper = margin + "  "
    sections = {}
    for name, content in group.items():
        if name == "children":
            sections[name] = _braces({child: _group(value, deeper + "  ") for child, value in content.items()}, deeper)
        else:
            sections[name] = _braces({key: _value(value, deeper + "  ") for key, value in content.items()}, deeper)
    return _braces(sections, margin)


def _value(value: Any, margin: str) -> str:
    """Return a value as JSON: on one line, or when that is long its parts on a line each."""
    text = on_one_line(value)
    if len(text) > _LONG and isinstance(value, dict):
        return _braces({name: _value(part, margin + "  ") for name, part in value.items()}, margin)
    if len(text) > _LONG and isinstance(value, list):
        return "[\n" + ",\n".join(f"{margin}  {on_one_line(part)}" for part in value) + f"\n{margin}]"
    return text


def _braces(pairs: Mapping[str, str], margin: str) -> str:
    if not pairs:
        return "{}"
    return "{\n" + ",\n".join(f"{margin}  {on_one_line(key)}: {text}" for key, text in pairs.items()) + f"\n{margin}}}"


def on_one_line(value: Any) -> str:
    """Return a value as JSON, which is YAML on one line; texts are always quoted, so nothing is retyped."""
    return _encode(value)
