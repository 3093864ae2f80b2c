"""Which installed packages have a newer version in a security archive, and whether a reboot is due."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole
from toolkit.probes._versions import newer

# Asking apt itself takes seconds of processor and rewrites its cache; the lists and dpkg's database say the same. Only
# packages whose versions differ are printed: which one is newer is for the parser to say.
COMMAND = r"""
count=0
for file in /var/lib/apt/lists/*-security_*_Packages*; do
  if [ -e "$file" ]; then count=$((count + 1)); fi
done
{
  grep -hE '^(Package|Status|Architecture|Version): ' /var/lib/dpkg/status && echo 'Lists:' || exit 1
  for file in /var/lib/apt/lists/*-security_*_Packages*; do
    case $file in
      *_Packages) [ ! -e "$file" ] || grep -E '^(Package|Architecture|Version): ' "$file" ;;
      *) [ ! -e "$file" ] || { /usr/lib/apt/apt-helper cat-file "$file" || echo 'Unreadable:'; } |
        grep -E '^(Package|Architecture|Version|Unreadable):' ;;
    esac
  done
} 2>/dev/null | awk '
  /^Package: / { judge(); package = $2; present = 0; next }
  /^Status: / { present = ($4 == "installed"); next }
  /^Architecture: / { architecture = $2; next }
  /^Version: / { version = $2; next }
  /^Unreadable:/ { unreadable = 1 }
  /^Lists:/ { judge(); lists = 1; next }
  END { judge(); if (!lists || unreadable) exit 1 }
  function judge(key) {
    key = package ":" architecture
    if (!lists) { if (present) installed[key] = version }
    else if (key in installed && installed[key] != version) print "differs", package, installed[key], version
    package = ""; present = 0
  }
' || exit 1
echo "lists $count"
if [ -e /run/reboot-required ]; then echo 'reboot yes'; else echo 'reboot no'; fi
echo end
"""

# differs openssl 3.0.16-1~deb12u1 3.0.17-1~deb12u3
# differs tzdata 2025b-0+deb12u2 2025b-0+deb12u1
# lists 2
# reboot no
# end


def parse(text: str) -> dict[str, object]:
    """Return the packages that wait for a `security` update, the number of security `lists` (without any, nothing is
    known), and whether a `reboot` is due.
    """
    *differing, lists, reboot = whole(text) if text.count("\n") > 1 else ("", "")
    if not lists.startswith("lists ") or reboot not in ("reboot yes", "reboot no"):
        raise ValueError("cut at the end")
    waiting = set()
    for line in differing:
        mark, package, installed, candidate = line.split(" ")
        if mark != "differs":
            raise ValueError(f"not a package: {line!r}")
        if newer(candidate, installed):
            waiting.add(package)
    return {"lists": int(lists.split()[1]), "security": sorted(waiting), "reboot": reboot == "reboot yes"}


PROBE = Probe(name="pending_updates", command=COMMAND, parse=parse, timeout=20.0)
