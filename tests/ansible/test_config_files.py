"""config_files: all of the set or nothing, whole files, nothing followed, earlier versions kept."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.ansible.conftest import Install, leftovers

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sets owners: needs root")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused(files: ModuleType, install: Install, *entries: dict[str, Any], **options: Any) -> Any:
    with pytest.raises(files.RefusedError) as caught:
        install(*entries, **options)
    return caught.value


def test_writes_content_owner_and_mode_with_missing_parents(install: Install, tmp_path: Path) -> None:
    target = tmp_path / "etc" / "deep" / "a.conf"
    entry = {"dest": str(target), "content": "a\n", "owner": "daemon", "group": "daemon", "mode": "0640"}
    assert [one.dest for one in install(entry).changed] == [str(target)]
    assert (target.read_text(), mode(target), target.owner()) == ("a\n", 0o640, "daemon")
    assert mode(target.parent) == 0o755
    assert install(entry).changed == []
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("change", [{"content": "b\n"}, {"mode": "0600"}, {"owner": "daemon"}, {"group": "daemon"}])
def test_any_difference_is_a_change(install: Install, tmp_path: Path, change: dict[str, str]) -> None:
    entry = {"dest": str(tmp_path / "a"), "content": "a\n"}
    install(entry)
    assert len(install(entry | change, check=True).changed) == 1
    assert len(install(entry | change).changed) == 1
    assert install(entry | change).changed == []


def test_check_mode_touches_nothing_and_says_what_it_could_not_verify(install: Install, tmp_path: Path) -> None:
    target = tmp_path / "etc" / "a"
    entry = {"dest": str(target), "content": "a", "validate": "no-such-checker %s", "owner": "not-there-yet"}
    installer = install(entry, check=True)
    assert len(installer.changed) == 1
    assert len(installer.notes) == 2
    assert not target.parent.exists()
    assert leftovers(tmp_path) == []


def test_a_missing_checker_or_user_fails_a_real_run(files: ModuleType, install: Install, tmp_path: Path) -> None:
    entry = {"dest": str(tmp_path / "a"), "content": "a"}
    assert refused(files, install, entry | {"validate": "no-such-checker %s"}).reason == "validator_missing"
    assert refused(files, install, entry | {"owner": "not-there-yet"}).reason == "owner"
    assert not (tmp_path / "a").exists()


def test_f045_one_bad_file_of_the_set_and_nothing_is_replaced(
    files: ModuleType, install: Install, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    bad.write_text("policy drop\n")
    error = refused(
        files,
        install,
        {"dest": str(good), "content": "x"},
        {"dest": str(bad), "content": "polic drop\n", "validate": "grep -q policy %s"},
    )
    assert error.reason == "invalid"
    assert not good.exists()
    assert bad.read_text() == "policy drop\n"
    assert leftovers(tmp_path) == []


def test_the_staged_set_is_checked_before_anything_is_replaced(
    files: ModuleType, install: Install, tmp_path: Path
) -> None:
    first, second = tmp_path / "first file", tmp_path / "second"
    entries = [{"dest": str(first), "content": "same"}, {"dest": str(second), "content": "other"}]
    comparing = f"cmp -s %({first})s %({second})s"
    assert refused(files, install, *entries, validate=[comparing]).reason == "invalid"
    assert not first.exists()
    entries[1]["content"] = "same"
    install(*entries, validate=[comparing])
    assert second.read_text() == "same"


def test_a_checker_of_the_result_puts_every_file_back(files: ModuleType, install: Install, tmp_path: Path) -> None:
    kept, new, gone, folder = tmp_path / "kept", tmp_path / "new", tmp_path / "gone", tmp_path / "folder"
    kept.write_text("before")
    kept.chmod(0o600)
    gone.write_text("still here")
    folder.mkdir(mode=0o711)
    entries = (
        {"dest": str(kept), "content": "after"},
        {"dest": str(new), "content": "after"},
        {"dest": str(gone), "state": "absent"},
        {"dest": str(folder), "state": "directory", "mode": "0700"},
    )
    refused(files, install, *entries, validate=[f"grep -q before {kept}"])
    assert (kept.read_text(), mode(kept)) == ("before", 0o600)
    assert not new.exists()
    assert gone.read_text() == "still here"
    assert mode(folder) == 0o711
    assert leftovers(tmp_path) == []


def test_an_unknown_placeholder_is_refused(files: ModuleType, install: Install, tmp_path: Path) -> None:
    entry = {"dest": str(tmp_path / "a"), "content": "a"}
    assert refused(files, install, entry, validate=["test -e %(/etc/other)s"]).reason == "argument"


def test_a_path_is_one_word_for_the_checker(install: Install, tmp_path: Path) -> None:
    install({"dest": str(tmp_path / "a b; touch x"), "content": "a", "validate": "grep -q a %s"})
    assert not (tmp_path / "x").exists()
    assert not Path("x").exists()


def test_links_are_refused_not_followed(files: ModuleType, install: Install, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    link = tmp_path / "link"
    link.symlink_to(secret)
    assert refused(files, install, {"dest": str(link), "content": "x"}).reason == "symlink"
    home = tmp_path / "home"
    home.symlink_to(tmp_path)
    os.chown(home, 1, 1, follow_symlinks=False)
    assert refused(files, install, {"dest": str(home / "a"), "content": "x"}).reason == "symlink"
    assert secret.read_text() == "secret"
    assert not (tmp_path / "a").exists()


def test_a_directory_is_not_replaced_by_a_file(files: ModuleType, install: Install, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    assert refused(files, install, {"dest": str(tmp_path / "d"), "content": "x"}).reason == "kind"
    assert refused(files, install, {"dest": str(tmp_path / "d"), "state": "absent"}).reason == "kind"


@pytest.mark.parametrize("text", ["644", "420", "u=rw", "rw-r--r--", "0o644"])
def test_an_unquoted_or_symbolic_mode_is_refused(
    files: ModuleType, install: Install, tmp_path: Path, text: str
) -> None:
    assert refused(files, install, {"dest": str(tmp_path / "a"), "content": "", "mode": text}).reason == "argument"


def test_absent_removes_and_is_idempotent(install: Install, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    entry = {"dest": str(tmp_path / "old"), "state": "absent"}
    assert len(install(entry).changed) == 1
    assert not (tmp_path / "old").exists()
    assert install(entry).changed == []


def test_a_directory_listed_before_its_file(install: Install, tmp_path: Path) -> None:
    entries = (
        {"dest": str(tmp_path / "d"), "state": "directory", "mode": "0700"},
        {"dest": str(tmp_path / "d" / "f"), "content": "x", "mode": "0600"},
    )
    install(*entries)
    assert mode(tmp_path / "d") == 0o700
    assert install(*entries).changed == []


def test_the_first_and_the_last_version_are_kept_but_no_secret(install: Install, tmp_path: Path, undo: Path) -> None:
    target = tmp_path / "a"
    target.write_text("vendor")
    for content in ("one", "two"):
        install({"dest": str(target), "content": content})
    install({"dest": str(tmp_path / "key"), "content": "s3cret", "secret": True})
    install({"dest": str(tmp_path / "key"), "content": "n3w", "secret": True})
    folders = sorted(undo.iterdir())
    assert [folder.name for folder in folders] == [str(tmp_path / name).replace("/", "%2F") for name in ("a", "key")]
    assert sorted(file.name for file in folders[1].iterdir()) == ["original.json", "written.json"]
    assert "s3cret" not in (folders[1] / "original.json").read_text()
    assert (folders[0] / "original").read_text() == "vendor"
    assert (folders[0] / "previous").read_text() == "one"
    assert json.loads((folders[0] / "original.json").read_text())["existed"] is True
    assert mode(undo) == 0o700
    assert mode(folders[0] / "previous") == 0o600


def test_what_others_changed_is_told_from_what_the_toolkit_changes(install: Install, tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_text("vendor")
    entry = {"dest": str(target), "content": "one"}
    assert install(entry).by_others == []
    target.write_text("vendor")  # as a guard puts it back
    target.chmod(0o644)
    assert install(entry).by_others == []
    assert install(entry | {"content": "two"}).by_others == []
    for spoil in (lambda: target.write_text("two, by hand"), lambda: target.chmod(0o666), target.unlink):
        spoil()
        assert install(entry | {"content": "two"}, check=True).by_others == [str(target)]
        assert install(entry | {"content": "two"}).by_others == [str(target)]


def test_folders_that_are_made_are_written_down_first(install: Install, ledger: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir(mode=0o700)
    target = tmp_path / "etc" / "deep" / "a"
    install({"dest": str(target.parent.parent), "state": "directory"}, {"dest": str(target), "content": "x"})
    kept = {facts["path"]: (facts["kind"], facts["existed"], facts.get("mode")) for facts in ledger.kept()}
    assert kept == {
        str(tmp_path / "etc"): ("directory", True, "0700"),
        str(target.parent): ("directory", False, None),
        str(target): ("file", False, None),
    }


def test_the_baseline_is_taken_once_before_the_first_change(
    install: Install, ledger: ModuleType, tmp_path: Path
) -> None:
    entry = {"dest": str(tmp_path / "a"), "content": "one"}
    install(entry, check=True)
    assert ledger.baseline() is None
    install(entry)
    taken = ledger.baseline()
    assert taken["late"] is False
    assert {"links", "units", "active", "packages", "sysctl", "places", "overrides", "groups"} <= set(taken)
    install(entry | {"content": "two"})
    assert ledger.baseline() == taken
    assert mode(Path(ledger.BASELINE)) == 0o600


def test_differences_name_the_file_and_show_no_secret(files: ModuleType, install: Install, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old\n")
    installer = install(
        {"dest": str(tmp_path / "a"), "content": "new\n"},
        {"dest": str(tmp_path / "key"), "content": "s3cret", "mode": "0600", "secret": True},
        check=True,
    )
    plain, secret = [files.difference(entry) for entry in installer.changed]
    assert (plain["before"], plain["after"]) == ("old\n", "new\n")
    assert plain["after_header"] == f"{tmp_path / 'a'} (root root 0644)"
    assert "s3cret" not in json.dumps(secret)
    assert str(tmp_path / "key") in secret["prepared"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_f043_disk_full_leaves_every_file_as_it_was(files: ModuleType, install: Install, small_disk: Path) -> None:
    first, second = small_disk / "first", small_disk / "second"
    first.write_text("old")
    second.write_text("old")
    error = refused(
        files,
        install,
        {"dest": str(first), "content": "new"},
        {"dest": str(second), "content": "x" * 200_000},
    )
    assert error.reason == "disk_full"
    assert "nothing was replaced" in str(error)
    assert (first.read_text(), second.read_text()) == ("old", "old")
    assert leftovers(small_disk) == []


def _killed_at(step: int, install: Install, entries: tuple[dict[str, str], ...]) -> bool:
    """Install in a child that is killed at its `step`-th change of the disk; return whether it got to the end."""
    child = os.fork()
    if child == 0:
        left = [step]
        for name in ("rename", "link", "unlink", "fsync", "fchmod", "open"):
            setattr(os, name, _counting(getattr(os, name), left))
        install(*entries)
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    return os.WIFEXITED(status)


def _counting(function: Any, left: list[int]) -> Any:
    def counted(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return counted


def test_f041_killed_at_any_step_files_are_whole_and_the_next_run_converges(install: Install, tmp_path: Path) -> None:
    old, new, gone = tmp_path / "etc" / "old", tmp_path / "etc" / "new", tmp_path / "etc" / "gone"
    old.parent.mkdir()
    entries = (
        {"dest": str(old), "content": "after" * 1000},
        {"dest": str(new), "content": "after" * 1000},
        {"dest": str(gone), "state": "absent"},
    )
    for step in range(1, 200):
        old.write_text("before" * 1000)
        gone.write_text("before")
        new.unlink(missing_ok=True)
        ended = _killed_at(step, install, entries)
        assert old.read_text() in ("before" * 1000, "after" * 1000)
        assert not new.exists() or new.read_text() == "after" * 1000
        install(*entries)
        assert old.read_text() == new.read_text() == "after" * 1000
        assert not gone.exists()
        assert leftovers(old.parent) == []
        if ended:
            break
    assert ended
    assert step > 20
