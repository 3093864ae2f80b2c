"""Keys of the tunnel: how old the endpoint's own is, who is a peer, who only tries. Public halves only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toolkit.probes import Probe
from toolkit.probes._shared import TUNNEL
from toolkit.probes._text import ABSENT, whole

INTERFACE = TUNNEL
# Field by field: `wg show … dump` prints the private key. Where a peer is at home is nobody's business: its address
# is told of what is refused only.
COMMAND = f"""
command -v wg >/dev/null || {{ echo {ABSENT}; exit 0; }}
[ -e /sys/class/net/{INTERFACE} ] && [ -e /etc/wireguard/nomade.conf ] || {{ echo down; exit 0; }}
set -e
echo "now ${{now?}} key $(stat -c %Y /etc/wireguard/nomade.key)"
bytes=$(wg show {INTERFACE} transfer)
sources=$(wg show {INTERFACE} endpoints)
printf '[%s]\n%s\n' networks "${{networks?}}" handshakes "${{handshakes?}}" bytes "$bytes" sources "$sources" | awk '
  FNR == NR && $1 == "PublicKey" {{ key = $3; print "known", key }}
  FNR == NR && $1 == "PresharedKey" && $3 == "refused" {{ bad[key] = 1; print "refused", key }}
  FNR == NR || NF == 0 {{ next }}
  /^\\[/ {{ field = $1; next }}
  {{ key = $1; $1 = ""; sub(/^ /, "") }}
  field == "[networks]" {{ order[++count] = key; gsub(/ /, ","); networks[key] = $0 }}
  field == "[handshakes]" {{ handshake[key] = $0 }}
  field == "[bytes]" {{ bytes[key] = $0 }}
  field == "[sources]" && (key in bad) {{ source[key] = $0 }}
  END {{
    for (i = 1; i <= count; i++) {{
      key = order[i]
      print "peer", key, (key in source) ? source[key] : "-", networks[key], handshake[key], bytes[key]
    }}
  }}
' /etc/wireguard/nomade.conf -
looked=/run/nomade-access/returns
[ ! -e $looked ] || {{ echo "watched - $(stat -c %Y $looked)"; sed 's/^/returns /' $looked; }}
echo end
"""

# now 1764000100 key 1763000000
# known SN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=
# known TN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=
# refused TN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=
# peer SN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw= - 10.77.1.2/32 1764000000 5120 9000
# peer TN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw= 203.0.113.9:51820 (none) 0 148 92
# watched - 1764000060
# returns SN7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw= 0
# end
DAY = 86_400
# As roles/vpn_gateway/files/nomade_places.py has it.
_MANY_RETURNS = 5
# Seconds; the program runs every minute.
_RECENT = 300


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer as WireGuard has it; `handshake` is a Unix time, 0 for never; `received` and `sent` are bytes.

    `source` is where a refused peer last tried from (address:port), None for all others.
    """

    key: str
    networks: tuple[str, ...]
    handshake: int
    received: int
    sent: int
    refused: bool
    source: str | None


@dataclass(frozen=True, slots=True)
class Keys:
    """What an endpoint says of its tunnel; times are Unix times by its own clock."""

    now: int
    made: int
    known: frozenset[str]
    """Keys that its configuration names, those it refuses among them."""
    peers: tuple[Peer, ...]
    returns: Mapping[str, int] = field(default_factory=dict)
    """By key: how often within the hour it was heard again where it had just left (nomade_places.py)."""
    watched: int | None = None
    """When that was counted last; None where it is not."""

    @property
    def in_two_places(self) -> frozenset[str]:
        """Keys of which somebody else seems to have a copy."""
        return frozenset(key for key, count in self.returns.items() if count >= _MANY_RETURNS)


def read(text: str) -> Keys | None:
    """Return the keys of a tunnel that is up; None when there is none. Raises ValueError for text that is neither."""
    if text.strip() in (ABSENT, "down"):
        return None
    first, *lines = whole(text) or [""]
    words = first.split()
    if len(words) != 4 or (words[0], words[2]) != ("now", "key"):
        raise ValueError("cut at the beginning")
    sets: dict[str, set[str]] = {"known": set(), "refused": set()}
    peers, returns, watched = [], {}, None
    for line in lines:
        kind, key, *values = line.split()
        if kind == "peer":
            peers.append(_peer(key, values, key in sets["refused"]))
        elif kind == "returns":
            returns[key] = int(*values)
        elif kind == "watched":
            watched = int(*values)
        else:
            sets[kind].add(key)  # KeyError for a word that is not ours: unparsable
    return Keys(int(words[1]), int(words[3]), frozenset(sets["known"]), tuple(peers), returns, watched)


def _peer(key: str, values: list[str], refused: bool) -> Peer:
    source, networks, handshake, received, sent = values
    return Peer(
        key,
        tuple(network for network in networks.split(",") if network != "(none)"),
        int(handshake),
        int(received),
        int(sent),
        refused,
        source if source not in ("-", "(none)") else None,
    )


def parse(text: str) -> dict[str, object]:
    """Return the age of the endpoint's key in days; keys of peers nobody configured (`orphans`), of peers that are
    missing, of revoked ones that tried to come in since the tunnel started (`attempts`), and of those that are used in
    two places at once (`copied`)."""
    keys = read(text)
    if keys is None:
        return {"installed": text.strip() == "down", "up": False}
    there = {peer.key for peer in keys.peers}
    return {
        "installed": True,
        "up": True,
        "key_age_days": max(0, keys.now - keys.made) // DAY,
        "orphans": sorted(there - keys.known),
        "missing": sorted(keys.known - there),
        "refused": sum(peer.refused for peer in keys.peers),
        "attempts": sorted(peer.key for peer in keys.peers if peer.refused and peer.received),
        "watched": keys.watched is not None and keys.now - keys.watched <= _RECENT,
        "copied": sorted(keys.in_two_places & there),
    }


PROBE = Probe(name="tunnel_keys", command=COMMAND, parse=parse, shares=("now", "handshakes", "networks"))
