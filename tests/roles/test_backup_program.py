"""Backup, drill and store as the roles install them, with the real restic and rclone; only ssh is left out."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.programs import module_of
from toolkit.paths import roles_dir

PROGRAM = roles_dir() / "backup" / "files" / "nomade_backup.py"
STORE = roles_dir() / "backup_store" / "files" / "nomade-backup-store"
RETENTION = STORE.with_name("nomade_backup_retention.py")

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("restic") or not shutil.which("rclone"),
        reason="needs root (a small file system is mounted), restic and rclone",
    ),
]


@dataclass(slots=True)
class Endpoint:
    """One endpoint and its store, in a folder."""

    root: Path
    program: ModuleType
    uuid: str

    def do(self, action: str) -> int:
        """Return the exit status of the program."""
        return int(self.program.main(action))

    @property
    def state(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.root / "state" / "state.json").read_text())
        return content

    @property
    def repository(self) -> Path:
        return self.root / "store" / "poste-1" / self.uuid

    def snapshots(self) -> set[str]:
        return {path.name for path in (self.repository / "snapshots").iterdir()}

    def restic(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.program.command(*arguments), capture_output=True, text=True, check=False)


def make(root: Path, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.syspath_prepend(str(PROGRAM.parent))  # what it imports is installed beside it
    program = module_of(PROGRAM)
    own = str(uuid.uuid4())
    for name in ("etc", "state", "store", "home"):
        (root / name).mkdir()
    ssh = root / "ssh"
    ssh.write_text(f'#!/bin/sh\nSSH_ORIGINAL_COMMAND="$*" NOMADE_BACKUP_ROOT={root}/store exec sh {STORE} poste-1\n')
    ssh.chmod(0o755)
    for name, value in (("FOLDER", "etc"), ("HOME", "state"), ("CACHE", "cache")):
        monkeypatch.setattr(program.repository, name, root / value)
    monkeypatch.setattr(program.repository, "STORE", [str(ssh)])
    monkeypatch.setenv("NOMADE_BACKUP_RESERVE", "0")
    monkeypatch.setenv("TZ", "UTC")
    (root / "etc" / "repository").write_text(own + "\n")
    (root / "etc" / "password").write_text("phrase d'essai du dépôt\n")
    (root / "home" / "courrier.txt").write_text("Monsieur le Maire,\n")
    (root / "home" / "plan [a]*?.txt").write_text("un nom qui a l'air d'un motif\n")
    settings = {
        "endpoint": "poste-1", "store": {"address": "127.0.0.1", "port": 9}, "paths": [str(root / "home")],
        "exclusions": ["*.iso"], "interval_hours": 24, "sample_files": 5, "retention_recipient": None,
    }  # fmt: skip
    (root / "etc" / "settings.json").write_text(json.dumps(settings))
    return Endpoint(root, program, own)


@pytest.fixture(name="endpoint")
def an_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    return make(tmp_path, monkeypatch)


@pytest.fixture(name="saved")
def one_with_a_backup(endpoint: Endpoint) -> Endpoint:
    assert endpoint.do("run") == 0, endpoint.state
    return endpoint


def test_a_run_saves_and_a_drill_brings_back(saved: Endpoint) -> None:
    assert saved.state["run"]["result"] == "ok"
    assert saved.state["success"]["files"] == 3
    assert saved.do("drill") == 0, saved.state
    assert saved.state["restore"]["files"] == 3
    assert saved.state["restore"]["snapshot"] == saved.state["success"]["snapshot"]
    assert saved.state["refusal"]["time"] > 0
    assert str(saved.root / "home") in saved.restic("ls", "--no-lock", "latest").stdout


def test_a_deletion_is_refused_whatever_restic_asks(saved: Endpoint) -> None:
    before = saved.snapshots()
    packs = sorted((saved.repository / "data").rglob("*"))
    command = ["timeout", "--signal=INT", "3", *saved.program.command("forget", "--keep-last=1", "--prune", *before)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "403" in done.stderr
    assert saved.snapshots() == before
    assert sorted((saved.repository / "data").rglob("*")) == packs


def test_a_store_that_deletes_is_found_out(saved: Endpoint, tmp_path: Path) -> None:
    lenient = tmp_path / "lenient"
    lenient.write_text(STORE.read_text().replace(" --append-only", ""))
    ssh = Path(saved.program.repository.STORE[0])
    ssh.write_text(ssh.read_text().replace(str(STORE), str(lenient)))
    assert saved.do("drill") == 1
    assert saved.state["drill"]["result"] == "store-deletes"
    assert "refusal" not in saved.state
    assert any(name.startswith(saved.state["success"]["snapshot"]) for name in saved.snapshots())


def test_a_wrong_password_shows_and_loses_nothing(saved: Endpoint) -> None:
    before, success = saved.snapshots(), saved.state["success"]
    password = saved.root / "etc" / "password"
    right = password.read_text()
    password.write_text("other\n")
    assert saved.do("run") == 1
    assert saved.state["run"]["result"] == "wrong-password"
    assert saved.state["success"] == success
    assert saved.snapshots() == before
    password.write_text(right)
    assert saved.do("run") == 0
    assert saved.snapshots() > before


def test_a_run_that_is_killed_shows_and_the_next_one_mends(saved: Endpoint) -> None:
    (saved.root / "home" / "gros").write_bytes(os.urandom(40 * 2**20))
    success = saved.state["success"]
    slow = saved.root / "slow"
    slow.write_text(f'#!/bin/sh\n{saved.program.repository.STORE[0]} "$@" | {{ head -c 20000; sleep 60; }}\n')
    slow.chmod(0o755)
    code = "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import nomade_backup as b\n"
    code += "root, r = pathlib.Path(sys.argv[2]), b.repository\n"
    code += "r.FOLDER, r.HOME, r.CACHE = root / 'etc', root / 'state', root / 'cache'\n"
    code += f"r.STORE = [{str(slow)!r}]; b.main('run')"
    command = [sys.executable, "-c", code, str(PROGRAM.parent), str(saved.root)]
    with subprocess.Popen(command, start_new_session=True) as running:
        deadline = time.monotonic() + 20
        while saved.state["run"]["finished"] is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1.5)
        os.killpg(running.pid, signal.SIGKILL)
    assert saved.state["run"]["finished"] is None
    assert saved.state["success"] == success
    assert saved.do("run") == 0, saved.state
    assert list((saved.repository / "locks").iterdir()) == []
    assert saved.do("drill") == 0, saved.state
    assert saved.restic("check", "--no-lock", "--read-data").returncode == 0


@pytest.fixture(name="small")
def a_small_store(endpoint: Endpoint) -> Iterator[Endpoint]:
    store = endpoint.root / "store"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "tmpfs", store], check=True)
    try:
        yield endpoint
    finally:
        subprocess.run(["umount", "--lazy", store], check=True)


def test_a_full_store_shows_keeps_what_it_has_and_gives_it_back(
    small: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert small.do("run") == 0, small.state
    success = small.state["success"]
    filler = small.root / "store" / "filler"
    filler.write_bytes(bytes(6 * 2**20))
    monkeypatch.setenv("NOMADE_BACKUP_RESERVE", "4")
    assert small.do("run") == 1
    assert small.state["run"]["result"] == "store-full", small.state
    assert small.state["success"] == success
    assert (
        small.restic("restore", "--no-lock", success["snapshot"], "--target", str(small.root / "back")).returncode == 0
    )
    back = small.root / "back" / str(small.root / "home").lstrip("/") / "courrier.txt"
    assert back.read_text() == "Monsieur le Maire,\n"
    filler.unlink()
    assert small.do("run") == 0, small.state


def test_a_repository_that_is_gone_is_not_made_anew_in_silence(saved: Endpoint) -> None:
    shutil.rmtree(saved.repository)
    assert saved.do("run") == 1
    assert saved.state["run"]["result"] == "no-repository"


def named(endpoint: Endpoint, address: str, folder: str) -> None:
    """Have the endpoint's settings name another store, which has its repositories in another folder."""
    file = endpoint.root / "etc" / "settings.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"store": {"address": address, "port": 9}}))
    ssh = Path(endpoint.program.repository.STORE[0])
    ssh.write_text(re.sub(r"NOMADE_BACKUP_ROOT=\S+", f"NOMADE_BACKUP_ROOT={endpoint.root}/{folder}", ssh.read_text()))


