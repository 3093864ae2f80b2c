"""Ask every endpoint of the bench's commune and print how much came back: `python -m tests.bench._collect FOLDER N`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from toolkit import audit, catalogue
from toolkit.collect import Failure, collect
from toolkit.evaluate import probes_for
from toolkit.finding import Evidence
from toolkit.fleet import load, load_config
from toolkit.fleet.addresses import load as load_addresses
from toolkit.probes import Probe
from toolkit.reach import routes
from toolkit.transport.ssh import SshTransport
from toolkit.workspace import Workspace


def probes(workspace: Workspace) -> Sequence[Probe]:
    """Return what the audit asks of a laptop; the gateway of the bench is asked the same."""
    config, fleet, known = load_config(workspace), load(workspace, "banc"), catalogue.load()
    tunnel = load_addresses(workspace.commune("banc").addresses, fleet).tunnel
    laptop = fleet.endpoint("banc-portable-2")
    subject = audit.subject_of(config, fleet, known, config.profile, laptop, tunnel)
    return probes_for(known, config.profile, subject)


def _size(answer: Evidence | Failure) -> int:
    if isinstance(answer, Failure):
        sys.exit(answer.detail)
    return sum(len(section.text) for section in answer.sections.values())


def main(folder: str, parallel: str) -> None:
    """Ask them all at once, `parallel` at a time."""
    workspace = Workspace(Path(folder))
    ways = routes(workspace, load(workspace, "banc"))
    asked = dict.fromkeys(ways, probes(workspace))
    with SshTransport() as transport:
        print(sum(_size(answer) for _name, answer in collect(asked, ways.values(), transport, parallel=int(parallel))))


if __name__ == "__main__":
    main(*sys.argv[1:])
