"""Which system this is, and whether its maker still mends it."""

from __future__ import annotations

import re

from toolkit.probes import Probe
from toolkit.probes._text import pairs, take

COMMAND = """
cat /etc/os-release
"""

# PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
# VERSION_ID="12"
# ID=debian
NAME = re.compile(r"[a-z0-9._-]+")


def parse(text: str) -> dict[str, object]:
    """Return `release`: the system and its version, as in `debian 12`."""
    system, version = (value.strip('"') for value in take(pairs(text, "="), "ID", "VERSION_ID"))
    if not NAME.fullmatch(system) or not NAME.fullmatch(version):
        raise ValueError("a name that os-release(5) does not allow")
    return {"release": f"{system} {version}"}


PROBE = Probe(name="operating_system", command=COMMAND, parse=parse)
