"""Packages that no update reaches, and whose packages they are: held, half installed, of another maker."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import whole

_STATES = each("${packages?}", "'state '*) echo \"$line\"")
COMMAND = f"""
{_STATES}
grep -hm1 '^Origin: ' /var/lib/apt/lists/*_InRelease /var/lib/apt/lists/*_Release 2>/dev/null
echo end
"""

# state hold,ok,installed firefox-esr
# state install,ok,half-configured cups
# Origin: Debian
# end


def parse(text: str) -> dict[str, object]:
    """Return the packages that are `held` back, those left `broken` half-way, and the `origins` of the sources."""
    held, broken, origins = set(), set(), set()
    for line in whole(text):
        if line.startswith("Origin: "):
            origins.add(line.removeprefix("Origin: ").strip())
            continue
        mark, state, package = line.split(" ")
        wanted, error, current = state.split(",")
        if mark != "state":
            raise ValueError(f"not a package: {line!r}")
        if wanted == "hold":
            held.add(package)
        if error != "ok" or current not in ("installed", "config-files", "not-installed"):
            broken.add(package)
    return {"held": sorted(held), "broken": sorted(broken), "origins": sorted(origins)}


PROBE = Probe(name="package_states", command=COMMAND, parse=parse, shares=("packages",))
