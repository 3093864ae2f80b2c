"""Programs that send passwords in clear or have no place on a telework post."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import whole

_FOUND = each("${packages?}", "'legacy '*) echo \"${line#legacy }\"")
COMMAND = f"""
{_FOUND}
echo end
"""

# config-files telnet
# installed inetutils-telnet
# end


def parse(text: str) -> dict[str, object]:
    """Return the names of those that are installed."""
    lines = whole(text)
    states = [line.split(" ") for line in lines]
    return {"installed": sorted(name for state, name in states if state == "installed")}


PROBE = Probe(name="legacy_packages", command=COMMAND, parse=parse, shares=("packages",))
