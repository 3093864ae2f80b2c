"""What a login shell is given: the variables that /etc/profile leaves, run with an empty environment."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import pairs, scalar, take

COMMAND = """
env -i HOME=/nonexistent PATH=/usr/bin:/bin bash --noprofile --norc -c \\
  '. /etc/profile >/dev/null 2>&1; echo "TMOUT ${TMOUT:-0}"; echo "end"'
"""

# TMOUT 900
# end


def parse(text: str) -> dict[str, object]:
    """Return `idle_logout`: after how many idle seconds the shell ends (0: never)."""
    seconds, _end = take(pairs(text), "TMOUT", "end")
    return {"idle_logout": scalar(seconds)}


PROBE = Probe(name="login_shell", command=COMMAND, parse=parse)
