# SPDX-License-Identifier: EUPL-1.2
"""restic against this endpoint's repository, and what is known of earlier runs. Standard library only.

What happened, and when, is in state.json: a run that was cut off has a beginning there and no end.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path("/etc/nomade/backup")
HOME = Path("/var/lib/nomade/backup")
CACHE = Path("/var/cache/nomade-backup")
STORE = ["ssh", "-F", str(FOLDER / "ssh_config"), "store"]
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
    """Return what is known of earlier runs to this store. A file that cannot be read means that nothing is known.

    What another store has proves nothing of this one: where the commune named another, all begins anew.
    """
    with contextlib.suppress(OSError, ValueError):
        content = json.loads((HOME / "state.json").read_text())
        if isinstance(content, dict) and content.get("store") == settings()["store"]:
            return content
    return {}


def note(**changes: Any) -> None:
    """Write `changes` into the state; after a power cut the file is the old or the new one."""
    new, store = HOME / "state.json.new", settings()["store"]
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(state() | changes | {"store": store}, file, indent=1, sort_keys=True)
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
