"""Which key a laptop changes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.transport.base import Result, Route
from toolkit.vpn import rotate

WAY = Route("poste", "127.0.0.1", 22, "root", Path("cle"), Path("connues"))
MADE, WAITING = "bmV3LWtleS1tYWRlLW9uLXRoZS1sYXB0b3AtMDAwMDA=", "d2FpdGluZy1rZXktb2YtYW4tZWFybGllci1jaGFuZ2U="


class Laptop:
    """Answers with a new key, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def run(self, _route: Route, script: str, *, timeout: float, limit: int) -> Result:
        self.told.append(script)
        return Result(0, f"{MADE}\n".encode(), b"")


@pytest.mark.parametrize(
    ("waiting", "revoked", "key", "asked"),
    [(WAITING, {}, WAITING, False), (WAITING, {WAITING: "poste"}, MADE, True), (None, {}, MADE, True)],
)
def test_a_key_that_was_refused_meanwhile_is_made_anew(
    waiting: str | None, revoked: dict[str, str], key: str, asked: bool
) -> None:
    laptop = Laptop()
    assert rotate._next(laptop, WAY, rotate._There("present", waiting), revoked) == key
    assert bool(laptop.told) is asked
    assert all("rm -f /etc/wireguard/nomade.key.next" in script for script in laptop.told)
