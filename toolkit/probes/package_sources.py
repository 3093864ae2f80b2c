"""Where packages come from, and whether their signatures are checked."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

# apt says of each source whether its signature was verified; “trusted” by hand skips that, so it is looked for as well.
# A password in the address of a source stays on the endpoint.
COMMAND = """
apt-get indextargets --format 'source $(TRUSTED) $(REPO_URI)' 2>/dev/null | sed 's#//[^/@]*@#//#' | sort -u
grep -rliE '^deb.*\\[.*(trusted|allow-insecure) *= *yes|^(trusted|allow-insecure): *yes' \\
  /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | sed 's/^/forced /'
echo end
"""

# source yes http://deb.debian.org/debian/
# source no http://depot.example/
# forced /etc/apt/sources.list.d/depot.list
# end


def parse(text: str) -> dict[str, object]:
    """Return how many sources there are, and those whose signatures are not or were not checked (`unchecked`)."""
    lines = whole(text)
    checked: dict[str, bool] = {}
    forced = [line.removeprefix("forced ") for line in lines if line.startswith("forced ")]
    for line in lines[: len(lines) - len(forced)]:
        mark, trusted, uri = line.split(" ")
        if mark != "source" or trusted not in ("", "yes", "no"):
            raise ValueError(f"not a source: {line!r}")
        checked[uri] = checked.get(uri, True) and trusted == "yes"
    unchecked = [uri for uri, verified in checked.items() if not verified]
    return {"sources": len(checked), "unchecked": sorted(unchecked) + forced}


PROBE = Probe(name="package_sources", command=COMMAND, parse=parse)
