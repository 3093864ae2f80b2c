"""Access windows of a gateway: whether to be enforced, whether the kernel does, and when that was last looked at."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import ABSENT, flag, pairs, take

COMMAND = f"""
[ -e /etc/nomade/access.json ] || {{ echo {ABSENT}; exit 0; }}
grep -q '"enforced": true' /etc/nomade/access.json && echo enforced yes || echo enforced no
nft list table inet nomade_access >/dev/null 2>&1 && echo table yes || echo table no
echo "now $(date +%s)"
echo "ran $(stat -c %Y /run/nomade-access/state.json 2>/dev/null || echo 0)"
"""

# enforced yes
# table yes
# now 1764000100
# ran 1764000060


def parse(text: str) -> dict[str, object]:
    """Return whether windows are to be enforced, whether their table is loaded, and the last run’s age in seconds."""
    if text.strip() == ABSENT:
        return {"installed": False, "enforced": False, "loaded": False}
    enforced, table, now, ran = take(pairs(text), "enforced", "table", "now", "ran")
    return {"installed": True, "enforced": flag(enforced), "loaded": flag(table), "age": int(now) - int(ran)}


PROBE = Probe(name="access_windows", command=COMMAND, parse=parse)
