"""Keep what the machines of a lab answered as test data: `python -m tests.probes.capture WORKSPACE before|after`.

Takes the newest audit of each commune from the workspace's store; run it after a probe's command changed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from toolkit import escrow
from toolkit.audit import subject_of
from toolkit.catalogue import load as load_catalogue
from toolkit.fleet import load, load_config
from toolkit.fleet.addresses import load as load_addresses
from toolkit.store import open_store
from toolkit.workspace import Workspace

DATA = Path(__file__).parent / "data"


def capture(workspace: Workspace, moment: str) -> None:
    """Write one file per release and kind of endpoint."""
    config, catalogue = load_config(workspace), load_catalogue()
    store = open_store(config.store or workspace.store_url)
    for commune in workspace.communes():
        fleet, audit = load(workspace, commune), store.latest(commune)
        tunnel = load_addresses(workspace.commune(commune).addresses, fleet).tunnel
        assert audit is not None
        for part in audit.endpoints:
            endpoint = fleet.endpoint(part.endpoint)
            kept = escrow.facts(workspace.commune(commune), [part.endpoint])
            subject = subject_of(config, fleet, catalogue, audit.profile, endpoint, tunnel, kept)
            assert part.evidence is not None
            answers = {name: section.text for name, section in sorted(part.evidence.sections.items())}
            content = {"endpoint": part.endpoint, "kind": part.kind, "fleet": dict(subject.fleet), "answers": answers}
            text = json.dumps(content, ensure_ascii=False, indent=1)
            (DATA / f"{moment}-{endpoint.os.value}-{part.kind}.json").write_text(text + "\n", encoding="utf-8")
    store.close()


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    capture(Workspace(Path(sys.argv[1])), sys.argv[2])
