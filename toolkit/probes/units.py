"""What systemd runs and will run at boot, of the units that matter here."""

from __future__ import annotations

from toolkit.probes import Probe

UNITS = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "hibernate.target",
    "nftables.service",
    "nomade-vpn.service",
    "sleep.target",
    "ssh.service",
    "suspend.target",
    "systemd-journald.service",
    "systemd-timesyncd.service",
    "unattended-upgrades.service",
    "xrdp-sesman.service",
    "xrdp.service",
)
COMMAND = r"""
printf '%s\n' "${units:?}"
"""

# Id=ssh.service
# LoadState=loaded
# ActiveState=active
# UnitFileState=enabled
#
# Id=nftables.service
# LoadState=not-found
# ActiveState=inactive
# UnitFileState=
PROPERTIES = frozenset({"Id", "LoadState", "ActiveState", "UnitFileState"})


def parse(text: str) -> dict[str, object]:
    """Return `<unit>.active`, `<unit>.enabled` (at boot) and `<unit>.masked` of every unit, as booleans."""
    facts: dict[str, object] = {}
    for block in text.strip().split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines())
        if set(values) != PROPERTIES:
            raise ValueError("not the properties that were asked for")
        name = values["Id"]
        facts[f"{name}.active"] = values["ActiveState"] == "active"
        facts[f"{name}.enabled"] = values["UnitFileState"] == "enabled"
        facts[f"{name}.masked"] = values["LoadState"] == "masked"
    missing = [unit for unit in UNITS if f"{unit}.active" not in facts]
    if missing:
        raise ValueError(f"missing: {', '.join(missing)}")
    return facts


PROBE = Probe(name="units", command=COMMAND, parse=parse, units=UNITS)
