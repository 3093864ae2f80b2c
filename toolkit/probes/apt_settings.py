"""What apt will do by itself and what it accepts: its effective configuration."""

from __future__ import annotations

import re

from toolkit.probes import Probe

# Without a foreign architecture to start from, apt would start dpkg to learn of some.
COMMAND = """
apt-config -o APT::Architectures::=any dump |
  grep -E '^(APT::(Periodic|Get::Allow)|Acquire::Allow|Unattended-Upgrade)' || true
if [ -x /usr/bin/unattended-upgrade ]; then echo 'installed installed'; else echo 'installed no'; fi
"""

# APT::Periodic::Update-Package-Lists "1";
# APT::Periodic::Unattended-Upgrade "1";
# Unattended-Upgrade::Origins-Pattern:: "origin=Debian,codename=${distro_codename},label=Debian-Security";
# Acquire::AllowInsecureRepositories "false";
# installed installed
LINE = re.compile(r'([A-Za-z0-9:._/-]+) "(.*)";')
TRUE = frozenset({"1", "yes", "true", "with", "on", "enable"})  # apt's StringToBool


def parse(text: str) -> dict[str, object]:
    """Return intervals in days (0: never), what is upgraded, and whether unsigned sources are accepted."""
    lines = text.strip().splitlines()
    if not lines or not lines[-1].startswith("installed "):
        raise ValueError("cut at the end")
    values: dict[str, list[str]] = {}
    for line in lines[:-1]:
        found = LINE.fullmatch(line)
        if not found:
            raise ValueError(f"not a line of apt-config: {line!r}")
        values.setdefault(found[1].removesuffix("::").lower(), []).append(found[2])
    origins = [pattern for pattern in values.get("unattended-upgrade::origins-pattern", []) if pattern]
    return {
        "installed": lines[-1] == "installed installed",
        "refresh_days": _days(values, "apt::periodic::update-package-lists"),
        "upgrade_days": _days(values, "apt::periodic::unattended-upgrade"),
        "security_origin": any("security" in pattern.lower() for pattern in origins),
        "automatic_reboot": _true(values, "unattended-upgrade::automatic-reboot"),
        "unauthenticated": _true(values, "apt::get::allowunauthenticated"),
        "insecure": _true(values, "acquire::allowinsecurerepositories"),
        "weak_refused": not _true(values, "acquire::allowweakrepositories", default=True),
    }


def _days(values: dict[str, list[str]], name: str) -> int | float:
    text = values.get(name, ["0"])[-1]
    return 1 if text == "always" else int(text.removesuffix("d") or 0)


def _true(values: dict[str, list[str]], name: str, *, default: bool = False) -> bool:
    return values[name][-1].lower() in TRUE if name in values else default


PROBE = Probe(name="apt_settings", command=COMMAND, parse=parse)
