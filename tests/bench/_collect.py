"""Ask every endpoint of the bench's commune: `python -m tests.bench._collect FOLDER PARALLEL PROBE…`.

Collecting only, in a process of its own: nothing of the catalogue, the store or the reports is loaded.
"""

from __future__ import annotations

import sys
from pathlib import Path

from toolkit.collect import Failure, collect
from toolkit.finding import Evidence
from toolkit.fleet import load
from toolkit.probes import registry
from toolkit.reach import routes
from toolkit.transport.ssh import SshTransport
from toolkit.workspace import Workspace


def _size(answer: Evidence | Failure) -> int:
    if isinstance(answer, Failure):
        sys.exit(answer.detail)
    return sum(len(section.text) for section in answer.sections.values())


def main(folder: str, parallel: str, *names: str) -> None:
    """Ask them all with the same probes, `parallel` at a time, and print how many characters came."""
    workspace = Workspace(Path(folder))
    ways = routes(workspace, load(workspace, "banc"))
    asked = dict.fromkeys(ways, tuple(registry()[name] for name in names))
    with SshTransport() as transport:
        print(sum(_size(answer) for _name, answer in collect(asked, ways.values(), transport, parallel=int(parallel))))


if __name__ == "__main__":
    main(*sys.argv[1:])
