"""How old the endpoint's knowledge of available updates is."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import pairs, take

# The stamp is touched after each refresh that succeeded; without it the date of the folder is the best there is.
COMMAND = """
set -e
echo "now ${now?}"
set -- /var/lib/apt/lists/*_Packages*
if [ -e "$1" ]; then echo "lists $#"; else echo 'lists 0'; fi
stamp=/var/lib/apt/periodic/update-success-stamp
[ -e "$stamp" ] || stamp=/var/lib/apt/lists
echo "refreshed $(stat -c %Y "$stamp")"
"""

# now 1764000000
# lists 6
# refreshed 1763990000
NEVER = 10**6  # days


def parse(text: str) -> dict[str, object]:
    """Return `age_days`: days since the package lists were last refreshed (a million: never, no list is there)."""
    now, lists, refreshed = (int(value) for value in take(pairs(text), "now", "lists", "refreshed"))
    return {"age_days": (now - refreshed) // 86400 if lists else NEVER, "lists": lists}


PROBE = Probe(name="package_lists", command=COMMAND, parse=parse, shares=("now",))
