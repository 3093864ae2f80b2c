#!/usr/bin/python3 -I
# SPDX-License-Identifier: EUPL-1.2
"""Notice a key that is used in two places at once: somebody has a copy. Standard library only; run every minute.

WireGuard answers where a peer was heard last. With one key in two machines that is now here, now there; a laptop that
changes its network goes away and seldom comes back. So what is counted is how often a peer was back, within the hour,
where it had just left. Where that is, is nobody's business: places are kept as keyed digests, in memory, and not told.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

INTERFACE = "wg-nomade"
STATE = Path("/run/nomade-access/places.json")
# For the audit: a key and its count on a line, nothing else.
COUNTS = Path("/run/nomade-access/returns")
HOUR = 3600
MANY = 5


def look(state: dict[str, Any], seen: dict[str, str], now: int) -> dict[str, Any]:
    """Return the state after one look: `seen` has the place of each key, `now` is a Unix time.

    State per key: where it is, where it was before, and the moments at which it came back.
    """
    found: dict[str, Any] = {}
    for key, place in seen.items():
        former = state.get(key, {"here": place, "before": "", "returns": []})
        returns = [moment for moment in former["returns"] if now - HOUR < moment <= now]
        here, before = former["here"], former["before"]
        if place != here:
            returns += [now] if place == before else []
            here, before = place, here
        found[key] = {"here": here, "before": before, "returns": returns}
    return found


def places(text: str, secret: bytes) -> dict[str, str]:
    """Return a digest of each peer's address, without its port, from `wg show … endpoints`; none when never heard."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: _digest(row[1].rpartition(":")[0], secret) for row in rows if len(row) == 2 and row[1] != "(none)"}


def _digest(address: str, secret: bytes) -> str:
    return hmac.new(secret, address.encode(), hashlib.sha256).hexdigest()[:16]


def run(now: int) -> None:
    """Look once; say in the journal when a key becomes one of two places."""
    text = subprocess.run(["wg", "show", INTERFACE, "endpoints"], capture_output=True, text=True, check=True).stdout
    kept = (
        json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {"secret": secrets.token_hex(), "keys": {}}
    )
    keys = look(kept["keys"], places(text, bytes.fromhex(kept["secret"])), now)
    for key, peer in keys.items():
        if len(peer["returns"]) >= MANY > len(kept["keys"].get(key, peer | {"returns": []})["returns"]):
            sys.stdout.write(f"{key}: heard from two places by turns: is there a copy of this key?\n")
    STATE.write_text(json.dumps({"secret": kept["secret"], "keys": keys}), encoding="utf-8")
    COUNTS.write_text("".join(f"{key} {len(peer['returns'])}\n" for key, peer in keys.items()), encoding="utf-8")


if __name__ == "__main__":
    run(int(time.time()))
