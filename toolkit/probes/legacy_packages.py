"""Programs that send passwords in clear or have no place on a telework post."""

from __future__ import annotations

import re

from toolkit.probes import Probe
from toolkit.probes._text import whole

NAMES = (
    "inetutils-telnet", "inetutils-telnetd", "nis", "rsh-client", "rsh-redone-client", "rsh-redone-server",
    "rsh-server", "talk", "talkd", "telnet", "telnet-ssl", "telnetd", "telnetd-ssl", "tftp", "tftpd", "xinetd",
)  # fmt: skip
# dpkg-query complains of names it never heard of, and goes on with the others.
# dpkg's own database, read as the text it is: starting dpkg-query costs five times as much.
COMMAND = f"""
awk '
  /^Package: / {{ package = $2 }}
  /^Status: / && package ~ /^({"|".join(re.escape(name) for name in NAMES)})$/ {{ print $4, package }}
' /var/lib/dpkg/status && echo end
"""

# config-files telnet
# installed inetutils-telnet
# end


def parse(text: str) -> dict[str, object]:
    """Return the names of those that are installed."""
    lines = whole(text)
    states = [line.split(" ") for line in lines]
    return {"installed": sorted(name for state, name in states if state == "installed")}


PROBE = Probe(name="legacy_packages", command=COMMAND, parse=parse)
