"""The telework set still works after the whole hardening, item by item; a failing item names itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.desktop.conftest import LAPTOPS, Hardened

pytestmark = pytest.mark.lab

ITEMS: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("telework.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("host", LAPTOPS)
@pytest.mark.parametrize("item", ITEMS)
def test_kept(hardened: Hardened, host: str, item: str) -> None:
    run = hardened.root if ITEMS[item].get("root") else hardened.user
    done = run(host, ITEMS[item]["run"])
    assert done.returncode == 0, f"{item} ({ITEMS[item]['source']}): {done.stdout!r} {done.stderr[-600:]!r}"


BREAKS = {
    "modules-of-telework-not-blacklisted": "echo 'blacklist uvcvideo' > /etc/modprobe.d/zz-essai.conf",
    "lock-screen-can-check-the-password": "chmod g-s /usr/sbin/unix_chkpwd",
    "sleep-not-masked": "systemctl --quiet mask suspend.target",
    "printing-answers-its-user": "systemctl --quiet stop cups.socket cups.path cups.service",
}
MENDS = {
    "modules-of-telework-not-blacklisted": "rm /etc/modprobe.d/zz-essai.conf",
    "lock-screen-can-check-the-password": "chmod 2755 /usr/sbin/unix_chkpwd",
    "sleep-not-masked": "systemctl --quiet unmask suspend.target",
    "printing-answers-its-user": "systemctl --quiet start cups.socket cups.path cups.service",
}


@pytest.mark.parametrize("item", BREAKS)
def test_the_item_would_name_itself(hardened: Hardened, item: str) -> None:
    host = LAPTOPS[0]
    assert hardened.root(host, BREAKS[item]).returncode == 0
    try:
        run = hardened.root if ITEMS[item].get("root") else hardened.user
        assert run(host, ITEMS[item]["run"]).returncode != 0
    finally:
        assert hardened.root(host, MENDS[item]).returncode == 0