def test_another_store_gets_backups_and_proofs_of_its_own(saved: Endpoint) -> None:
    assert saved.do("drill") == 0
    assert saved.do("proven") == 0
    first, other = saved.snapshots(), saved.root / "other"
    other.mkdir()
    named(saved, "127.0.0.2", "other")
    assert saved.do("proven") == 1, "nothing is proven of a store that has nothing yet"
    assert saved.do("drill") == 1
    assert saved.state["drill"]["result"] == "no-backup"
    assert saved.do("run") == 0, saved.state
    assert saved.do("drill") == 0, saved.state
    assert saved.do("proven") == 0
    assert len(list((other / "poste-1" / saved.uuid / "snapshots").iterdir())) == 2
    assert saved.snapshots() == first
    shutil.rmtree(other / "poste-1" / saved.uuid)
    assert saved.do("run") == 1
    assert saved.state["run"]["result"] == "no-repository", "here too nothing is made anew in silence"
    named(saved, "127.0.0.1", "store")
    assert saved.do("run") == 0, saved.state
    assert saved.snapshots() > first, "who comes back goes on with what is there"


@pytest.mark.parametrize(
    "asked",
    ["", "serve restic --stdio", "serve restic --stdio ../autre", "rm -rf /", "serve $(id) 1234", "sh",
     "other 3e0a8112-0938-46ea-988f-d49c4195d505"],
)  # fmt: skip
def test_the_store_does_nothing_else(tmp_path: Path, asked: str) -> None:
    environment = os.environ | {"SSH_ORIGINAL_COMMAND": asked, "NOMADE_BACKUP_ROOT": str(tmp_path)}
    command = ["timeout", "10", "sh", str(STORE), "poste-1"]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 77
    assert list(tmp_path.iterdir()) == []


