"""paramiko without `invoke`, which it imports for one directive of ~/.ssh/config that is never read here.

That import is nearly half of paramiko's start-up, and every audit starts with it.
"""

from __future__ import annotations

import sys

_wanted_by_others = "invoke" in sys.modules
if not _wanted_by_others:
    sys.modules["invoke"] = None  # type: ignore[assignment] # Python's way to say: this import fails, and paramiko copes
import paramiko  # noqa: E402 — the order is the point

if not _wanted_by_others:
    del sys.modules["invoke"]

__all__ = ["paramiko"]
