"""One run per commune at a time. The kernel drops the lock with the process, so a crash leaves nothing to clean up."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime

from toolkit.errors import NomadeError
from toolkit.i18n import _
from toolkit.workspace import Workspace


class BusyError(NomadeError):
    """Another run holds the commune. Nothing was changed; exit code 1, as nothing is wrong with the input."""


@contextlib.contextmanager
def lock(workspace: Workspace, commune: str) -> Iterator[None]:
    """Hold the commune for one run.

    Raises:
        BusyError: somebody else does; the message says who, from where and since when.
    """
    folder = workspace.state / "locks"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{commune}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(_busy(commune, os.read(descriptor, 4096))) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _holder().encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _holder() -> str:
    return json.dumps(
        {
            "user": getpass.getuser(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def _busy(commune: str, text: bytes) -> str:
    try:
        holder = json.loads(text)
        since = datetime.fromisoformat(holder["since"]).astimezone().strftime("%H:%M")
        return _(
            "{commune}: another run is going on: {user} on {host} since {since} (process {pid}); wait until it is over"
        ).format(commune=commune, user=holder["user"], host=holder["host"], pid=holder["pid"], since=since)
    except (ValueError, KeyError, TypeError):
        return _("{commune}: another run is starting; wait until it is over").format(commune=commune)
