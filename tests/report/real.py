"""A workspace whose store holds what real machines of the lab answered (`tests/probes/data`)."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from toolkit import audit, catalogue, escrow
from toolkit.evaluate import evaluate
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence, Section, SectionStatus
from toolkit.fleet import load, load_config
from toolkit.store import open_store
from toolkit.workspace import Workspace

DATA = Path(__file__).parent.parent / "probes" / "data"
COMMUNE = "pontlierre"


def answers(moment: str, kind: str) -> dict[str, str]:
    """Return what this commune's machine of this kind answered `before` or `after` it was set up, by probe."""
    files = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(DATA.glob(f"{moment}-*-{kind}.json")))
    found: dict[str, str] = next(item["answers"] for item in files if item["endpoint"].startswith(COMMUNE))
    return found


def keep_real(
    workspace: Workspace,
    at: datetime,
    moment: str = "after",
    *,
    silent: str = "",
    changes: dict[str, str] | None = None,
) -> None:
    """Save an audit of the commune at `at`; `changes` replaces answers by probe, `silent` did not answer."""
    config, known, fleet = load_config(workspace), catalogue.load(), load(workspace, COMMUNE)
    kept = escrow.facts(workspace.commune(COMMUNE), (endpoint.name for endpoint in fleet.endpoints))
    parts = []
    for endpoint in fleet.endpoints:
        kind = endpoint.kind.value
        if endpoint.name == silent:
            parts.append(EndpointAudit(endpoint.name, kind, EndpointStatus.UNREACHABLE, "no answer"))
            continue
        texts = answers(moment, kind) | (changes or {})
        evidence = Evidence(
            endpoint.name, at, {name: Section(name, SectionStatus.OK, 0, text) for name, text in texts.items()}
        )
        subject = audit.subject_of(config, fleet, known, config.profile, endpoint, {}, kept)
        findings = evaluate(known, config.profile, evidence, subject)
        parts.append(EndpointAudit(endpoint.name, kind, EndpointStatus.COLLECTED, "", evidence, findings))
    store = open_store(workspace.store_url)
    store.save(Audit(COMMUNE, config.profile, at, at, known.digest, tuple(parts)))
    store.close()
