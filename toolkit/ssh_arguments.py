"""What ssh is told about a route, as Ansible variables: pinned keys, the jump, where the open connection is kept.

The same text for all endpoints of a commune: each one's name is filled in by Ansible. Names are RFC 1123 labels
(`toolkit/fleet/text.py`), so they need no quoting.
"""

from __future__ import annotations

from toolkit.transport.base import Route

# Where ssh keeps the open connection of one endpoint. Ansible names it after address, port and account: behind their
# gateways, the office PCs of two communes may well have the same, and tasks for one would run on the other. So it is
# named after the endpoint, and short, because a socket's path is (108 bytes, unix(7)).
CONTROL_PATH = (
    "%(directory)s/{{ ([nomade_commune, inventory_hostname, ansible_host, ansible_port] | join('/') | hash('sha256'))"
    "[:12] }}"
)


def _pinned(alias: str) -> str:
    return f"-o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o HostKeyAlias={alias}"


# ssh's options for an endpoint reached directly: its pinned key under its name. `inventory_dir` may hold spaces: the
# file name is quoted for ssh, and the whole option for Ansible's shlex.
DIRECT = f"""-o 'UserKnownHostsFile="{{{{ inventory_dir }}}}/known_hosts"' {_pinned("{{ inventory_hostname }}")}"""


def through(jump: Route) -> str:
    """Return ssh's options for an endpoint reached through its gateway, whose own key is pinned too."""
    key = "../../" + "/".join(jump.identity.parts[-3:])
    command = (
        f'ssh -i "{{{{ inventory_dir }}}}/{key}" -o IdentitiesOnly=yes -o BatchMode=yes'
        f' -o "UserKnownHostsFile=\\"{{{{ inventory_dir }}}}/{jump.known_hosts.name}\\"" {_pinned(jump.alias)}'
        f" -p {jump.port} -W %h:%p {jump.user}@{jump.address}"
    )
    return f"{DIRECT} -o 'ProxyCommand={command}'"
