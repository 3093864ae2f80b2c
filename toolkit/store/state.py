"""What is known of a commune now: per endpoint the newest evidence, the newest attempt, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from toolkit.finding import EndpointAudit, EndpointStatus


@dataclass(frozen=True, slots=True)
class EndpointState:
    """One endpoint as the store knows it. All moments are in UTC.

    `last` is the newest collected result (`None`: never collected); `since` says from when on each of its controls has
    had the verdict it has; `attempt` is how the newest attempt ended, which may be later than `last`; `silent_since` is
    the first attempt after `last` that failed, `None` while the endpoint answers.
    """

    endpoint: str
    attempt: EndpointStatus
    attempted_at: datetime
    attempt_detail: str = ""
    last: EndpointAudit | None = None
    since: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))
    silent_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class CommuneState:
    """All endpoints of one commune that were ever asked, by name."""

    commune: str
    endpoints: Mapping[str, EndpointState] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Seen:
    """One attempt on one endpoint and what its findings say in numbers; `known_from` is later when judged again.

    `evidence`: it was collected, under the profile that was asked for.
    """

    id: int
    endpoint: str
    kind: str
    status: EndpointStatus
    at: datetime
    known_from: datetime
    evidence: bool
    passed: int
    failed: int
    unjudged: int
