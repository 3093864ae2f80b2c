"""The tunnel as WireGuard sees it, without any key that is secret: `wg show … dump` would print the private one."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import TUNNEL, each
from toolkit.probes._text import ABSENT, scalar, whole

INTERFACE = TUNNEL
_HANDSHAKES = each("${handshakes?}", '*) echo "latest-handshakes $line"')
_NETWORKS = each("${networks?}", '*) echo "allowed-ips $line"')
_KEEPALIVES = each("$keepalives", '*) echo "persistent-keepalive $line"')
COMMAND = f"""
command -v wg >/dev/null || {{ echo {ABSENT}; exit 0; }}
[ -e /sys/class/net/{INTERFACE} ] || {{ echo down; exit 0; }}
set -e
echo "now ${{now?}}"
keepalives=$(wg show {INTERFACE} persistent-keepalive)
{_HANDSHAKES}
{_NETWORKS}
{_KEEPALIVES}
echo end
"""

# now 1764000100
# latest-handshakes SN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=	1764000000
# allowed-ips SN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=	0.0.0.0/0 ::/0
# persistent-keepalive SN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=	25
# end
NEVER = 10**9  # seconds: the age of a handshake that never was


def parse(text: str) -> dict[str, object]:
    """Return what the peers may send and when they last did: ages and keepalive in seconds, networks in CIDR."""
    if text.strip() in (ABSENT, "down"):
        return {"installed": text.strip() == "down", "up": False, "peers": 0}
    first, *lines = whole(text) or [""]
    if not first.startswith("now "):
        raise ValueError("cut at the beginning")
    now = int(first.split()[1])
    fields: dict[str, dict[str, list[str]]] = {"latest-handshakes": {}, "allowed-ips": {}, "persistent-keepalive": {}}
    for line in lines:
        field, peer, *values = line.split()
        fields[field][peer] = values
    if len({frozenset(peers) for peers in fields.values()}) != 1:
        raise ValueError("peers that differ from one question to the next")
    allowed = sorted({net for nets in fields["allowed-ips"].values() for net in nets if net != "(none)"})
    return {"installed": True, "up": True, "peers": len(fields["allowed-ips"]), "allowed": allowed} | _times(
        now, fields
    )


def _times(now: int, fields: dict[str, dict[str, list[str]]]) -> dict[str, object]:
    moments = [int(moment) for [moment] in fields["latest-handshakes"].values()]
    ages = [now - moment if moment else NEVER for moment in moments]
    beats = [scalar(beat) for [beat] in fields["persistent-keepalive"].values()]
    wide = [net for nets in fields["allowed-ips"].values() for net in nets if not net.endswith(("/32", "/128"))]
    return {
        "newest_handshake_age": min(ages, default=NEVER),
        "keepalive": min((beat if isinstance(beat, int) else NEVER for beat in beats), default=NEVER),
        "wide": sorted(net for net in wide if net != "(none)"),
    }


PROBE = Probe(name="wireguard", command=COMMAND, parse=parse, shares=("now", "handshakes", "networks"))
