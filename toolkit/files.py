"""Files that are whole or absent, and never readable by more people than they should be."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def _beside(path: Path, text: str | bytes, mode: int) -> Iterator[Path]:
    """Give a complete, flushed file next to `path`; it is gone afterwards unless it was renamed."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    # Born 0600 whatever the umask, widened only once complete: no moment at which a secret could be read.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text.encode() if isinstance(text, str) else text)
            stream.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, text: str | bytes, mode: int = 0o644) -> None:
    """Replace `path` with `text` (UTF-8) in one step: after a power cut it is the old file or the new one.

    `mode` is the exact mode, independent of the umask. The folder must exist.
    """
    with _beside(path, text, mode) as temporary:
        temporary.replace(path)
    _flush_folder(path.parent)


def create_atomically(path: Path, text: str | bytes, mode: int = 0o600) -> None:
    """Make `path` with `text` in one step, or fail because something of that name is already there.

    Raises:
        FileExistsError: `path` exists; it is left as it is.
    """
    with _beside(path, text, mode) as temporary:
        path.hardlink_to(temporary)
    _flush_folder(path.parent)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait for whoever holds the lock file `path`, then hold it: reading, changing and renaming become one step.

    Its folder is made (0700) when it is not there. The kernel drops the lock with the process.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
