"""Where packages come from, and whether their signatures are checked."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

# apt keeps the signed index of every source it verified; one that it took unsigned has a bare Release. “trusted” by
# hand skips the check, so it is looked for as well. File names hold no password: apt leaves it out.
COMMAND = r"""
for file in /var/lib/apt/lists/*_InRelease /var/lib/apt/lists/*_Release; do
  [ -e "$file" ] || continue
  case $file in
    *_InRelease) state=signed ;;
    *) if [ -e "$file.gpg" ]; then state=signed; else state=unsigned; fi ;;
  esac
  echo "$state ${file##*/}"
done
for file in $(grep -rliE '^deb.*\[.*(trusted|allow-insecure) *= *yes|^(trusted|allow-insecure): *yes' \
  /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null); do
  echo "forced $file"
done
echo end
"""

# signed deb.debian.org_debian_dists_bookworm_InRelease
# unsigned depot.example_._Release
# forced /etc/apt/sources.list.d/depot.list
# end


def parse(text: str) -> dict[str, object]:
    """Return how many sources were verified, and those whose signatures are not or were not checked (`unchecked`)."""
    found: dict[str, list[str]] = {"signed": [], "unsigned": [], "forced": []}
    for line in whole(text):
        state, _, name = line.partition(" ")
        if state not in found or not name:
            raise ValueError(f"not a source: {line!r}")
        found[state].append(name)
    return {"sources": len(found["signed"]), "unchecked": found["unsigned"] + found["forced"]}


PROBE = Probe(name="package_sources", command=COMMAND, parse=parse)
