"""Ask endpoints what the audit asks: `python -m tests.bench._collect PARALLEL USER KEY KNOWN_HOSTS PROBE… < list`.

Collecting only, in a process of its own and from the list that the peer is given (name, address, port on each line):
nothing of the fleet, the catalogue, the store or the reports is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from toolkit.collect import Failure, collect
from toolkit.finding import Evidence
from toolkit.probes import registry
from toolkit.transport.base import Route
from toolkit.transport.ssh import SshTransport


def _size(answer: Evidence | Failure) -> int:
    if isinstance(answer, Failure):
        sys.exit(answer.detail)
    return sum(len(section.text) for section in answer.sections.values())


def main(listed: Iterable[str], parallel: str, user: str, key: str, known_hosts: str, *names: str) -> None:
    """Ask them all with the same probes, `parallel` at a time, and print how many characters came."""
    fields = (line.split() for line in listed)
    ways = [Route(name, address, int(port), user, Path(key), Path(known_hosts)) for name, address, port in fields]
    asked = dict.fromkeys((way.alias for way in ways), tuple(registry()[name] for name in names))
    with SshTransport() as transport:
        print(sum(_size(answer) for _name, answer in collect(asked, ways, transport, parallel=int(parallel))))


if __name__ == "__main__":
    main(sys.stdin, *sys.argv[1:])
