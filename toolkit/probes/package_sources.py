"""Where packages come from, and whether their signatures are checked."""

from __future__ import annotations

from toolkit.probes import Probe

# A password in the address of a source stays on the endpoint.
COMMAND = """
apt-get indextargets --format 'source $(TRUSTED) $(REPO_URI)' 2>/dev/null | sed 's#//[^/@]*@#//#' | sort -u
echo end
"""

# source  http://deb.debian.org/debian/
# source yes http://depot.example/
# end


def parse(text: str) -> dict[str, object]:
    """Return how many sources there are, and those whose signatures are not checked (`unchecked`)."""
    lines = text.strip().splitlines()
    if not lines or lines[-1] != "end":
        raise ValueError("cut at the end")
    sources: dict[str, bool] = {}
    for line in lines[:-1]:
        mark, trusted, uri = line.split(" ")
        if mark != "source" or trusted not in ("", "yes", "no"):
            raise ValueError(f"not a source: {line!r}")
        sources[uri] = sources.get(uri, False) or trusted == "yes"
    return {"sources": len(sources), "unchecked": sorted(uri for uri, trusted in sources.items() if trusted)}


PROBE = Probe(name="package_sources", command=COMMAND, parse=parse)
