"""Services that have no place on a managed post: those of them that run or would run at boot."""

from __future__ import annotations

from toolkit.probes import Probe

FAMILIES = {
    "sharing": (
        "nfs-server.service", "nmbd.service", "proftpd.service", "rpcbind.service", "rpcbind.socket",
        "slapd.service", "smbd.service", "tftpd-hpa.service", "vsftpd.service",
    ),
    "remote_shells": ("inetutils-inetd.service", "openbsd-inetd.service", "telnet.socket", "xinetd.service"),
    "remote_control": (
        "anydesk.service", "dwagent.service", "gnome-remote-desktop.service", "meshagent.service", "nxserver.service",
        "rustdesk.service", "teamviewerd.service", "vncserver.service", "x11vnc.service",
    ),
    "other_tunnels": (
        "cloudflared.service", "ngrok.service", "openvpn.service", "strongswan-starter.service", "strongswan.service",
        "tailscaled.service", "xl2tpd.service", "zerotier-one.service",
    ),
    "other_clocks": ("chrony.service", "ntp.service", "ntpsec.service", "openntpd.service"),
    "other_firewalls": (
        "ferm.service", "firewalld.service", "netfilter-persistent.service", "shorewall.service", "ufw.service",
    ),
    "debug_shell": ("debug-shell.service",),
}  # fmt: skip
UNITS = sorted(unit for units in FAMILIES.values() for unit in units)
COMMAND = r"""
printf '%s\n' "${units:?}"
"""

# Id=smbd.service
# ActiveState=inactive
# UnitFileState=
PROPERTIES = frozenset({"Id", "ActiveState", "UnitFileState"})


def parse(text: str) -> dict[str, object]:
    """Return per family the units that are active or enabled. A unit known by an alias answers under its real name."""
    on: set[str] = set()
    answers = text.strip().split("\n\n")
    for asked, block in zip(UNITS, answers, strict=False):
        values = dict(line.split("=", 1) for line in block.splitlines())
        if not set(values) >= PROPERTIES >= set(values) - {"LoadState"}:
            raise ValueError("not the properties that were asked for")
        if values["ActiveState"] not in ("inactive", "failed") or values["UnitFileState"].startswith("enabled"):
            on.add(asked)
    if len(answers) != len(UNITS):
        raise ValueError(f"{len(answers)} units instead of {len(UNITS)}")
    return {name: [unit for unit in units if unit in on] for name, units in FAMILIES.items()}


PROBE = Probe(name="unwanted_units", command=COMMAND, parse=parse, units=tuple(UNITS))
