"""Packages that no update reaches, and whose packages they are: held, half installed, of another maker."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

# dpkg's database read as text: asking dpkg-query costs several times as much.
COMMAND = r"""
awk '
  /^Package: / { package = $2 }
  /^Status: / && ($2 == "hold" || $3 != "ok" || $4 !~ /^(installed|config-files|not-installed)$/) {
    print "state", $2 "," $3 "," $4, package
  }
' /var/lib/dpkg/status
grep -h '^Origin: ' /var/lib/apt/lists/*_InRelease /var/lib/apt/lists/*_Release 2>/dev/null | sort -u
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


PROBE = Probe(name="package_states", command=COMMAND, parse=parse)
