"""Quarantine as traffic, through the kernel: what is held, what mends it, and that nobody else notices."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from tests.regime.test_access import ANNA, SCHEDULE, access, at
from tests.regime.test_access_traffic import APPLICATION, DEPOT, PREFIX, Laptop, laptops, load_rules, told

__all__ = ["laptops"]
pytestmark = pytest.mark.lab  # root, ip and nft

PCS = "198.51.100.20"  # an office PC of the sample; the namespace of the office has its address
FREE = SCHEDULE | {"enforced": False, "peers": []}


def hold(*addresses: str, schedule: dict[str, object] = FREE, moment: str = "2026-03-02 10:00") -> None:
    members = [{"name": address, "address": address} for address in addresses]
    load_rules(access.ruleset(schedule | {"quarantine": members}, at(moment)))


def test_who_is_held_reaches_what_mends_it_and_nobody_else_notices(laptops: tuple[Laptop, Laptop]) -> None:
    held, other = laptops
    hold()
    for laptop in laptops:
        assert told(laptop, f"open {APPLICATION} 443")
    hold("10.77.9.2")
    assert not told(held, "talk"), "what was open ends at once"
    assert not told(held, f"new {APPLICATION} 443")
    assert told(held, f"new {DEPOT} 3142"), "updates go on"
    assert told(other, "talk"), "the connection of another one goes on"
    assert told(other, f"new {APPLICATION} 443")
    hold()
    assert told(held, f"new {APPLICATION} 443")
    assert told(other, "talk")


def test_an_office_pc_that_is_held_is_reached_from_no_laptop(laptops: tuple[Laptop, Laptop]) -> None:
    laptop = laptops[0]
    assert told(laptop, f"open {PCS} 443")
    hold(PCS)
    assert not told(laptop, "talk")
    assert not told(laptop, f"new {PCS} 443")
    assert told(laptop, f"new {APPLICATION} 443"), "what it is held for does not hold its laptop"


def test_the_gateway_reaches_who_is_held_for_administration(laptops: tuple[Laptop, Laptop]) -> None:
    assert laptops
    hold("10.77.9.2")
    # Nothing listens there: its refusal is an answer, which a dropped packet never gets.
    knock = "import socket; print(socket.socket().connect_ex(('10.77.9.2', 22)))"
    command = ["ip", "netns", "exec", f"{PREFIX}-g", sys.executable, "-c", knock]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    assert int(done.stdout) == errno.ECONNREFUSED


def test_neither_an_open_window_nor_an_emergency_lets_out_who_is_held(laptops: tuple[Laptop, Laptop]) -> None:
    for schedule in (SCHEDULE, SCHEDULE | {"emergency_until": "9999-12-31"}):
        hold(schedule=schedule)
        assert told(laptops[0], f"new {APPLICATION} 443")
        hold(str(ANNA["address"]), schedule=schedule)
        assert not told(laptops[0], f"new {APPLICATION} 443")
