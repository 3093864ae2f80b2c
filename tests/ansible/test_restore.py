"""What was written down of an endpoint leads back to what it was; its units are tested on a machine (tests/e2e)."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.ansible.conftest import Install

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sets owners: needs root")
GUARD = {"name": "door", "reload": "true"}


def nothing(_words: list[str]) -> tuple[int, str, str]:
    raise AssertionError("nothing is to be run here")


def test_files_and_folders_go_back_to_what_they_were(install: Install, restore: ModuleType, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir(mode=0o750)
    (etc / "there").write_text("vendor")
    (etc / "there").chmod(0o640)
    os.chown(etc / "there", 12345, 12345)  # somebody without a name
    (etc / "unwanted").write_text("old")
    entries: list[dict[str, Any]] = [
        {"dest": str(etc), "state": "directory", "mode": "0700"},
        {"dest": str(etc / "there"), "content": "ours"},
        {"dest": str(etc / "unwanted"), "state": "absent"},
        {"dest": str(etc / "deep" / "er" / "made"), "content": "ours"},
    ]
    install(*entries)
    install(*(entry | {"content": "ours again"} for entry in entries if "content" in entry))
    steps = restore.Steps(nothing, check=False)
    install(*steps.files()["files"])
    found = (etc / "there").stat()
    assert ((etc / "there").read_text(), found.st_uid, stat.S_IMODE(found.st_mode)) == ("vendor", 12345, 0o640)
    assert (etc / "unwanted").read_text() == "old"
    assert stat.S_IMODE(etc.stat().st_mode) == 0o750
    assert not (etc / "deep" / "er" / "made").exists()
    assert install(*restore.Steps(nothing, check=False).files()["files"]).changed == []
    for folder in (etc / "deep" / "er", etc / "deep"):
        steps._take_folder(str(folder))
    assert not (etc / "deep").exists()


def test_the_way_in_and_what_is_guarded_stand_apart(ledger: ModuleType, restore: ModuleType) -> None:
    ledger.keep("/etc/plain", None)
    ledger.keep("/etc/wireguard/nomade.conf", None)
    ledger.keep("/etc/door", None, guard=GUARD | {"timeout": 60})
    sets = restore.Steps(nothing, check=True).files()
    assert [entry["dest"] for entry in sets["files"]] == ["/etc/plain"]
    assert sets["guards"] == [{"guard": GUARD, "files": [{"dest": "/etc/door", "state": "absent"}]}]


def test_a_secret_that_was_there_is_left_and_said(
    install: Install, restore: ModuleType, tmp_path: Path, undo: Path
) -> None:
    (tmp_path / "key").write_text("theirs")
    install({"dest": str(tmp_path / "key"), "content": "ours", "secret": True})
    steps = restore.Steps(nothing, check=False)
    assert steps.files() == {"files": [], "guards": []}
    assert steps.left == [f"{tmp_path / 'key'}: held a secret, which was not kept"]
    assert "theirs" not in "".join(path.read_text() for path in undo.rglob("*") if path.is_file())


@pytest.mark.parametrize("record", ["{", "[]", '{"path": "/etc/shadow"}'])
def test_a_damaged_record_is_refused(restore: ModuleType, ledger: ModuleType, undo: Path, record: str) -> None:
    ledger.keep("/etc/a", None)
    (undo / "%2Fetc%2Fa" / "original.json").write_text(record)
    with pytest.raises(ValueError, match=r"original\.json|Expecting"):
        restore.Steps(nothing, check=False)


def test_what_was_installed_for_roles_is_told_from_what_was_there(ledger: ModuleType) -> None:
    there = ledger.installed_packages()[0]
    ledger.note_packages([there, "no-such-package"], ["telnet"])
    ledger.note_packages(["another"], [])
    assert ledger.packages() == {"installed": ["another", "no-such-package"], "removed": ["telnet"]}


def test_a_file_whose_package_was_purged_is_not_put_back(
    install: Install, ledger: ModuleType, restore: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "conf").write_text("of the package")
    install({"dest": str(tmp_path / "conf"), "content": "ours"})
    ledger.note_purged(["dpkg"])
    assert "/usr/bin/dpkg" in Path(ledger.PURGED).read_text()
    assert restore.Steps(nothing, check=False).files()["files"][0]["content"] == "of the package"
    ledger.write(ledger.PURGED, f'["{tmp_path / "conf"}"]'.encode())
    assert restore.Steps(nothing, check=False).files()["files"] == [{"dest": str(tmp_path / "conf"), "state": "absent"}]
