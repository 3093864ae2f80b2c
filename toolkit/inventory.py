"""Fleet → Ansible inventory: `addresses.yml`, then `hosts.yml`, which plain Ansible reads without this toolkit.

`hosts.yml` holds data only. The few expressions in it are the toolkit's own (`inventory_dir`), so the tree can move;
fleet text cannot hold any (`toolkit/fleet/text.py` refuses it). Facts are written on the commune's group, so that the
inventories of several communes can be given to one run without mixing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit import settings
from toolkit.errors import BadInputError, NothingEvaluatedError
from toolkit.files import write_atomically
from toolkit.fleet import Config, Fleet, Kind, load_all
from toolkit.fleet import addresses as tunnel_addresses
from toolkit.fleet.addresses import Addresses
from toolkit.fleet.document import shown, suggestion
from toolkit.fleet.model import Application, Endpoint, OfficePc
from toolkit.fleet.roles import role_variables
from toolkit.i18n import _
from toolkit.reach import routes
from toolkit.transport.base import Route
from toolkit.workspace import Workspace

_HEADER = "# Généré par « nomade inventory generate » : ne pas modifier, changer fleet.yml à la place.\n"
_GROUPS = {Kind.LAPTOP: "laptops", Kind.OFFICE_PC: "office_pcs", Kind.GATEWAY: "gateways"}

# ssh reads its options twice (Ansible's shlex, then ssh); with these in the path no quoting is right for both.
_UNQUOTABLE = re.compile(r"""["'`$\\%{}\x00-\x1f]""")


def generate(workspace: Workspace, commune: str) -> bool:
    """Write `addresses.yml` and `hosts.yml` of one commune; return whether either changed.

    Raises:
        ProblemsError: `nomade.yml`, `fleet.yml`, `addresses.yml` or `enrolment.yml` is wrong; nothing is written.
        BadInputError: no tunnel address is left, or the workspace's path has characters ssh cannot be given.
    """
    return any(changed for _path, changed in generate_all(workspace, [commune]))


def generate_all(workspace: Workspace, communes: Sequence[str]) -> list[tuple[str, bool]]:
    """Write the inventories of several communes; return each `hosts.yml` and whether it (or its addresses) changed.

    All fleet files are checked, alone and against each other, before anything is written. Raises as `generate`.
    """
    if _UNQUOTABLE.search(str(workspace.root)):
        raise BadInputError(
            _("{root}: quotes, $, %, braces and backslashes in the path do not fit ssh: move the workspace").format(
                root=workspace.root
            )
        )
    config, fleets = load_all(workspace, communes)
    prepared = [(fleet, *_prepare(workspace, config, fleet)) for fleet in fleets]
    result = []
    for fleet, addresses, hosts in prepared:
        folder = workspace.commune(fleet.commune.id)
        changed = _write(folder.addresses, addresses)
        result.append((shown(folder.hosts), _write(folder.hosts, hosts) or changed))
    return result


def _prepare(workspace: Workspace, config: Config, fleet: Fleet) -> tuple[str, str]:
    """Return the texts of `addresses.yml` and `hosts.yml`."""
    folder = workspace.commune(fleet.commune.id)
    before = tunnel_addresses.load(folder.addresses, fleet)
    addresses = tunnel_addresses.allocate(
        fleet.gateway.tunnel_network,
        fleet.gateway.name,
        [laptop.name for laptop in fleet.laptops],
        before,
        datetime.now(UTC).date(),
    )
    return tunnel_addresses.render(addresses), render(workspace, config, fleet, addresses)


def validate_all(workspace: Workspace, communes: Sequence[str]) -> tuple[Fleet, ...]:
    """Return the fleets after every check that `generate` makes; nothing is written. Raises as it does."""
    config, fleets = load_all(workspace, communes)
    for fleet in fleets:
        _prepare(workspace, config, fleet)
    return fleets


def explain(workspace: Workspace, communes: Sequence[str], host: str, *, everything: bool) -> list[str]:
    """Return one line per setting of `host`: name, value, and the layer it comes from.

    Raises:
        NothingEvaluatedError: none of the communes has such an endpoint.
    """
    config, fleets = load_all(workspace, communes)
    fleet = next((one for one in fleets if any(endpoint.name == host for endpoint in one.endpoints)), None)
    if fleet is None:
        hint = suggestion(host, [endpoint.name for one in fleets for endpoint in one.endpoints])
        raise NothingEvaluatedError(" ".join([_("no endpoint is called “{name}”").format(name=host), hint]).strip())
    values = settings.effective(fleet, host, settings.of_profile(config.profile))
    return [
        f"{name}: {_scalar(setting.value)}  # {_source(setting.source)}"
        for name, setting in sorted(values.items())
        if everything or setting.source != "default"
    ]


def _source(source: settings.Source) -> str:
    return {
        "default": _("role default"),
        "profile": _("profile"),
        "commune": _("commune"),
        "kind": _("kind of endpoint"),
        "endpoint": _("this endpoint"),
    }[source]


def _write(path: Path, text: str) -> bool:
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    write_atomically(path, text)
    return True


