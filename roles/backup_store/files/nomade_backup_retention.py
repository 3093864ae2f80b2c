#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Remove snapshots that are too old: nomade-backup-retention FOLDER DAILY WEEKLY MONTHLY. Standard library only.

Each repository has a second key that its endpoint made and encrypted for this machine; the identity that decrypts it
comes on standard input. One repository that cannot be treated does not stop the others, and is in the state file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

STATE = Path("/var/lib/nomade-backup-store/retention.json")
# A clock that is a little wrong is no attack; a snapshot from next year would make all others look too old.
TOLERANCE_SECONDS = 86400


class FailedError(Exception):
    """One repository could not be treated: a short reason."""


def restic(repository: Path, key: int, *arguments: str) -> str:
    """Return what restic prints. Raises: FailedError."""
    os.lseek(key, 0, os.SEEK_SET)
    command = ["restic", "--repo", str(repository), "--no-cache", "--password-file", f"/proc/self/fd/{key}", *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, pass_fds=(key,), check=False
    )
    if done.returncode != 0:
        said = done.stderr.lower()
        sys.stderr.write(f"{repository}: {' '.join(done.stderr.split())[-300:]}\n")
        raise FailedError("busy" if "already locked" in said else "wrong-key" if "wrong password" in said else "failed")
    return done.stdout


def seconds(moment: str) -> float:
    """Return a time as restic prints it (RFC 3339, nanoseconds) in seconds since 1970."""
    head, _, rest = moment.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    return datetime.fromisoformat((head + zone).replace("Z", "+00:00")).timestamp()


def treat(ciphertext: Path, identity: bytes, keep: list[str]) -> None:
    """Apply retention to the repository that the encrypted key belongs to. Raises: FailedError."""
    command = ["age", "--decrypt", "--identity", "-", str(ciphertext)]
    opened = subprocess.run(command, input=identity, capture_output=True, check=False)
    if opened.returncode != 0:
        sys.stderr.write(f"{ciphertext}: {opened.stderr.decode(errors='replace').strip()[-300:]}\n")
        raise FailedError("wrong-key")
    key = os.memfd_create("retention")
    try:
        os.write(key, opened.stdout)
        repository = ciphertext.with_suffix("")
        restic(repository, key, "unlock")
        snapshots = json.loads(restic(repository, key, "snapshots", "--json"))
        if any(seconds(item["time"]) > time.time() + TOLERANCE_SECONDS for item in snapshots):
            raise FailedError("from-the-future")
        restic(repository, key, "forget", "--prune", "--group-by", "host,paths", *keep)
    finally:
        os.close(key)


def main(folder: Path, daily: str, weekly: str, monthly: str) -> int:
    os.umask(0o027)
    identity = sys.stdin.buffer.read()
    keep = ["--keep-daily", daily, "--keep-weekly", weekly, "--keep-monthly", monthly]
    results = {}
    for ciphertext in sorted(folder.glob("*/*.age")):
        try:
            treat(ciphertext, identity, keep)
            results[str(ciphertext.relative_to(folder).with_suffix(""))] = "ok"
        except FailedError as problem:
            results[str(ciphertext.relative_to(folder).with_suffix(""))] = str(problem)
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps({"time": int(time.time()), "repositories": results}, indent=1, sort_keys=True) + "\n")
    new.replace(STATE)
    return 1 if set(results.values()) - {"ok", "busy"} else 0


if __name__ == "__main__":
    if len(sys.argv) != 5:
        raise SystemExit("usage: nomade-backup-retention FOLDER DAILY WEEKLY MONTHLY")
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:5]))
