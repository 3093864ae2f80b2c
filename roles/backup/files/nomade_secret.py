#!/usr/bin/python3
# SPDX-License-Identifier: EUPL-1.2
"""Password of this endpoint's backup repository: made here, known elsewhere in encrypted form only.

Works as nomade-escrow does for disks, with its means: `check`, `make` and `confirm` read a request (JSON) on standard
input and answer in JSON. The password is in clear in one file that root alone reads.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import json
import os
import secrets
import sys
import types
import uuid
from pathlib import Path
from typing import Any

FOLDER = Path("/etc/nomade/backup")
RECORDS = Path("/var/lib/nomade/secrets")

sys.dont_write_bytecode = True


def program(path: str) -> Any:
    """Return the program at `path` as a module; it has no ending that Python knows."""
    loader = importlib.machinery.SourceFileLoader("nomade_escrow", path)
    module = types.ModuleType(loader.name)
    loader.exec_module(module)
    return module


escrow = program(os.environ.get("NOMADE_ESCROW", "/usr/local/libexec/nomade-escrow"))


def text(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


def write(path: Path, content: str) -> None:
    """Write a file that only root reads; after a power cut it is the old or the new one."""
    new = path.with_name(path.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def record_file() -> Path:
    return RECORDS / f"{text(FOLDER / 'repository')}.json"


def record(recipients: list[str]) -> dict[str, Any] | None:
    """Return the record of the password that is in use, if it is encrypted to exactly these recipients."""
    password = text(FOLDER / "password")
    kept: dict[str, Any] | None = escrow.read(record_file()) if password else None
    if kept is None or kept["recipients"] != recipients or kept["secret_sha256"] != digest(password):
        return None
    return kept


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def make(recipients: list[str]) -> dict[str, Any]:
    """Make what is missing and return the record. A new password is for a new repository, named by a new UUID."""
    if not escrow.UUID.fullmatch(text(FOLDER / "repository")) or not text(FOLDER / "password"):
        # The password last: a run that was cut off leaves none, and the next one begins anew.
        write(FOLDER / "repository", str(uuid.uuid4()))
        write(FOLDER / "password", secrets.token_hex(32))
    password = text(FOLDER / "password")
    words = [word for recipient in recipients for word in ("--recipient", recipient)]
    ciphertext = escrow.run("age", "--armor", *words, given=password.encode()).decode()
    made = {
        "uuid": text(FOLDER / "repository"),
        "device": "backup repository",
        "slot": None,
        "recipients": recipients,
        "secret_sha256": digest(password),
        "ciphertext": ciphertext,
        "ciphertext_sha256": digest(ciphertext),
        "made": escrow.now(),
        "escrowed": None,
    }
    escrow.write(record_file(), made)
    return made


def confirm(recipients: list[str], stored: dict[str, str]) -> dict[str, Any]:
    """Note that the control machine has the ciphertext, when its digest says so."""
    kept = record(recipients)
    if kept is None or stored.get(kept["uuid"]) != kept["ciphertext_sha256"]:
        return {"uuid": text(FOLDER / "repository"), "confirmed": False}
    escrow.write(record_file(), kept | {"escrowed": escrow.now()})
    return {"uuid": kept["uuid"], "confirmed": True}


def main(action: str) -> None:
    os.umask(0o077)
    request = json.load(sys.stdin)
    recipients = request["recipients"]
    if len(set(recipients)) < 2 or not all(escrow.RECIPIENT.fullmatch(name) for name in recipients):
        raise SystemExit("two different age recipients are needed: the CIG's and the commune's")
    kept = record(recipients)
    if action == "check":
        answer = [kept | {"state": "kept"} if kept else {"uuid": text(FOLDER / "repository"), "state": "to be made"}]
    elif action == "confirm":
        answer = [confirm(recipients, request["stored"])]
    else:
        RECORDS.mkdir(parents=True, exist_ok=True)
        answer = [kept | {"state": "kept"} if kept else make(recipients) | {"state": "made"}]
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("check", "make", "confirm"):
        raise SystemExit("usage: nomade-backup-secret check|make|confirm < request.json")
    main(sys.argv[1])
