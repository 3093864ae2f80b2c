"""A volume, two identities, and the program called on them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.escrow import volumes
from tests.escrow.volumes import HOST, PASSPHRASE, Call


@pytest.fixture(name="escrow")
def program_with_its_own_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = volumes.program()
    monkeypatch.setattr(module, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(module.header_program(), "MEMORY", tmp_path / "memory")
    monkeypatch.setattr(module.resource, "setrlimit", lambda *_: None)
    return module


@pytest.fixture(name="volume")
def luks_image(tmp_path: Path) -> Path:
    return volumes.luks_image(tmp_path / "disk.img")


@pytest.fixture(name="identities")
def two_identities(tmp_path: Path) -> list[tuple[Path, str]]:
    return [volumes.identity(tmp_path, "cig"), volumes.identity(tmp_path, "commune")]


@pytest.fixture(name="call")
def caller(
    escrow: ModuleType,
    volume: Path,
    identities: list[tuple[Path, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    unlock = tmp_path / "passphrase"
    unlock.touch(mode=0o600)
    unlock.write_bytes(PASSPHRASE + b"\n")

    def call(action: str, **changes: Any) -> list[dict[str, Any]]:
        request = {
            "endpoint": HOST,
            "images": [str(volume)],
            "recipients": [public for _, public in identities],
            "unlock_file": str(unlock),
            # Less is done in no time at all, and cryptsetup 2.6 then divides by zero.
            "pbkdf_memory_kib": 8192,
            "iter_time_ms": 20,
        } | changes
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request)))
        escrow.main(action)
        asked = (None, *request["images"])
        return [found for found in json.loads(capsys.readouterr().out) if found.get("device") in asked]

    return call
