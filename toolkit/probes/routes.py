"""Where a packet for the Internet would leave, asked of the kernel with addresses reserved for documentation."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import flag, pairs, take

# 198.51.100.1 is of TEST-NET-2 (RFC 5737), 2001:db8::1 of RFC 3849: `ip route get` sends nothing.
COMMAND = """
read -r forward </proc/sys/net/ipv4/ip_forward
v4= v6= last=
for word in $(printf 'route get %s\\n' 198.51.100.1 2001:db8::1 | ip -o -force -batch - 2>/dev/null); do
  case $last:$word in
    *:198.51.100.1) version=4 ;;
    *:2001:db8::1) version=6 ;;
    dev:*) if [ "$version" = 4 ]; then v4=${v4:-$word}; else v6=${v6:-$word}; fi ;;
  esac
  last=$word
done
echo "v4 $v4"
echo "v6 $v6"
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
