"""What stands around USBGuard decides rightly. No USB bus here: its answers are samples, our program is real."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from toolkit.paths import roles_dir

PROGRAM = roles_dir() / "desktop" / "templates" / "nomade-usbguard.j2"
HUB = 'id 1d6b:0002 serial "0000:00:14.0" name "xHCI" hash "j=" with-interface 09:00:00 with-connect-type ""'
KEYBOARD = 'id 046d:c31c serial "" name "Keyboard" hash "a=" parent-hash "r=" with-interface { 03:01:01 03:00:00 }'
STICK = (
    'id 0951:1666 serial "03:01" name "a with-interface 03:01:01" hash "b=" parent-hash "r=" with-interface 08:06:50'
)
RECEIVER = 'id 046d:c52b serial "" name "with 08:06:50 storage" hash "c=" parent-hash "r=" with-interface { 03:01:01 }'
PRINTER = 'id 04b8:0005 serial " 03:01:01" name "x" hash "d=" parent-hash "r=" with-interface 07:01:02'


class Post:
    """A folder in the place of `/`, with USBGuard's answer and what was asked of systemd."""

    def __init__(self, root: Path, answer: list[str]) -> None:
        self.root = root
        for folder in ("bin", "bus/1-1", "usbguard/rules.d", "run"):
            (root / folder).mkdir(parents=True)
        (root / "bus/1-1/authorized").write_text("0\n")
        (root / "answer").write_text("".join(f"{line}\n" for line in answer))
        self._command("usbguard", f"cat {root}/answer")
        self._command("usbguard-rule-parser", "exit 0")
        self._command("systemctl", f'echo "$@" >> {root}/asked; [ "$1" != is-enabled ] || echo enabled')
        self._command("sleep", "exit 0")
        rules = (PROGRAM.with_name("usbguard.rules.j2")).read_text(encoding="utf-8").partition("{{")[0]
        (root / "usbguard/rules.d/50-nomade.conf").write_text(rules)
        (root / "usbguard/usbguard-daemon.conf").write_text("")
        text = PROGRAM.read_text(encoding="utf-8").replace("/sys/bus/usb/devices", f"{root}/bus")
        (root / "program").write_text(
            text.replace("/etc/usbguard", f"{root}/usbguard").replace("/run/", f"{root}/run/")
        )

    def _command(self, name: str, script: str) -> None:
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def do(self, action: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}
        command = ["sh", str(self.root / "program"), action]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    @property
    def let_in(self) -> bool:
        return (self.root / "bus/1-1/authorized").read_text().strip() == "1"

    @property
    def asked(self) -> str:
        return (self.root / "asked").read_text() if (self.root / "asked").exists() else ""


@pytest.mark.parametrize("device", [KEYBOARD, HUB, RECEIVER])
def test_a_blocked_keyboard_or_hub_stops_usbguard_and_lets_everything_in(tmp_path: Path, device: str) -> None:
    post = Post(tmp_path, [f"7: block {STICK}", f"9: block {device}"])
    assert post.do("guard").returncode == 0
    assert post.let_in
    assert "stop usbguard.service" in post.asked


@pytest.mark.parametrize("devices", [[], [STICK], [PRINTER], [STICK, PRINTER]])
def test_other_devices_stay_blocked_whatever_they_call_themselves(tmp_path: Path, devices: list[str]) -> None:
    post = Post(tmp_path, [f"7: block {device}" for device in devices])
    assert post.do("guard").returncode == 0
    assert not post.let_in
    assert post.asked == ""


def test_a_daemon_that_does_not_answer_is_stopped(tmp_path: Path) -> None:
    post = Post(tmp_path, [])
    (tmp_path / "answer").unlink()
    post.do("guard")
    assert post.let_in


def test_a_stick_that_is_plugged_in_gets_no_rule(tmp_path: Path) -> None:
    post = Post(tmp_path, [f"allow {device}" for device in (HUB, STICK, RECEIVER)])
    assert post.do("ensure").returncode == 0
    kept = (tmp_path / "usbguard/rules.conf").read_text().splitlines()
    assert kept == [f"allow {HUB}", f"allow {RECEIVER}"]
    (tmp_path / "answer").write_text(f"allow {PRINTER}\n")
    assert post.do("ensure").returncode == 0
    assert (tmp_path / "usbguard/rules.conf").read_text().splitlines() == kept, "made once: nothing sneaks in later"


def test_rules_without_the_keyboard_are_not_started(tmp_path: Path) -> None:
    post = Post(tmp_path, [f"allow {HUB}"])
    (tmp_path / "usbguard/rules.d/50-nomade.conf").write_text("allow with-interface match-all { 09:*:* }\n")
    assert post.do("ensure").returncode == 1
    assert post.asked == ""