def test_not_due_while_the_last_success_is_young_or_the_store_is_silent(saved: Endpoint) -> None:
    assert saved.do("due") == 1
    content = saved.state
    content["success"]["time"] -= 2 * 86400
    (saved.root / "state" / "state.json").write_text(json.dumps(content))
    assert saved.do("due") == 1, "nothing answers on port 9"


@dataclass(slots=True)
class Pruning:
    """An endpoint whose store has the key that its retention needs."""

    endpoint: Endpoint
    identity: Path

    def prune(self) -> str:
        """Return how retention went with the endpoint's repository, keeping one snapshot a day, week and month."""
        store = self.endpoint.root / "store"
        code = "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import nomade_backup_retention as r\n"
        code += (
            "r.STATE = pathlib.Path(sys.argv[2]) / 'retention.json'; r.main(pathlib.Path(sys.argv[3]), '1', '1', '1')"
        )
        command = [sys.executable, "-c", code, str(RETENTION.parent), str(self.endpoint.root), str(store)]
        with self.identity.open("rb") as identity:
            subprocess.run(command, stdin=identity, check=True)
        state = json.loads((self.endpoint.root / "retention.json").read_text())
        return str(state["repositories"][f"poste-1/{self.endpoint.uuid}"])


@pytest.fixture(name="pruning")
def one_with_retention(endpoint: Endpoint) -> Pruning:
    identity = endpoint.root / "identity"
    subprocess.run(["age-keygen", "-o", identity], check=True, capture_output=True)
    recipient = subprocess.run(
        ["age-keygen", "-y", identity], check=True, capture_output=True, text=True
    ).stdout.strip()
    file = endpoint.root / "etc" / "settings.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"retention_recipient": recipient}))
    assert endpoint.do("run") == 0, endpoint.state
    return Pruning(endpoint, identity)


def test_the_store_removes_what_is_too_old_with_the_key_it_was_given(pruning: Pruning) -> None:
    endpoint = pruning.endpoint
    first = endpoint.snapshots()
    assert endpoint.do("run") == 0
    assert len(endpoint.snapshots()) == 2
    assert pruning.prune() == "ok"
    assert len(endpoint.snapshots()) == 1
    assert not endpoint.snapshots() & first
    assert endpoint.do("drill") == 0, endpoint.state
    assert endpoint.do("run") == 0, "the key of retention is handed over once"


def test_a_snapshot_from_the_future_stops_retention(pruning: Pruning) -> None:
    endpoint = pruning.endpoint
    options = ["--time", "2099-01-01 00:00:00", str(endpoint.root / "home")]
    assert endpoint.restic("backup", *options).returncode == 0
    before = endpoint.snapshots()
    assert pruning.prune() == "from-the-future"
    assert endpoint.snapshots() == before


def test_the_store_s_copy_of_the_key_is_of_no_use_without_its_identity(pruning: Pruning) -> None:
    subprocess.run(["age-keygen", "-o", pruning.endpoint.root / "other"], check=True, capture_output=True)
    pruning.identity = pruning.endpoint.root / "other"
    assert pruning.prune() == "wrong-key"
    assert len(pruning.endpoint.snapshots()) == 1