def render(workspace: Workspace, config: Config, fleet: Fleet, addresses: Addresses) -> str:
    """Return the text of `hosts.yml`: the same for the same files, in the order of the fleet file."""
    group = "commune_" + fleet.commune.id.replace("-", "_")
    ways = routes(workspace, fleet, config=config, tunnel=addresses.tunnel)
    profile = settings.of_profile(config.profile)
    lines = ["all:", "  children:", f"    {group}:", "      vars:"]
    lines += _pairs(_commune_facts(workspace, config, fleet), 8)
    lines.append("      hosts:")
    for endpoint in fleet.endpoints:
        lines.append(f"        {_scalar(endpoint.name)}:")
        lines += _pairs(_host_variables(fleet, endpoint, ways[endpoint.name], addresses), 10)
        lines += _pairs(_changed_settings(fleet, endpoint.name, profile), 10)
    for kind, name in _GROUPS.items():
        members = [endpoint.name for endpoint in fleet.endpoints if endpoint.kind is kind]
        lines.append(f"    {name}:")
        lines += (
            ["      hosts:", *(f"        {_scalar(member)}:" for member in members)] if members else ["      hosts: {}"]
        )
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
    }


def _host_variables(fleet: Fleet, endpoint: Endpoint, way: Route, addresses: Addresses) -> dict[str, Any]:
    variables: dict[str, Any] = {
        "ansible_host": way.address,
        "ansible_port": way.port,
        "ansible_ssh_common_args": _ssh_arguments(way),
        "ansible_control_path": _control_path(fleet.commune.id, way),
        "nomade_kind": endpoint.kind.value,
    }
    match endpoint.kind:
        case Kind.GATEWAY:
            variables["nomade_tunnel_address"] = addresses.tunnel[endpoint.name]
            variables["nomade_peers"] = [_peer(fleet, laptop.name, addresses) for laptop in fleet.laptops]
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
    return facts | {"nomade_services": _services(fleet.applications_of(name))}


def _office_pc_facts(fleet: Fleet, endpoint: Endpoint, addresses: Addresses) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if isinstance(endpoint, OfficePc):
        facts["nomade_office_address"] = endpoint.office_address
    facts |= _teleworker(fleet, endpoint.name)
    post = fleet.post_of(endpoint.name)
    if post is not None:
        facts["nomade_laptop"] = {"name": post.laptop, "tunnel_address": addresses.tunnel[post.laptop]}
    return facts


# IANA: ms-wbt-server, the port of RDP.
_REMOTE_DESKTOP_PORT = 3389


def _peer(fleet: Fleet, laptop: str, addresses: Addresses) -> dict[str, Any]:
    peer: dict[str, Any] = {"name": laptop, "tunnel_address": addresses.tunnel[laptop]}
    pc = _office_pc_of(fleet, laptop)
    if pc is not None:
        peer["office_pc"] = {"address": pc.office_address, "port": _REMOTE_DESKTOP_PORT}
    return peer | {"services": _services(fleet.applications_of(laptop))}


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


def _ssh_arguments(way: Route) -> str:
    """Return ssh's options for one route: the pinned key under the endpoint's name, and the jump if there is one.

    `inventory_dir` may hold spaces: the file name is quoted for ssh, and the whole option for Ansible's shlex.
    """
    arguments = f"""-o 'UserKnownHostsFile="{{{{ inventory_dir }}}}/{way.known_hosts.name}"' {_pinned(way.alias)}"""
    if way.jump is None:
        return arguments
    jump = way.jump
    key = "../../" + "/".join(jump.identity.parts[-3:])
    command = (
        f'ssh -i "{{{{ inventory_dir }}}}/{key}" -o IdentitiesOnly=yes -o BatchMode=yes'
        f' -o "UserKnownHostsFile=\\"{{{{ inventory_dir }}}}/{jump.known_hosts.name}\\"" {_pinned(jump.alias)}'
        f" -p {jump.port} -W %h:%p {jump.user}@{jump.address}"
    )
    return f"{arguments} -o 'ProxyCommand={command}'"


def _control_path(commune: str, way: Route) -> str:
    """Return where ssh keeps the open connection of one endpoint.

    Ansible names it after address, port and account: behind their gateways, the office PCs of two communes may well
    have the same, and tasks for one would run on the other. So it is named after the endpoint, and short, because a
    socket's path is (108 bytes, unix(7)).
    """
    name = f"{commune}/{way.alias}/{way.address}/{way.port}"
    return "%(directory)s/" + hashlib.sha256(name.encode()).hexdigest()[:12]


def _pinned(alias: str) -> str:
    return f"-o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o HostKeyAlias={alias}"


def _pairs(values: Mapping[str, Any], indent: int) -> Iterator[str]:
    margin = " " * indent
    for name, value in values.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{margin}{name}:"
            for item in value:
                yield f"{margin}  - {_scalar(item)}"
        else:
            yield f"{margin}{name}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    """Return a value as JSON, which is YAML on one line; texts are always quoted, so nothing is retyped."""
    return json.dumps(value, ensure_ascii=False)
