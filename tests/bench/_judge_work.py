"""The work that `tests.bench.judge` measures, each in a process of its own: prints processor seconds and verdicts."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit import catalogue, rejudge
from toolkit.audit import Request
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence, Section, SectionStatus
from toolkit.fleet import load_all
from toolkit.fleet.model import Endpoint
from toolkit.store import open_store
from toolkit.store.batches import batches
from toolkit.workspace import Workspace

COMMUNE, PROFILE = "grande", "nomade"
_ANSWERS = Path(__file__).parent.parent / "probes" / "data"


def _evidence(endpoint: Endpoint, at: datetime, known: dict[str, Any]) -> Evidence:
    """Return real outputs of a machine of this kind.

    All of a kind answer alike, as machines set up by the same roles nearly do: what is worked out once for equal
    answers counts for more here than in a real fleet. Where no two are equal, a verdict costs three times as much.
    """
    sections = {
        name: Section(name, SectionStatus.OK, 0, text) for name, text in known[endpoint.kind.value]["answers"].items()
    }
    return Evidence(endpoint.name, at, sections)


def fill(workspace: Workspace) -> None:
    """Keep one collection of every endpoint, without findings: those are what is measured."""
    _config, (fleet,) = load_all(workspace, [COMMUNE])
    known = {
        kind: json.loads((_ANSWERS / f"after-debian-12-{kind}.json").read_text(encoding="utf-8"))
        for kind in ("gateway", "laptop", "office_pc")
    }
    at = datetime.now(UTC)
    store = open_store(workspace.store_url)
    recording = store.begin(Audit(COMMUNE, PROFILE, at, at, "0" * 64))
    for batch in batches(fleet.endpoints, 500):
        parts = [
            EndpointAudit(item.name, item.kind.value, EndpointStatus.COLLECTED, "", _evidence(item, at, known))
            for item in batch
        ]
        recording.add(parts, at)
    recording.finish(at)
    store.close()


def judge(workspace: Workspace) -> int:
    """Judge what is stored by the controls of the profile and return the number of verdicts; nothing is kept."""
    return sum(len(part.findings) for part in _parts(workspace, keep=False))


def keep(workspace: Workspace) -> int:
    """Judge and keep each judgement in the store, as `nomade audit --from` does."""
    return sum(len(part.findings) for part in _parts(workspace, keep=True))


def _parts(workspace: Workspace, *, keep: bool) -> Iterator[EndpointAudit]:
    config, (fleet,) = load_all(workspace, [COMMUNE])
    worker = rejudge.Judge(workspace, config, fleet, catalogue.load(), Request())
    store = open_store(workspace.store_url)
    yield from (
        rejudge.judged(worker, store, rejudge.Source()) if keep else worker.parts(store.evidence(COMMUNE, PROFILE))
    )
    store.close()


if __name__ == "__main__":
    given = Workspace(Path(sys.argv[2]))
    if sys.argv[1] == "fill":
        fill(given)
        sys.exit()
    start = time.process_time()
    count = {"judge": judge, "keep": keep}[sys.argv[1]](given)
    print(time.process_time() - start, count)
