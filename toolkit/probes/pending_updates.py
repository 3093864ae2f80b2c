"""Which packages an upgrade would replace now, from the lists the endpoint has; and whether it waits for a reboot."""

from __future__ import annotations

from toolkit.probes import Probe

COMMAND = """
set -e
answer=$(LC_ALL=C apt-get --simulate -o Debug::NoLocking=true dist-upgrade 2>/dev/null)
printf '%s\\n' "$answer" | grep '^Inst ' || true
echo "lists $(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' | wc -l)"
if [ -e /run/reboot-required ]; then echo 'reboot yes'; else echo 'reboot no'; fi
"""

# Inst openssl [3.0.16-1~deb12u1] (3.0.17-1~deb12u3 Debian-Security:12/oldstable-security [amd64])
# Inst tzdata [2025b-0+deb12u1] (2025b-0+deb12u2 Debian:12.12/oldstable [all])
# lists 6
# reboot no


def parse(text: str) -> dict[str, object]:
    """Return the packages that wait (`security`: of a security archive), whether a reboot does, and the number of
    package lists: without any, nothing is known.
    """
    lines = text.strip().splitlines()
    if len(lines) < 2 or lines[-1] not in ("reboot yes", "reboot no") or not lines[-2].startswith("lists "):
        raise ValueError("cut at the end")
    waiting = [line.split(" ", 2) for line in lines[:-2]]
    if any(len(parts) != 3 or parts[0] != "Inst" for parts in waiting):
        raise ValueError("not the output of apt-get --simulate")
    return {
        "lists": int(lines[-2].split()[1]),
        "waiting": len(waiting),
        "security": [name for _mark, name, rest in waiting if "security" in rest.lower()],
        "reboot": lines[-1] == "reboot yes",
    }


PROBE = Probe(name="pending_updates", command=COMMAND, parse=parse, timeout=30.0)
