"""What listens to the network: sockets that are not on the loopback."""

from __future__ import annotations

from toolkit.probes import Probe
from toolkit.probes._text import whole

COMMAND = """
set -e
ss -H -lntu
echo end
"""

# tcp LISTEN 0      128    0.0.0.0:22 0.0.0.0:*
# tcp LISTEN 0      128       [::]:22    [::]:*
# udp UNCONN 0      0      127.0.0.53%lo:53 0.0.0.0:*
# end


def parse(text: str) -> dict[str, object]:
    """Return the ports that listen beyond the loopback, `tcp` and `udp`, in rising order."""
    lines = whole(text)
    ports: dict[str, set[int]] = {"tcp": set(), "udp": set()}
    for line in lines:
        protocol, _state, _received, _sent, local, *_peer = line.split()
        address, _, port = local.rpartition(":")
        if not _loopback(address):
            ports[protocol].add(int(port))
    return {name: sorted(numbers) for name, numbers in ports.items()}


def _loopback(address: str) -> bool:
    return address.endswith("%lo") or address.startswith(("127.", "[::ffff:127.")) or address == "[::1]"


PROBE = Probe(name="listening", command=COMMAND, parse=parse)
