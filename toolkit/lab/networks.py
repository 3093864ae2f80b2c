"""Networks of a lab: internal docker bridges. Nothing on them reaches further than this machine."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import subprocess

from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.lab import engine

LAB = "nomade.lab"
WORKSPACE = "nomade.workspace"
MACHINE = "nomade.machine"
RECIPE = "nomade.recipe"
_KEY = "nomade.network"


def name_of(lab: str, key: str) -> str:
    """Return the docker name of a lab's network."""
    return f"{lab}-{key}"


def bridge_of(lab: str, key: str) -> str:
    """Return the name of its bridge on this machine: at most 15 characters, the kernel's limit."""
    return "nm" + hashlib.sha256(name_of(lab, key).encode()).hexdigest()[:10]


def labels(lab: str, workspace: str) -> list[str]:
    """Return the options that mark what belongs to a lab."""
    return [f"--label={LAB}={lab}", f"--label={WORKSPACE}={workspace}"]


def ensure(lab: str, workspace: str, wanted: dict[str, str]) -> None:
    """Make the lab's networks (key → CIDR) that are not there.

    Raises:
        BadInputError: another docker network uses one of the ranges.
        EngineError: docker refused, or a network whose range changed still has containers.
    """
    present = {name: cidr for name, cidr, owner in _all() if owner == lab}
    for key, cidr in wanted.items():
        name = name_of(lab, key)
        if present.get(name, cidr) != cidr:
            engine.run("network", "rm", name)
            present.pop(name)
        if name not in present:
            _refuse_overlap(cidr)
            bridge = f"--opt=com.docker.network.bridge.name={bridge_of(lab, key)}"
            engine.run(
                "network", "create", "--internal", f"--subnet={cidr}", bridge,
                *labels(lab, workspace), f"--label={_KEY}={key}", name,
            )  # fmt: skip
        _let_through(bridge_of(lab, key))


def attach(lab: str, key: str, container: str, address: str) -> None:
    """Connect a container to a network with that address, unless it already is.

    A connection that an interrupted run left with another address is made anew.
    """
    name = name_of(lab, key)
    now = json.loads(engine.run("inspect", "--format", "{{json .NetworkSettings.Networks}}", container))
    settings = now.get(name)
    if settings and (settings.get("IPAMConfig") or {}).get("IPv4Address") == address:
        return
    if settings:
        engine.run("network", "disconnect", "--force", name, container)
    engine.run("network", "connect", "--ip", address, name, container)


def remove(lab: str) -> None:
    """Remove the lab's networks and the firewall exceptions of their bridges."""
    for key in engine.labelled("network", f"{LAB}={lab}", f'{{{{.Label "{_KEY}"}}}}'):
        engine.run("network", "rm", name_of(lab, key))
        with contextlib.suppress(FileNotFoundError):
            _iptables("-D", bridge_of(lab, key))


def used_ranges() -> list[ipaddress.IPv4Network]:
    """Return the IPv4 ranges of all docker networks of this machine."""
    return [ipaddress.IPv4Network(cidr) for _name, cidr, _owner in _all() if cidr]


def _all() -> list[tuple[str, str, str]]:
    names = engine.lines("network", "ls", "--filter", "driver=bridge", "--format", "{{.Name}}")
    rows = json.loads(engine.run("network", "inspect", *names)) if names else []
    return [
        (row["Name"], next((item["Subnet"] for item in row["IPAM"]["Config"] or []), ""), row["Labels"].get(LAB, ""))
        for row in rows
    ]


def _refuse_overlap(cidr: str) -> None:
    wanted = ipaddress.IPv4Network(cidr)
    for name, used, _owner in _all():
        if used and wanted.overlaps(ipaddress.IPv4Network(used)):
            raise BadInputError(
                _(
                    "lab: {network} is used by the docker network {name}: end that lab first (nomade lab list --all)"
                ).format(network=cidr, name=name)
            )


def _let_through(bridge: str) -> None:
    # Docker drops frames on an internal bridge whose source is not of its range (where bridged traffic passes
    # iptables), but a gateway forwards tunnel addresses into the office network as they are.
    try:
        if _iptables("-C", bridge) != 0:
            _iptables("-I", bridge)
    except FileNotFoundError as error:
        raise engine.EngineError(_("iptables is not installed: as root, apt-get install iptables")) from error


def _iptables(action: str, bridge: str) -> int:
    rule = ["DOCKER-USER", "-i", bridge, "-o", bridge, "-j", "ACCEPT"]
    return subprocess.run(["iptables", "--wait", action, *rule], capture_output=True, check=False).returncode
