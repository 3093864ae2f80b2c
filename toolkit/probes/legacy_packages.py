"""Programs that send passwords in clear or have no place on a telework post."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

NAMES = (
    "inetutils-telnet", "inetutils-telnetd", "nis", "rsh-client", "rsh-redone-client", "rsh-redone-server",
    "rsh-server", "talk", "talkd", "telnet", "telnet-ssl", "telnetd", "telnetd-ssl", "tftp", "tftpd", "xinetd",
)  # fmt: skip
# dpkg-query complains of names it never heard of, and goes on with the others.
COMMAND = f"""
dpkg-query --show --showformat '${{db:Status-Status}} ${{Package}}\\n' {" ".join(NAMES)} 2>/dev/null
echo end
"""

# not-installed telnet
# installed inetutils-telnet
# end


def parse(text: str) -> dict[str, object]:
    """Return the names of those that are installed."""
    lines = whole(text)
    states = [line.split(" ") for line in lines]
    return {"installed": sorted(name for state, name in states if state == "installed")}


PROBE = Probe(name="legacy_packages", command=COMMAND, parse=parse)
