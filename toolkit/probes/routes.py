"""Where a packet for the Internet would leave, asked of the kernel with addresses reserved for documentation."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import flag, pairs, take

# 198.51.100.1 is of TEST-NET-2 (RFC 5737), 2001:db8::1 of RFC 3849: `ip route get` sends nothing.
COMMAND = """
device() {
  set -- $(ip -o "$1" route get "$2" 2>/dev/null)
  while [ $# -gt 1 ]; do
    if [ "$1" = dev ]; then echo "$2"; return; fi
    shift
  done
}
read -r forward </proc/sys/net/ipv4/ip_forward
echo "v4 $(device -4 198.51.100.1)"
echo "v6 $(device -6 2001:db8::1)"
echo "forwarding $([ "$forward" = 1 ] && echo yes || echo no)"
"""

# v4 wg-nomade
# v6
# forwarding no


def parse(text: str) -> dict[str, object]:
    """Return the device per IP version (`none`: no route), and whether the endpoint forwards packets of others."""
    v4, v6, forwarding = take(pairs(text), "v4", "v6", "forwarding")
    return {"v4": v4 or "none", "v6": v6 or "none", "forwarding": flag(forwarding)}


PROBE = Probe(name="routes", command=COMMAND, parse=parse)
