"""The program that makes a backup's password and encrypts it, with the real age and the escrow program it builds on."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.programs import module_of
from toolkit.paths import roles_dir

pytestmark = pytest.mark.skipif(not shutil.which("age"), reason="needs age")

PROGRAM = roles_dir() / "backup" / "files" / "nomade_secret.py"
ESCROW = roles_dir() / "disk_encryption" / "files" / "nomade_escrow.py"

Call = Callable[..., dict[str, Any]]


def identity(folder: Path, name: str) -> tuple[Path, str]:
    path = folder / name
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return path, subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(name="identities")
def two_identities(tmp_path: Path) -> list[tuple[Path, str]]:
    return [identity(tmp_path, "cig"), identity(tmp_path, "commune")]


@pytest.fixture(name="call")
def caller(
    identities: list[tuple[Path, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    monkeypatch.setenv("NOMADE_ESCROW", str(ESCROW))
    program = module_of(PROGRAM)
    (tmp_path / "etc").mkdir()
    monkeypatch.setattr(program, "FOLDER", tmp_path / "etc")
    monkeypatch.setattr(program, "RECORDS", tmp_path / "records")

    def call(action: str, **changes: Any) -> dict[str, Any]:
        request = {"recipients": [public for _, public in identities]} | changes
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request)))
        program.main(action)
        (answer,) = json.loads(capsys.readouterr().out)
        return dict(answer)

    return call


def opened(ciphertext: str, file: Path) -> str:
    command = ["age", "--decrypt", "--identity", str(file)]
    return subprocess.run(command, input=ciphertext, capture_output=True, text=True, check=True).stdout


def test_either_identity_opens_what_the_endpoint_uses(
    call: Call, identities: list[tuple[Path, str]], tmp_path: Path
) -> None:
    made = call("make")
    password = tmp_path / "etc" / "password"
    assert made["state"] == "made"
    assert (password.stat().st_mode & 0o777, len(password.read_text().strip())) == (0o600, 64)
    assert {opened(made["ciphertext"], file) for file, _ in identities} == {password.read_text().strip()}
    assert (tmp_path / "etc" / "repository").read_text().strip() == made["uuid"]


def test_second_run_and_check_change_nothing(call: Call, tmp_path: Path) -> None:
    assert call("check")["state"] == "to be made"
    assert list((tmp_path / "etc").iterdir()) == []
    made = call("make")
    assert call("make") == {**made, "state": "kept"}
    assert call("check")["state"] == "kept"


def test_escrowed_only_when_the_very_ciphertext_was_kept(call: Call) -> None:
    made = call("make")
    assert not call("confirm", stored={made["uuid"]: "0" * 64})["confirmed"]
    assert call("make")["escrowed"] is None
    digest = hashlib.sha256(made["ciphertext"].encode()).hexdigest()
    assert call("confirm", stored={made["uuid"]: digest})["confirmed"]
    assert call("make")["escrowed"] is not None


def test_f023_new_recipients_get_the_same_password_anew(call: Call, tmp_path: Path) -> None:
    old = call("make")
    file, public = identity(tmp_path, "new")
    _other, second = identity(tmp_path, "second")
    new = call("make", recipients=[public, second])
    assert (new["state"], new["uuid"], new["escrowed"]) == ("made", old["uuid"], None)
    assert opened(new["ciphertext"], file) == (tmp_path / "etc" / "password").read_text().strip()


def test_a_lost_password_begins_a_new_repository(call: Call, tmp_path: Path) -> None:
    old = call("make")
    (tmp_path / "etc" / "password").unlink()
    assert call("check")["state"] == "to be made"
    new = call("make")
    assert new["uuid"] != old["uuid"]
    assert (tmp_path / "records" / f"{old['uuid']}.json").exists()


@pytest.mark.parametrize("recipients", [[], ["age1" + "q" * 58], ["age1" + "q" * 58] * 2, ["age1" + "q" * 58, "x"]])
def test_f023_fewer_than_two_recipients_are_refused(call: Call, tmp_path: Path, recipients: list[str]) -> None:
    with pytest.raises(SystemExit):
        call("make", recipients=recipients)
    assert list((tmp_path / "etc").iterdir()) == []
