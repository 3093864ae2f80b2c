"""Which installed packages have a newer version in a security archive, and whether a reboot is due."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._shared import each
from toolkit.probes._text import whole
from toolkit.probes._versions import newer

_WAITING = each("${packages?}", "'differs '* | 'lists '*) echo \"$line\"")
COMMAND = f"""
{_WAITING}
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


PROBE = Probe(name="pending_updates", command=COMMAND, parse=parse, timeout=20.0, shares=("packages",))
