"""Access windows and quarantine of a gateway: what is to be enforced, what the kernel does, when that was looked at."""

from __future__ import annotations

from ipaddress import IPv4Address

from toolkit.probes import Probe
from toolkit.probes._text import ABSENT, flag, pairs, take, whole

COMMAND = f"""
[ -e /etc/nomade/access.json ] || {{ echo {ABSENT}; exit 0; }}
grep -q '"enforced": true' /etc/nomade/access.json && echo enforced yes || echo enforced no
grep -q '"quarantine_wanted": true' /etc/nomade/access.json && echo quarantine yes || echo quarantine no
nft list table inet nomade_access >/dev/null 2>&1 && echo table yes || echo table no
echo "now ${{now?}}"
echo "ran $(stat -c %Y /run/nomade-access/state.json 2>/dev/null || echo 0)"
held() {{ tr -d ' \\n\\t' | grep -o "$1" | grep -oE '[0-9]+([.][0-9]+){{3}}' | sort -u | tr '\\n' ,; }}
echo "to_hold $(held '"quarantine":\\[[^]]*]' < /etc/nomade/access.json)"
echo "held $(nft list set inet nomade_quarantine members 2>/dev/null | held 'elements={{[^}}]*}}')"
echo end
"""

# enforced yes
# quarantine yes
# table yes
# now 1764000100
# ran 1764000060
# to_hold 10.77.9.2,198.51.100.20,
# held 10.77.9.2,198.51.100.20,
# end


def parse(text: str) -> dict[str, object]:
    """Return whether windows are to be enforced, whether their table is loaded, and the last run’s age in seconds.

    `told`: whether the gateway knows that there is a quarantine at all; `free`: addresses that are to be in it and are
    not; `astray`: those in it that are not to be.
    """
    if text.strip() == ABSENT:
        return {"installed": False, "enforced": False, "loaded": False}
    said = pairs("\n".join(whole(text)))
    enforced, table, now, ran, wanted, there = take(said, "enforced", "table", "now", "ran", "to_hold", "held")
    told = flag(said.get("quarantine", "no"))  # earlier evidence does not say so
    known = {"installed": True, "enforced": flag(enforced), "loaded": flag(table), "age": int(now) - int(ran)}
    to_hold, held = _addresses(wanted), _addresses(there)
    return known | {"told": told, "free": sorted(to_hold - held), "astray": sorted(held - to_hold)}


def _addresses(text: str) -> set[str]:
    return {str(IPv4Address(part)) for part in text.split(",") if part}


PROBE = Probe(name="access_windows", command=COMMAND, parse=parse, shares=("now",))
