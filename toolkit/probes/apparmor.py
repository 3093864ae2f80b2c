"""AppArmor: whether the kernel uses it, whether its profiles are loaded at boot, how many bind their programs now."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import ABSENT, whole

COMMAND = f"""
[ -x /sbin/apparmor_parser ] || echo {ABSENT}
[ ! -e /etc/systemd/system/sysinit.target.wants/apparmor.service ] || echo at-boot
read -r kernel 2>/dev/null </sys/module/apparmor/parameters/enabled || kernel=N
echo "kernel $kernel"
cd /sys/kernel/security/apparmor 2>/dev/null &&
  awk '{{ found[$NF]++ }} END {{ for (mode in found) print mode, found[mode] }}' profiles
echo end
"""

# at-boot
# kernel Y
# (enforce) 31
# (complain) 2
# end


def parse(text: str) -> dict[str, object]:
    """Return `installed`, `at_boot`, `kernel` (all true or false) and how many profiles are `enforced`."""
    lines = whole(text)
    facts: dict[str, object] = {"installed": ABSENT not in lines, "at_boot": "at-boot" in lines, "enforced": 0}
    for line in lines:
        if line in (ABSENT, "at-boot"):
            continue
        word, value = line.rsplit(" ", 1)
        if word == "kernel" and value in ("Y", "N"):
            facts["kernel"] = value == "Y"
        elif word.startswith("(") and word.endswith(")"):
            facts |= {"enforced": int(value)} if word == "(enforce)" else {}
        else:
            raise ValueError(f"neither the kernel nor a mode of profiles: {line!r}")
    if "kernel" not in facts:
        raise ValueError("nothing about the kernel")
    return facts


PROBE = Probe(name="apparmor", command=COMMAND, parse=parse)
