#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Backup of this endpoint with restic, and proof that it comes back. Standard library only; systemd starts it.

`due`, `drill-due`: exit status 0 when a backup or a drill is wanted and the store answers, 1 when not. `run`: make a
backup. `drill`: restore a sample and compare it, then ask the store to delete a snapshot, which it must refuse. What
happened, and when, is in state.json: a run that was cut off has a beginning there and no end. `proven`: exit status 0
when all of that succeeded once. `why`: say what went wrong last.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path("/etc/nomade/backup")
HOME = Path("/var/lib/nomade/backup")
CACHE = Path("/var/cache/nomade-backup")
STORE = ["ssh", "-F", str(FOLDER / "ssh_config"), "store"]
SAMPLE_BYTES = 64 * 2**20
# What restic and ssh say (or the store, through them), and what it means. The first that fits counts.
MEANINGS = (
    (r"wrong password or no key found", "wrong-password"),
    (r"the store is full|no space left|insufficient storage", "store-full"),
    (r"host key verification failed|host identification has changed", "store-changed"),
    (r"permission denied \(|store: refused", "store-refuses"),
    (r"already locked", "busy"),
    (r"connection (refused|timed out|closed|reset)|no route to host|network is unreachable", "store-unreachable"),
    (r"is there a repository at|config (file )?does not exist|unable to open config", "no-repository"),
)


class FailedError(Exception):
    """A step that did not succeed: a short reason that never changes, and what the programs said."""

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.said = " ".join("".join(c if c.isprintable() else " " for c in said).split())[-300:]


def failure(said: str) -> FailedError:
    """Return what went wrong, by what was said."""
    for pattern, reason in MEANINGS:
        if re.search(pattern, said, re.IGNORECASE):
            return FailedError(reason, said)
    return FailedError("failed", said)


def now() -> int:
    return int(time.time())


def state() -> dict[str, Any]:
    """Return what is known of earlier runs. A file that cannot be read means that nothing is known."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((HOME / "state.json").read_text())
        if isinstance(content, dict):
            return content
    return {}


def note(**changes: Any) -> None:
    """Write `changes` into the state; after a power cut the file is the old or the new one."""
    new = HOME / "state.json.new"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(state() | changes, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    new.replace(HOME / "state.json")


def settings() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / "settings.json").read_text())
    return content


def command(*arguments: str) -> list[str]:
    """Return the restic command line; the password is read from its file, the store is reached by ssh.

    A store that is full takes nothing more, but still answers who only reads.
    """
    uuid = (FOLDER / "repository").read_text().strip()
    verb = "read" if "--no-lock" in arguments else "serve"
    options = ["--option", "rclone.program=" + " ".join(STORE), "--option", f"rclone.args={verb} restic --stdio"]
    places = ["--repo", f"rclone:{uuid}", "--password-file", str(FOLDER / "password"), "--cache-dir", str(CACHE)]
    return ["restic", *options, *places, *arguments]


def restic(*arguments: str, passed: tuple[int, ...] = (), accepted: tuple[int, ...] = (0,)) -> tuple[str, str]:
    """Return what restic printed, and its complaints when it did not end with 0. Raises: FailedError."""
    done = subprocess.run(
        command(*arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
        pass_fds=passed, check=False,
    )  # fmt: skip
    if done.returncode not in accepted:
        raise failure(done.stderr)
    return done.stdout, done.stderr if done.returncode else ""


@contextlib.contextmanager
def attempt(kind: str) -> Iterator[dict[str, Any]]:
    """Note the beginning and, whatever happens, the end of an attempt; yields what is to be noted of it."""
    earlier = [state().get(name, {"result": "ok"}) for name in ("run", "drill")]
    told: dict[str, Any] = {"started": now(), "finished": None, "result": "interrupted", "said": ""}
    note(**{kind: told})
    try:
        if state().get("initialised") and any(other["result"] != "ok" for other in earlier):
            restic("unlock")  # only of processes that are gone
        yield told
        told["result"] = "ok" if told["result"] == "interrupted" else told["result"]
    except FailedError as problem:
        told |= {"result": problem.reason, "said": problem.said}
        raise
    except Exception as problem:
        told |= {"result": "failed", "said": FailedError("failed", str(problem)).said}
        raise
    finally:
        note(**{kind: told | {"finished": now()}})


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
        (HOME / "witness").write_bytes(witness)
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
        str(HOME / "witness"),
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
    password = (FOLDER / "password").read_bytes().strip()
    key = hashlib.sha256(b"nomade backup retention\0" + password).hexdigest().encode()
    ciphertext = subprocess.run(
        ["age", "--armor", "--recipient", recipient], input=key, capture_output=True, check=False
    )
    uuid = (FOLDER / "repository").read_text().strip()
    sent = subprocess.run([*STORE, "retention", uuid], input=ciphertext.stdout, capture_output=True, check=False)
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
    for rest in HOME.glob("drill-*"):  # of a drill that was cut off
        shutil.rmtree(rest)
    with tempfile.TemporaryDirectory(dir=HOME, prefix="drill-") as folder:
        includes = [word for path in (str(HOME / "witness"), *sample) for word in ("--include", escaped(path))]
        # Files stay root's, which has no right to give them away: restic calls that an error (1). The digests decide.
        words = ["--no-lock", success["snapshot"], "--target", folder, *includes]
        _said, complaints = restic("restore", *words, accepted=(0, 1))
        witness = Path(folder + str(HOME / "witness"))
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
            if facts.get("type") != "file" or facts.get("size", 0) > room or facts["path"] == str(HOME / "witness"):
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
    words = ["--tag", "deletion-test", "--time", "2000-01-01 00:00:00", "--", str(HOME / "witness")]
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
