"""A real FreeRDP client on the laptop opens the teleworker's session on the office PC, through the tunnel.

Also who is refused, what wrong passwords lead to, and an office PC that is off: woken, or back after a power cut.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import Nomade
from tests.e2e.desk import GREEN, PASSWORD, Desk
from tests.e2e.network import captured_on_the_way, reachable, unplugged
from toolkit import fleet

pytestmark = pytest.mark.lab

BLACK = (0, 0, 0)
CERTIFICATE = "/usr/local/share/nomade/office-pc.crt"
# What the console hears: logind asks each session of it to lock, by this signal.
LOCKS = "busctl monitor --match=\"type='signal',interface='org.freedesktop.login1.Session',member='Lock'\""

# What is slow and the same on both releases is shown on one.
ONCE = pytest.mark.parametrize("desk", ["pontlierre"], indirect=True)


def test_the_teleworker_sees_the_office_desktop(desk: Desk, artefacts: Path) -> None:
    desk.open_session()
    deadline = time.monotonic() + 60
    while (picture := desk.picture()).share(GREEN) < 0.4 or picture.share(BLACK) < 0.01:  # ground and window
        if time.monotonic() > deadline:
            break
        time.sleep(1)
    (artefacts / f"session-{desk.laptop}.png").write_bytes(picture.png())
    assert picture.share(GREEN) > 0.4, desk.said()
    assert picture.share(BLACK) > 0.01, "no window"
    assert desk.login in desk.run(desk.office_pc, "loginctl list-users --no-legend; who").decode()


def test_another_certificate_is_refused(desk: Desk) -> None:
    desk.run(desk.laptop, f"cp --archive {CERTIFICATE} /run/pinned")
    try:
        desk.run(
            desk.laptop,
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout /dev/null "
            f"-out /run/other 2> /dev/null; cat /run/other > {CERTIFICATE}",
        )
        desk.open_session()
        deadline = time.monotonic() + 30
        while "n'est pas votre poste de bureau" not in desk.said():
            assert time.monotonic() < deadline, desk.said()
            time.sleep(1)
        assert desk.picture().share(GREEN) < 0.01
    finally:
        desk.run(desk.laptop, f"cat /run/pinned > {CERTIFICATE}")


def test_a_colleague_is_refused_before_the_password_is_asked(desk: Desk) -> None:
    desk.run(desk.office_pc, "useradd --create-home collegue; chpasswd", f"collegue:{PASSWORD}\n")
    try:
        desk.client("/u:collegue")
        said = desk.run(desk.office_pc, "journalctl -u xrdp-sesman --since -1min --no-pager").decode()
        assert "collegue" in said
        assert "collegue" not in desk.run(desk.office_pc, "loginctl list-users --no-legend").decode()
        assert b" V\n" not in desk.run(desk.office_pc, "faillock --user collegue"), "guessing locks nobody else"
    finally:
        desk.run(desk.office_pc, "faillock --user collegue --reset; userdel --remove collegue 2> /dev/null")


@ONCE
def test_wrong_passwords_lock_the_account_and_show(desk: Desk) -> None:
    assert desk.guesses()["locked_out"] == []
    try:
        for _ in range(5):
            desk.client(f"/u:{desk.login}", password="Douze-lierres-secs-4", seconds=5)
        found = desk.guesses()
        assert (found["counted"], found["locked_out"]) == (True, [desk.login])
        desk.open_session()
        assert not desk.green(12), "the right password does not help while the account is locked"
    finally:
        desk.run(desk.office_pc, f"faillock --user {desk.login} --reset")
    assert desk.guesses()["locked_out"] == []
    desk.open_session()
    assert desk.green(), desk.said()


@ONCE
def test_the_console_locks_whenever_somebody_connects_and_drives_stay_out(desk: Desk) -> None:
    seat = "--property=PAMName=login --setenv=XDG_SEAT=seat0 --setenv=XDG_SESSION_CLASS=user"
    session = f"systemd-run --quiet --collect --unit=lab-console {seat}"
    desk.run(desk.office_pc, f"{session} --uid={desk.login} sleep 600")
    desk.run(desk.office_pc, f"systemd-run --quiet --collect --unit=lab-locks {LOCKS}")
    try:
        deadline = time.monotonic() + 10
        while not (console := desk.run(desk.office_pc, "loginctl show-seat seat0 -p Sessions --value").split()):
            assert time.monotonic() < deadline, "no session at the console"
            time.sleep(0.5)
        desk.client(f"/u:{desk.login}", "/drive:portable,/usr/share", seconds=15)
        heard = desk.run(desk.office_pc, "journalctl --unit=lab-locks --no-pager --output=cat").decode()
        assert heard.count("Member=Lock") >= len(console), heard
        shared = desk.run(desk.office_pc, f"find ~{desk.login}/thinclient_drives -mindepth 1 2> /dev/null || true")
        assert shared == b"", "the laptop's files are in the session"
    finally:
        desk.run(desk.office_pc, "systemctl stop lab-console lab-locks 2> /dev/null || true")


def test_the_gateway_wakes_an_office_pc_for_the_administrator(desk: Desk, nomade: Nomade, tmp_path: Path) -> None:
    commune = fleet.load(desk.lab.workspace, desk.office_pc.partition("-")[0])
    pc = next(pc for pc in commune.office_pcs if pc.name == desk.office_pc)
    packet = b"\xff" * 6 + bytes.fromhex((pc.mac or "").replace(":", "")) * 16
    file = tmp_path / "wake.pcap"
    with captured_on_the_way(desk.lab, f"office-{commune.commune.id}", "udp port 9", file) as seen:
        done = nomade(desk.lab.workspace, "wake", desk.office_pc)
    assert done.returncode == 0, done.stderr
    assert "awake" in done.stderr
    assert all(f"{commune.gateway.office.address}." in line for line in seen)
    assert file.read_bytes().count(packet) == len(seen) > 0
    asked = (commune.gateway.office.address, 9), (commune.gateway.public.address, 9)
    assert not any(reachable(desk.lab, desk.office_pc, *asked).values()), "who is not in the tunnel asks for nothing"


@ONCE
def test_the_launcher_has_the_office_pc_woken_and_waits_for_it(desk: Desk, artefacts: Path, tmp_path: Path) -> None:
    commune = fleet.load(desk.lab.workspace, desk.office_pc.partition("-")[0])
    network, file = f"office-{commune.commune.id}", tmp_path / "wake.pcap"
    with captured_on_the_way(desk.lab, network, "udp port 9", file) as sent:
        with unplugged(desk.lab, desk.office_pc, network):
            desk.open_session()
            deadline = time.monotonic() + 30
            while "il démarre" not in desk.said():
                assert time.monotonic() < deadline, desk.said()
                time.sleep(1)
            time.sleep(2)  # the window is drawn
            (artefacts / f"waking-{desk.laptop}.png").write_bytes(desk.picture().png())
        assert desk.green(150), desk.said()
    assert len(sent) >= 3, "no magic packet"


@ONCE
def test_after_a_power_cut_the_office_pc_takes_sessions_again(desk: Desk) -> None:
    desk.lab.restart(desk.office_pc, kill=True)
    desk.open_session()
    assert desk.green(120), desk.said()
