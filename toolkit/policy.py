"""What a commune accepts and how old its evidence may be: overlays of what was found, which never hide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from toolkit import waiver_file
from toolkit.finding import Audit, EndpointAudit, Finding, Verdict
from toolkit.fleet import Config, Fleet, load, load_config
from toolkit.report.judgement import is_stale
from toolkit.waivers import Waiver, covering
from toolkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Policy:
    """The waivers of a commune, and after how many days evidence is stale (None: never)."""

    waivers: Sequence[Waiver] = ()
    freshness_days: int | None = None
    quarantine: bool = False
    """Whether an endpoint that does not meet it is put in quarantine."""


def freshness_days(config: Config, fleet: Fleet) -> int:
    """Return after how many days evidence of this commune is stale."""
    return fleet.commune.freshness_days or config.freshness_days


def policies(
    workspace: Workspace, communes: Sequence[str], now: datetime, max_age: int | None = None
) -> Mapping[str, Policy]:
    """Return the policy of each commune; `max_age` (days) instead of its own limit.

    Raises:
        ProblemsError: everything wrong in `nomade.yml`, a fleet file or a file of waivers.
    """
    config = load_config(workspace)
    found = {}
    for commune in communes:
        fleet = load(workspace, commune)
        waivers = waiver_file.load(workspace, fleet, now)
        found[commune] = Policy(waivers, max_age or freshness_days(config, fleet), fleet.quarantine)
    return found


def overlaid(audit: Audit, policy: Policy, now: datetime) -> Audit:
    """Return the audit with its findings marked as waived and stale at `now`; verdicts stay as they are."""
    return replace(audit, endpoints=tuple(_part(part, policy, now) for part in audit.endpoints))


def _part(part: EndpointAudit, policy: Policy, now: datetime) -> EndpointAudit:
    stale = part.evidence is not None and is_stale(part.evidence.collected_at, now, policy.freshness_days)
    if not stale and not policy.waivers:
        return part
    return replace(part, findings=tuple(_finding(item, part.kind, policy, now, stale) for item in part.findings))


def _finding(item: Finding, kind: str, policy: Policy, now: datetime, stale: bool) -> Finding:
    fails = item.verdict is Verdict.FAIL
    waived = fails and covering(policy.waivers, item.control, item.endpoint, kind, now) is not None
    return replace(item, waived=waived, stale=stale)
