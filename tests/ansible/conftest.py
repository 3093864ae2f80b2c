"""The modules as they run on an endpoint, loaded here under the names Ansible gives them there."""

from __future__ import annotations

import importlib
import importlib.util
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolkit import paths

FILE = {
    "state": "present",
    "content": None,
    "data": None,
    "owner": "root",
    "group": "root",
    "mode": None,
    "validate": None,
    "secret": False,
}
NOTHING: dict[str, Any] = {"packages": [], "packages_removed": []}


@dataclass
class Endpoint:
    """What a module asks of AnsibleModule, done for real on this machine."""

    params: dict[str, Any]
    tmpdir: str
    check_mode: bool = False
    ran: list[list[str]] = field(default_factory=list)

    def get_bin_path(self, name: str) -> str | None:
        return shutil.which(name)

    def run_command(self, words: list[str]) -> tuple[int, str, str]:
        self.ran.append(words)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


def _load(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    package, _dot, last = name.rpartition(".")
    if package:
        setattr(importlib.import_module(package), last, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def ledger() -> ModuleType:
    """Return module_utils/nomade_ledger, known to the other ones by its name on endpoints."""
    loaded = [
        _load(f"ansible.module_utils.{name}", paths.plugins_dir() / "module_utils" / f"{name}.py")
        for name in ("nomade_units", "nomade_ledger")
    ]
    return loaded[-1]


@pytest.fixture(scope="session")
def files(ledger: ModuleType) -> ModuleType:
    """Return module_utils/nomade_files, known to the modules by its name on endpoints."""
    return _load("ansible.module_utils.nomade_files", paths.plugins_dir() / "module_utils" / "nomade_files.py")


@pytest.fixture(scope="session")
def restore(ledger: ModuleType) -> ModuleType:
    """Return module_utils/nomade_restore."""
    return _load("ansible.module_utils.nomade_restore", paths.plugins_dir() / "module_utils" / "nomade_restore.py")


@pytest.fixture(scope="session")
def module(files: ModuleType) -> ModuleType:
    return _load("nomade_config_files_module", paths.plugins_dir() / "modules" / "config_files.py")


@pytest.fixture(autouse=True)
def undo(ledger: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of kept versions, here instead of /var/lib."""
    monkeypatch.setattr(ledger, "UNDO", str(tmp_path / "undo"))
    monkeypatch.setattr(ledger, "BASELINE", str(tmp_path / "baseline.json"))
    monkeypatch.setattr(ledger, "PACKAGES", str(tmp_path / "packages.json"))
    monkeypatch.setattr(ledger, "PURGED", str(tmp_path / "purged.json"))
    return tmp_path / "undo"


Install = Callable[..., Any]


@pytest.fixture
def install(module: ModuleType, tmp_path: Path) -> Install:
    """Return a function that installs a set: `install({"dest": …, "content": …}, …, check=…, validate=[…])`."""

    def run(*entries: dict[str, Any], check: bool = False, validate: list[str] | None = None) -> Any:
        wanted = [FILE | entry for entry in entries]
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        shutil.rmtree(scratch)
        scratch.mkdir()
        endpoint = Endpoint({"files": wanted, "validate": validate or [], "guard": None} | NOTHING, str(scratch), check)
        installer = module.Installer(endpoint)
        installer.install()
        return installer

    return run


def leftovers(folder: Path) -> list[str]:
    """Return the names that an installation must not leave behind."""
    return sorted(path.name for path in folder.rglob(".*nomade-*"))


def quoted(path: Path) -> str:
    return shlex.quote(str(path))
