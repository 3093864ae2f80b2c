"""The gateway's program that wakes office PCs: what it sends, and for whom."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.programs import module_of
from tests.regime.test_access import SCHEDULE, access, at
from toolkit.paths import roles_dir

MAC = "02:00:00:99:00:01"
ANYBODY: dict[str, Any] = {"open": None, "held": []}
PACKET = bytes.fromhex("ff" * 6 + "020000990001" * 16)


def _program() -> ModuleType:
    return module_of(roles_dir() / "vpn_gateway/files/nomade_wake.py")


@pytest.fixture
def places() -> dict[str, Any]:
    """One PC that a laptop may wake and one that none may; packets go to this machine's loopback."""
    return {
        "port": 9,
        "source": "127.0.0.1",
        "broadcast": "127.255.255.255",
        "pcs": [
            {"name": "bureau-1", "mac": MAC, "address": "127.0.0.1", "laptop": "10.77.9.2"},
            {"name": "bureau-2", "mac": "02:00:00:99:00:02", "address": "127.0.0.2"},
        ],
    }


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A socket on which packets sent to everybody on the loopback arrive."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.255.255.255", 0))
    listener.settimeout(2)
    program = _program()
    monkeypatch.setattr(program, "PORT", listener.getsockname()[1])
    monkeypatch.setitem(sys.modules, "nomade_wake", program)
    return listener


def test_the_magic_packet_is_six_times_ff_then_sixteen_times_the_address() -> None:
    assert _program().magic_packet(MAC) == PACKET
    assert _program().magic_packet("02-00-00-99-00-01".upper()) == PACKET


@pytest.mark.parametrize("mac", ["", "02:00:00:99:00", "02:00:00:99:00:01:02", "zz:00:00:99:00:01"])
def test_what_is_no_address_of_a_card_is_refused(mac: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        _program().magic_packet(mac)


def test_a_laptop_wakes_its_own_pc_and_is_told(places: dict[str, Any], heard: socket.socket) -> None:
    program = sys.modules["nomade_wake"]
    assert program.asked(places, "10.77.9.2", ANYBODY) == "sent"
    assert [heard.recv(2000) for _ in range(program.REPEATS)] == [PACKET] * program.REPEATS


@pytest.mark.parametrize("stranger", ["", "10.77.9.3", "127.0.0.2"])
def test_nobody_else_wakes_anything(stranger: str, places: dict[str, Any], heard: socket.socket) -> None:
    assert sys.modules["nomade_wake"].asked(places, stranger, ANYBODY) == "none"
    nothing_came(heard)


def nothing_came(heard: socket.socket) -> None:
    heard.settimeout(0.3)
    with pytest.raises(TimeoutError):
        heard.recv(2000)


@pytest.mark.parametrize(
    ("callers", "said"),
    [
        ({"open": {}, "held": []}, "closed"),
        ({"open": {"10.77.9.3": 4e9}, "held": []}, "closed"),
        ({"open": {"10.77.9.2": 1}, "held": []}, "closed"),  # the program that writes it stopped; the window ended
        ({"open": {"10.77.9.2": 4e9}, "held": ["10.77.9.2"]}, "held"),
        ({"open": None, "held": ["127.0.0.1"]}, "held"),  # the office PC itself
        (None, "none"),
    ],
)
def test_out_of_its_hours_or_in_quarantine_a_laptop_wakes_nothing_and_is_told(
    callers: dict[str, Any] | None, said: str, places: dict[str, Any], heard: socket.socket
) -> None:
    assert sys.modules["nomade_wake"].asked(places, "10.77.9.2", callers) == said
    nothing_came(heard)


@pytest.mark.parametrize(
    ("moment", "refused"),
    [
        ("2026-03-02 08:00", ""),
        ("2026-03-02 18:05", "closed"),  # the grace is for what is open already
        ("2026-03-02 22:00", "closed"),
        ("2026-03-04 10:00", "closed"),
    ],
)
def test_who_may_wake_is_who_may_open_a_remote_desktop(moment: str, refused: str) -> None:
    now = at(moment)
    known = json.loads(json.dumps(access.callers(SCHEDULE, now)))
    assert _program().refusal(known, "10.77.9.2", "198.51.100.20", now.timestamp()) == refused
    emergency = access.callers(SCHEDULE | {"enforced": False}, now)
    assert _program().refusal(emergency, "10.77.9.2", "198.51.100.20", now.timestamp()) == ""
    held = access.callers(SCHEDULE | {"quarantine": [{"name": "p1", "address": "10.77.9.2"}]}, now)
    assert _program().refusal(held, "10.77.9.2", "198.51.100.20", now.timestamp()) == "held"


def test_a_window_ends_for_waking_too_when_nothing_is_decided_any_more() -> None:
    known = access.callers(SCHEDULE, at("2026-03-02 17:00"))
    may = [
        _program().refusal(known, "10.77.9.2", "", at(f"2026-03-02 {hour}").timestamp()) for hour in ("17:59", "18:00")
    ]
    assert may == ["", "closed"]


def test_whoever_asks_is_known_by_the_connection_alone(places: dict[str, Any], tmp_path: Path) -> None:
    """As systemd runs it: the peer's address in the environment, and whatever it sends unread."""
    file = tmp_path / "wake.json"
    file.write_text(json.dumps(places), encoding="utf-8")
    program = (roles_dir() / "vpn_gateway/files/nomade_wake.py").read_text(encoding="utf-8")
    own = tmp_path / "nomade-wake"
    own.write_text(program.replace("/etc/nomade/wake.json", str(file)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", str(own)],
        env={"REMOTE_ADDR": "10.77.9.9"},
        input=f"10.77.9.2 {MAC}\n" * 1000,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "none\n", "")


def test_the_administrator_learns_whether_the_pc_answered(
    places: dict[str, Any], heard: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = sys.modules["nomade_wake"]
    assert program.wake(MAC, "127.0.0.1", places, 5) == 0
    assert heard.recv(2000) == PACKET
    assert program.wake(MAC, "127.0.0.1", places, 0) == 0
    monkeypatch.setattr(program, "answers", lambda _address: False)
    assert program.wake(MAC, "127.0.0.1", places, 1) == program.SILENT
