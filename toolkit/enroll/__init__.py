"""First contact: verify and pin the host key, create the management account, prove it by logging in anew."""

from __future__ import annotations

from toolkit.enroll.account import management_public_key
from toolkit.enroll.handover import handover
from toolkit.enroll.steps import Bootstrap, Outcome, State, enroll
from toolkit.enroll.trust import Trust, by_asking, by_fingerprint, by_known_hosts

__all__ = [
    "Bootstrap",
    "Outcome",
    "State",
    "Trust",
    "by_asking",
    "by_fingerprint",
    "by_known_hosts",
    "enroll",
    "handover",
    "management_public_key",
]
