#!/usr/bin/python3 -B
# SPDX-License-Identifier: EUPL-1.2
"""Backup of this endpoint with restic, and proof that it comes back. Standard library only; systemd starts it.

`due`, `drill-due`: exit status 0 when a backup or a drill is wanted and the store answers, 1 when not. `run`: make a
backup. `drill`: restore a sample and compare it, then ask the store to delete a snapshot, which it must refuse.
`proven`: exit status 0 when all of that succeeded once. `why`: say what went wrong last.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nomade_repository as repository
from nomade_repository import FailedError, attempt, command, failure, note, now, restic, settings, state

SAMPLE_BYTES = 64 * 2**20


def due() -> bool:
    """Tell whether the last success is old enough, and the store answers: a laptop on the move tries again later."""
    wanted = settings()
    last = state().get("success", {}).get("time", 0)
    young = 0 <= now() - last < wanted["interval_hours"] * 3600 - 600
    return answers(wanted) if not young or state().get("run", {}).get("result") != "ok" else False


def drill_due() -> bool:
    """Tell whether the last proven restore is old enough; a drill that failed is not tried again on the same day."""
    wanted, known = settings(), state()
    proofs = [known.get(name, {}).get("time", 0) for name in ("restore", "refusal")]
    tried = known.get("drill", {})
    if tried.get("result") == "ok" or not all(proofs) or now() - tried.get("started", 0) > 72000:
        return now() - min(proofs) >= wanted["drill_interval_days"] * 86400 and answers(wanted)
    return False


def answers(wanted: dict[str, Any]) -> bool:
    try:
        with socket.create_connection((wanted["store"]["address"], wanted["store"]["port"]), timeout=5):
            return True
    except OSError:
        return False


def proven() -> bool:
    return all(name in state() for name in ("success", "restore", "refusal"))


def run() -> None:
    """Make a backup; the repository too when there never was one."""
    wanted = settings()
    with attempt("run") as told:
        if not state().get("initialised"):
            initialise()
        if wanted["retention_recipient"] not in (None, state().get("retention")):
            hand_over_retention(wanted["retention_recipient"])
        witness = secrets.token_bytes(4096)
        (repository.HOME / "witness").write_bytes(witness)
        started = now()
        # Status 3: the snapshot was made, without some files that could not be read.
        said, complaints = restic("backup", "--json", *what_to_save(wanted), accepted=(0, 3))
        summary = json.loads(said.strip().splitlines()[-1])
        if summary.get("message_type") != "summary" or not summary.get("snapshot_id"):
            raise FailedError("failed", "restic says of no snapshot that it was made")
        if complaints:
            told |= {"result": "incomplete", "said": FailedError("incomplete", complaints).said}
        done = {"time": started, "snapshot": summary["snapshot_id"], "files": summary["total_files_processed"]}
        note(success=done | {"bytes": summary["total_bytes_processed"], "witness": hashlib.sha256(witness).hexdigest()})


def what_to_save(wanted: dict[str, Any]) -> list[str]:
    paths = [path for path in wanted["paths"] if os.path.lexists(path)]
    words = [word for pattern in wanted["exclusions"] for word in ("--exclude", pattern)]
    return [
        *words,
        "--exclude-caches",
        "--one-file-system",
        "--host",
        wanted["endpoint"],
        "--",
        str(repository.HOME / "witness"),
        *paths,
    ]


def initialise() -> None:
    """Make the repository, or take the one that an earlier, interrupted run made with this password."""
    try:
        restic("cat", "config", "--no-lock")
    except FailedError as problem:
        if problem.reason != "no-repository":
            raise
        restic("init")
    note(initialised=now())


def hand_over_retention(recipient: str) -> None:
    """Give the store, encrypted to it, a second key to the repository: it alone removes what is too old.

    The key is derived from the password, so that a run that was cut off does no harm, and does not give it away.
    """
    password = (repository.FOLDER / "password").read_bytes().strip()
    key = hashlib.sha256(b"nomade backup retention\0" + password).hexdigest().encode()
    ciphertext = subprocess.run(
        ["age", "--armor", "--recipient", recipient], input=key, capture_output=True, check=False
    )
    uuid = (repository.FOLDER / "repository").read_text().strip()
    sent = subprocess.run(
        [*repository.STORE, "retention", uuid], input=ciphertext.stdout, capture_output=True, check=False
    )
    if ciphertext.returncode != 0 or sent.returncode != 0:
        raise failure((ciphertext.stderr + sent.stderr).decode(errors="replace"))
    memory = os.memfd_create("retention")
    os.write(memory, key)
    restic("key", "add", "--new-password-file", f"/proc/self/fd/{memory}", passed=(memory,))
    os.close(memory)
    note(retention=recipient)


def drill() -> None:
    """Prove that the last snapshot comes back, and that this endpoint cannot remove what it has sent."""
    with attempt("drill"):
        success = state().get("success")
        if not success:
            raise FailedError("no-backup")
        compared = restore_sample(success, settings())
        note(restore={"time": now(), "snapshot": success["snapshot"], "files": compared})
        ask_for_deletion()
        note(refusal={"time": now()})


def restore_sample(success: dict[str, Any], wanted: dict[str, Any]) -> int:
    """Return how many files of a sample came back as they are here. Raises: FailedError when one did not."""
    sample = chosen(success["snapshot"], wanted["sample_files"])
    for rest in repository.HOME.glob("drill-*"):  # of a drill that was cut off
        shutil.rmtree(rest)
    with tempfile.TemporaryDirectory(dir=repository.HOME, prefix="drill-") as folder:
        includes = [
            word for path in (str(repository.HOME / "witness"), *sample) for word in ("--include", escaped(path))
        ]
        # Files stay root's, which has no right to give them away: restic calls that an error (1). The digests decide.
        words = ["--no-lock", success["snapshot"], "--target", folder, *includes]
        _said, complaints = restic("restore", *words, accepted=(0, 1))
        witness = Path(folder + str(repository.HOME / "witness"))
        if complaints and not witness.exists():
            raise failure(complaints)
        if digest(witness) != success["witness"]:
            raise FailedError("restore-differs", "the witness file did not come back as it was saved")
        compared = 1
        for path, facts in sample.items():
            before = unchanged(Path(path), facts)
            if before and digest(Path(folder + path)) != before:
                raise FailedError("restore-differs", path)
            compared += bool(before)
    return compared


def chosen(snapshot: str, count: int) -> dict[str, dict[str, Any]]:
    """Return path → facts of some regular files of a snapshot, all equally likely, not too large together."""
    found: list[dict[str, Any]] = []
    seen, room = 0, SAMPLE_BYTES // max(count, 1)
    with subprocess.Popen(command("ls", "--json", "--no-lock", snapshot), stdout=subprocess.PIPE, text=True) as listing:
        for line in listing.stdout or ():
            facts = json.loads(line)
            if (
                facts.get("type") != "file"
                or facts.get("size", 0) > room
                or facts["path"] == str(repository.HOME / "witness")
            ):
                continue
            seen += 1
            if len(found) < count:
                found.append(facts)
            elif (place := random.randrange(seen)) < count:  # noqa: S311 — a sample, not a secret
                found[place] = facts
    if listing.returncode != 0:
        raise FailedError("failed", "the files of the snapshot cannot be listed")
    return {facts["path"]: facts for facts in found}


def escaped(path: str) -> str:
    """Return the pattern that restic matches with this very path."""
    return re.sub(r"([\\*?\[])", r"\\\1", path)


def digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as problem:
        raise FailedError("restore-differs", str(problem)) from None


def unchanged(path: Path, facts: dict[str, Any]) -> str:
    """Return the digest of a file that is still as it was saved, by size and time; nothing when it is not."""
    with contextlib.suppress(OSError, FailedError):
        there = path.lstat()
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(there.st_mtime))
        if there.st_size == facts.get("size", 0) and facts["mtime"].startswith(seconds):
            return digest(path)
    return ""


def ask_for_deletion() -> None:
    """Make a snapshot that is not needed and ask the store to remove it. Raises: FailedError unless it refuses."""
    # Dated long ago, so that it never is the “latest” that somebody wants back.
    words = ["--tag", "deletion-test", "--time", "2000-01-01 00:00:00", "--", str(repository.HOME / "witness")]
    said, _complaints = restic("backup", "--json", *words)
    snapshot = json.loads(said.strip().splitlines()[-1])["snapshot_id"]
    with subprocess.Popen(
        command("forget", snapshot), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as asking:
        lines = []
        for line in asking.stderr or ():
            lines.append(line)
            if "403" in line:  # refused; restic would ask again for a minute
                asking.send_signal(signal.SIGINT)
                break
        asking.communicate()
    if not any("403" in line for line in lines):
        raise FailedError("store-deletes" if asking.returncode == 0 else "failed", "".join(lines))
    restic("cat", "snapshot", "--no-lock", snapshot)


def main(action: str) -> int:
    os.umask(0o077)
    os.environ["TZ"] = "UTC"
    time.tzset()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if action == "why":
        ends = [(name, state()[name]) for name in ("run", "drill") if name in state()]
        sys.stdout.write("; ".join(f"{name}: {told['result']} {told['said']}".strip() for name, told in ends) + "\n")
        return 0
    questions = {"due": due, "drill-due": drill_due, "proven": proven}
    if action in questions:
        return 0 if questions[action]() else 1
    try:
        {"run": run, "drill": drill}[action]()
    except FailedError as problem:
        sys.stderr.write(f"nomade-backup: {problem.reason}: {problem.said}\n")
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("due", "drill-due", "proven", "why", "run", "drill"):
        raise SystemExit("usage: nomade-backup due|drill-due|proven|why|run|drill")
    sys.exit(main(sys.argv[1]))
