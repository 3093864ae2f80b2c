"""Time zone, and whether the clock is set from the network."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import flag, pairs, take

COMMAND = """
timedatectl show --property=Timezone --property=NTP --property=NTPSynchronized
"""

# Timezone=Europe/Paris
# NTP=yes
# NTPSynchronized=yes


def parse(text: str) -> dict[str, object]:
    """Return `timezone`, `automatic` (set from the network from boot on) and `synchronised` (right now)."""
    zone, automatic, synchronised = take(pairs(text, "="), "Timezone", "NTP", "NTPSynchronized")
    return {"timezone": zone, "automatic": flag(automatic), "synchronised": flag(synchronised)}


PROBE = Probe(name="clock", command=COMMAND, parse=parse)
