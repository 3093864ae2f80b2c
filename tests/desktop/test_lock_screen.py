"""GNOME itself locks when it is told to, in a session of the laptop's teleworker."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desktop.conftest import LAPTOPS, LOGINS, Hardened

pytestmark = pytest.mark.lab

SESSION = Path(__file__).with_name("session.sh").read_text(encoding="utf-8")


@pytest.mark.parametrize("host", LAPTOPS)
def test_the_session_locks(hardened: Hardened, host: str) -> None:
    done = hardened.lab.exec(host, ["sh", "-s", LOGINS[host]], stdin=SESSION.encode(), timeout=240)
    assert done.stdout.split() == [b"before", b"no", b"after", b"yes"], done.stdout + done.stderr
