"""What ssh is told about one route, as Ansible variables: pinned keys, the jump, where the open connection is kept."""

from __future__ import annotations

import hashlib

from toolkit.transport.base import Route


def ssh_arguments(way: Route) -> str:
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


def control_path(commune: str, way: Route) -> str:
    """Return where ssh keeps the open connection of one endpoint.

    Ansible names it after address, port and account: behind their gateways, the office PCs of two communes may well
    have the same, and tasks for one would run on the other. So it is named after the endpoint, and short, because a
    socket's path is (108 bytes, unix(7)).
    """
    name = f"{commune}/{way.alias}/{way.address}/{way.port}"
    return "%(directory)s/" + hashlib.sha256(name.encode()).hexdigest()[:12]


def _pinned(alias: str) -> str:
    return f"-o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o HostKeyAlias={alias}"
