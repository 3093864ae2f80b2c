"""Who belongs in quarantine, from what the store knows. Pure: no clock, disk or network.

What cannot be judged changes nothing: who is in stays in, who is out stays out, and it is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from toolkit.finding import EndpointAudit, EndpointStatus, Severity, Verdict
from toolkit.fleet import Fleet
from toolkit.paris import day_of
from toolkit.policy import Policy
from toolkit.quarantine.register import Cause, Held
from toolkit.report.judgement import is_stale
from toolkit.store.state import CommuneState, EndpointState
from toolkit.waivers import covering

# Evidence of a day to come: the control machine's clock is wrong, and with it every age.
_CLOCK_ERROR = timedelta(days=1)


class Doubt(StrEnum):
    """Why nothing can be decided of an endpoint."""

    NO_AUDIT = "no_audit"  # nothing of the whole commune is known: another store, another profile
    PROFILE = "profile"  # it answered under another profile only
    UNJUDGED = "unjudged"  # a critical control ended in error, or none was judged
    CLOCK = "clock"  # its evidence is of a day to come


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is held, by name in the order of the fleet file, and of whom nothing could be decided."""

    held: Mapping[str, Held]
    doubts: Mapping[str, Doubt]


def decide(fleet: Fleet, state: CommuneState, policy: Policy, before: Mapping[str, Held], now: datetime) -> Decision:
    """Return who is in quarantine at `now` (UTC).

    `state` is what the store knows under the workspace's profile, `before` who is in quarantine until now. Failures
    that are waived do not count. A release (`nomade quarantine release`) covers to the end of its last day in Paris.
    """
    if not fleet.quarantine:
        return Decision({}, {})
    held: dict[str, Held] = {}
    doubts: dict[str, Doubt] = {}
    blind = all(known.last is None for known in state.endpoints.values())
    released = set(_released(fleet, now))
    for name in subjects(fleet):
        if name in released:
            continue
        found = Doubt.NO_AUDIT if blind else _judged(name, state.endpoints.get(name), policy, now)
        if isinstance(found, Doubt):
            doubts[name] = found
            if name in before:
                held[name] = before[name]
        elif found is not None:
            held[name] = _kept(before.get(name), Held(found[0], now, found[1]))
    return Decision(held, doubts)


def subjects(fleet: Fleet) -> Iterator[str]:
    """Yield who can be in quarantine: the laptops that the gateway lets in, and the office PCs they lead to."""
    yield from (laptop.name for laptop in fleet.peers)
    managed = {endpoint.name for endpoint in fleet.endpoints}
    yield from (pc.name for pc in fleet.office_pcs if pc.name in managed and fleet.post_of(pc.name))


def _released(fleet: Fleet, now: datetime) -> Iterator[str]:
    today = day_of(now).isoformat()
    yield from (item.endpoint for item in fleet.quarantine_releases if today <= item.until)


def _judged(
    name: str, known: EndpointState | None, policy: Policy, now: datetime
) -> tuple[Cause, tuple[str, ...]] | Doubt | None:
    """Return why an endpoint is held, why that cannot be said, or None when it is well."""
    if known is None or known.last is None or known.last.evidence is None:
        other = known is not None and known.attempt is EndpointStatus.COLLECTED
        return Doubt.PROFILE if other else (Cause.NEVER, ())
    collected = known.last.evidence.collected_at
    if collected > now + _CLOCK_ERROR:
        return Doubt.CLOCK
    if is_stale(collected, now, policy.freshness_days):
        return Cause.STALE, ()
    return _critical(name, known.last, policy, now)


def _critical(
    name: str, last: EndpointAudit, policy: Policy, now: datetime
) -> tuple[Cause, tuple[str, ...]] | Doubt | None:
    critical = [item for item in last.findings if item.severity is Severity.CRITICAL]
    failed = [item.control for item in critical if item.verdict is Verdict.FAIL]
    broken = [item for item in failed if covering(policy.waivers, item, name, last.kind, now) is None]
    if broken:
        return Cause.CRITICAL, tuple(sorted(broken))
    judged = any(item.verdict in (Verdict.PASS, Verdict.FAIL) for item in critical)
    if not judged or any(item.verdict is Verdict.ERROR for item in critical):
        return Doubt.UNJUDGED
    return None


def _kept(before: Held | None, now: Held) -> Held:
    """Return the entry with the day it began; what the desktop was told counts while the reason is the same."""
    if before is None:
        return now
    return Held(now.cause, before.since, now.controls, before.told and before.reason == now.reason)
