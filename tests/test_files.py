"""Whole or absent, and private from the first moment."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from toolkit.files import create_atomically, write_atomically


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_f021_mode_is_exact_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    write_atomically(tmp_path / "open", "a")
    write_atomically(tmp_path / "secret", "b", 0o600)
    create_atomically(tmp_path / "key", "c")
    assert [_mode(tmp_path / name) for name in ("open", "secret", "key")] == [0o644, 0o600, 0o600]


def test_f021_no_moment_at_which_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at the folder at each system call sees only files of mode 0600."""
    seen: list[int] = []
    for name in ("fchmod", "fsync"):
        real = getattr(os, name)

        def spy(*arguments: int, real=real) -> None:  # type: ignore[no-untyped-def]
            seen.extend(_mode(path) for path in tmp_path.iterdir())
            real(*arguments)

        monkeypatch.setattr(os, name, spy)
    before = os.umask(0)
    try:
        write_atomically(tmp_path / "secret", "s", 0o600)
    finally:
        os.umask(before)
    assert seen
    assert set(seen) == {0o600}


def test_f043_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "known_hosts"
    write_atomically(target, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["known_hosts"]


def test_create_refuses_to_replace(tmp_path: Path) -> None:
    target = tmp_path / "key"
    target.write_text("first")
    with pytest.raises(FileExistsError):
        create_atomically(target, "second")
    assert target.read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_symbolic_link_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    link = tmp_path / "link"
    link.symlink_to(victim)
    write_atomically(link, "new")
    assert victim.read_text() == "untouched"
    assert not link.is_symlink()
