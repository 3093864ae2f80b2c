"""One key per name, never replaced in silence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.sshd import make_key
from toolkit.errors import BadInputError
from toolkit.transport.base import HostKeyChangedError
from toolkit.transport.known_hosts import HostKey, entries, pin, pins


@pytest.fixture
def keys(tmp_path: Path) -> list[HostKey]:
    lines = []
    for name in ("a", "b"):
        public = make_key(tmp_path / name).with_suffix(".pub").read_text()
        lines.append(f"{name} {' '.join(public.split()[:2])}\n")
    (tmp_path / "lot").write_text("".join(lines))
    return [key for _name, key in entries(tmp_path / "lot")]


def test_fingerprint_is_that_of_ssh_keygen(tmp_path: Path, keys: list[HostKey]) -> None:
    printed = subprocess.run(["ssh-keygen", "-lf", tmp_path / "a.pub"], capture_output=True, check=True, text=True)
    assert printed.stdout.split()[1] == keys[0].fingerprint


def test_pin_is_idempotent_sorted_and_read_by_openssh(tmp_path: Path, keys: list[HostKey]) -> None:
    file = tmp_path / "known_hosts"
    pin(file, "zoe", keys[0])
    pin(file, "ana", keys[1])
    before = file.read_bytes()
    pin(file, "zoe", keys[0])
    assert file.read_bytes() == before
    assert dict(pins(file)) == {"ana": keys[1], "zoe": keys[0]}
    found = subprocess.run(["ssh-keygen", "-F", "zoe", "-f", file], capture_output=True, check=False)
    assert found.returncode == 0


def test_other_key_under_the_same_name_is_refused(tmp_path: Path, keys: list[HostKey]) -> None:
    file = tmp_path / "known_hosts"
    pin(file, "ana", keys[0])
    with pytest.raises(HostKeyChangedError):
        pin(file, "ana", keys[1])
    assert dict(pins(file)) == {"ana": keys[0]}


def test_two_keys_for_one_name_in_the_file_are_refused(tmp_path: Path, keys: list[HostKey]) -> None:
    (tmp_path / "known_hosts").write_text(keys[0].line("ana") + keys[1].line("ana"))
    with pytest.raises(BadInputError, match="ana"):
        pins(tmp_path / "known_hosts")


@pytest.mark.parametrize(
    "line",
    [
        "ana",
        "ana ssh-ed25519",
        "ana ssh-ed25519 AAAA",
        "ana ssh-ed25519 %%%",
        "@cert-authority * ssh-ed25519 AAAA",
        "|1|abc=|def= ssh-ed25519 AAAA",
    ],
)
def test_line_that_could_hide_something_is_refused_with_its_place(tmp_path: Path, line: str) -> None:
    (tmp_path / "known_hosts").write_text(f"# comment\n\n{line}\n")
    with pytest.raises(BadInputError, match=r"known_hosts:3:1"):
        pins(tmp_path / "known_hosts")


def test_keys_of_other_types_in_a_lot_are_passed_over(tmp_path: Path, keys: list[HostKey]) -> None:
    (tmp_path / "lot").write_text("ana,10.0.0.1 ssh-rsa AAAAB3\n" + keys[0].line("ana,10.0.0.1"))
    assert list(entries(tmp_path / "lot")) == [("ana", keys[0]), ("10.0.0.1", keys[0])]
