"""What in people's home folders opens the way to others: folders of somebody else, keys and start files left open."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import whole

_HOMES = each(
    "${people?}",
    """*) IFS=:; set -- $line
    case $3:$6 in 0:* | *:/home/*) echo "home $1 $6" ;;
    *) [ "$3" -lt 1000 ] || [ "$3" -ge 60000 ] || echo "home $1 $6" ;; esac""",
)
COMMAND = f"""
{_HOMES}
find /root /home -xdev -maxdepth 3 \\( -path '/home/*/*' -o -path '/root/*' \\) -type d ! -name .ssh -prune -o \\
  \\( -path '/home/*' ! -path '/home/*/*' -o -path '*/.ssh*' -o -name .rhosts -o -name .shosts -o -name .netrc \\
  -o -name .forward -o -name .profile -o -name '.bash*' -o -name '.x*' \\) -printf '%y %m %u %p\\n' 2>/dev/null
echo end
"""

# home root /root
# home camille.roux /home/camille.roux
# d 700 camille.roux /home/camille.roux
# f 644 camille.roux /home/camille.roux/.bashrc
# f 600 camille.roux /home/camille.roux/.ssh/authorized_keys
# end
TRUST = (".rhosts", ".shosts", ".netrc", ".forward")


def parse(text: str) -> dict[str, object]:
    """Return paths: `foreign` homes, files of `trust` in other machines, `open_keys` below .ssh, `open_starts`."""
    homes: dict[str, str] = {}
    foreign: list[str] = []
    trust, keys, starts = [], [], []
    for line in whole(text):
        kind, *rest = line.split(" ", 2 if line.startswith("home ") else 3)
        if kind == "home":
            homes.setdefault(rest[1], rest[0])
            continue
        mode, owner, path = rest
        bits, name = int(mode, 8), path.rsplit("/", 1)[-1]
        if path in homes:
            foreign += [path] if owner != homes[path] else []
        elif name in TRUST:
            trust.append(path)
        elif "/.ssh" in path:
            public = kind == "f" and name.endswith((".pub", "known_hosts"))
            keys += [path] if kind != "l" and bits & (0o022 if public else 0o077) else []
        elif kind == "f" and bits & 0o022:
            starts.append(path)
    if not homes:
        raise ValueError("no home folder at all")
    return {
        "foreign": sorted(foreign),
        "trust": sorted(trust),
        "open_keys": sorted(keys),
        "open_starts": sorted(starts),
    }


PROBE = Probe(name="home_files", command=COMMAND, parse=parse, shares=("people",))
