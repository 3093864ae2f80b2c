"""The program that makes recovery keys, on a real LUKS2 volume (an image file) with the real age and cryptsetup."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolkit.paths import roles_dir

PROGRAM = roles_dir() / "disk_encryption" / "files" / "nomade_escrow.py"
PASSPHRASE = b"phrase du portable d'essai"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("cryptsetup") or not shutil.which("age"),
        reason="needs root (the passphrase file must be root's), cryptsetup and age",
    ),
]

Call = Callable[..., list[dict[str, Any]]]


def identity(folder: Path, name: str) -> tuple[Path, str]:
    """Return the file and the public half of a new age identity."""
    path = folder / name
    subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
    return path, subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(name="escrow")
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("nomade_escrow", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RECORDS", tmp_path / "records")
    monkeypatch.setattr(module.resource, "setrlimit", lambda *_: None)
    return module


@pytest.fixture(name="volume")
def luks_image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(20 * 2**20)
    options = ["--type", "luks2", "--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]
    subprocess.run(["cryptsetup", "luksFormat", *options, path, "-"], input=PASSPHRASE, check=True)
    return path


@pytest.fixture(name="identities")
def two_identities(tmp_path: Path) -> list[tuple[Path, str]]:
    return [identity(tmp_path, "cig"), identity(tmp_path, "commune")]


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
            "images": [str(volume)],
            "recipients": [public for _, public in identities],
            "unlock_file": str(unlock),
            "pbkdf_memory_kib": 64,
            "iter_time_ms": 10,
        }
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(request | changes)))
        escrow.main(action)
        return [found for found in json.loads(capsys.readouterr().out) if found.get("device") in (None, str(volume))]

    return call


def opens(volume: Path, key: bytes) -> bool:
    command = ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", volume]
    return subprocess.run(command, input=key, capture_output=True, check=False).returncode == 0


def decrypted(ciphertext: str, identity_file: Path) -> bytes:
    done = subprocess.run(
        ["age", "--decrypt", "--identity", identity_file], input=ciphertext.encode(), capture_output=True, check=True
    )
    return done.stdout


def slots(volume: Path) -> set[int]:
    dumped = subprocess.run(
        ["cryptsetup", "luksDump", "--dump-json-metadata", volume], capture_output=True, check=True
    ).stdout
    return {int(number) for number in json.loads(dumped)["keyslots"]}


def test_f025_the_escrowed_key_opens_the_volume_for_either_identity(
    call: Call, volume: Path, identities: list[tuple[Path, str]]
) -> None:
    (made,) = call("make")
    assert made["state"] == "made"
    for file, _ in identities:
        assert opens(volume, decrypted(made["ciphertext"], file))
    assert opens(volume, PASSPHRASE)
    assert slots(volume) == {0, 31}


def test_second_run_changes_nothing(call: Call) -> None:
    (made,) = call("make")
    (again,) = call("make")
    assert again["state"] == "kept"
    assert again["ciphertext"] == made["ciphertext"]
    assert call("check")[0]["state"] == "kept"


def test_check_changes_nothing(call: Call, volume: Path, escrow: ModuleType) -> None:
    before = hashlib.sha256(volume.read_bytes()).hexdigest()
    assert [found["state"] for found in call("check")] == ["to be made"]
    assert hashlib.sha256(volume.read_bytes()).hexdigest() == before
    assert not escrow.RECORDS.exists()


def test_a_key_counts_as_escrowed_only_when_its_ciphertext_was_kept(call: Call) -> None:
    (made,) = call("make")
    assert made["escrowed"] is None
    assert call("confirm", stored={made["uuid"]: "0" * 64}) == [{"uuid": made["uuid"], "confirmed": False}]
    assert call("make")[0]["escrowed"] is None
    digest = hashlib.sha256(made["ciphertext"].encode()).hexdigest()
    assert call("confirm", stored={made["uuid"]: digest}) == [{"uuid": made["uuid"], "confirmed": True}]
    assert call("make")[0]["escrowed"] is not None


def test_f023_new_recipients_get_a_new_key_and_the_old_one_goes_last(
    call: Call, volume: Path, tmp_path: Path, identities: list[tuple[Path, str]]
) -> None:
    (old,) = call("make")
    file, public = identity(tmp_path, "new-cig")
    (new,) = call("make", recipients=[public, identities[1][1]])
    assert new["state"] == "made"
    assert opens(volume, decrypted(new["ciphertext"], file))
    old_key = decrypted(old["ciphertext"], identities[0][0])
    assert opens(volume, old_key), "the old key must stay until the new one is kept"
    call("confirm", stored={new["uuid"]: new["ciphertext_sha256"]}, recipients=[public, identities[1][1]])
    assert not opens(volume, old_key)
    assert opens(volume, PASSPHRASE)


@pytest.mark.parametrize("recipients", [[], ["age1" + "q" * 58], ["age1" + "q" * 58] * 2, ["age1" + "q" * 58, "x"]])
def test_f023_fewer_than_two_recipients_are_refused(call: Call, volume: Path, recipients: list[str]) -> None:
    with pytest.raises(SystemExit):
        call("make", recipients=recipients)
    assert slots(volume) == {0}


def test_f023_a_recipient_age_does_not_know_changes_nothing(call: Call, volume: Path) -> None:
    with pytest.raises(SystemExit):
        call("make", recipients=["age1" + "q" * 58, "age1" + "p" * 58])
    assert slots(volume) == {0}


def test_f025_a_slot_that_was_replaced_is_noticed_and_a_new_key_made(
    call: Call, volume: Path, identities: list[tuple[Path, str]]
) -> None:
    call("make")
    kill = ["cryptsetup", "luksKillSlot", "--batch-mode", volume, "31"]
    subprocess.run(kill, stdin=subprocess.DEVNULL, check=True, capture_output=True)
    assert call("check")[0]["state"] == "to be made"
    (new,) = call("make")
    assert new["state"] == "made"
    assert opens(volume, decrypted(new["ciphertext"], identities[1][0]))


def test_f026_the_user_s_slot_need_not_be_slot_0(call: Call, volume: Path) -> None:
    options = [
        "--type",
        "luks2",
        "--batch-mode",
        "--key-slot",
        "5",
        "--pbkdf",
        "pbkdf2",
        "--pbkdf-force-iterations",
        "1000",
    ]
    subprocess.run(["cryptsetup", "luksFormat", *options, volume, "-"], input=PASSPHRASE, check=True)
    assert call("make")[0]["state"] == "made"
    assert slots(volume) == {5, 31}


def test_f042_an_interrupted_run_leaves_a_slot_that_the_next_one_removes(
    call: Call, escrow: ModuleType, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write = escrow.write

    def power_cut(path: Path, content: dict[str, Any]) -> None:
        if not path.name.endswith(".pending.json"):
            raise KeyboardInterrupt
        real_write(path, content)

    monkeypatch.setattr(escrow, "write", power_cut)
    with pytest.raises(KeyboardInterrupt):
        call("make")
    assert slots(volume) == {0, 31}
    monkeypatch.setattr(escrow, "write", real_write)
    assert call("check")[0]["state"] == "to be made"
    assert call("make")[0]["state"] == "made"
    assert slots(volume) == {0, 31}
    assert opens(volume, PASSPHRASE)


def test_without_a_passphrase_that_opens_nothing_changes(call: Call, volume: Path, tmp_path: Path) -> None:
    assert call("make", unlock_file=str(tmp_path / "none"))[0]["state"] == "passphrase needed"
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_bytes(b"other")
    assert call("make", unlock_file=str(wrong))[0]["state"] == "passphrase refused"
    assert slots(volume) == {0}


def test_a_passphrase_file_others_can_read_is_refused(call: Call, volume: Path, tmp_path: Path) -> None:
    (tmp_path / "passphrase").chmod(0o644)
    with pytest.raises(SystemExit, match="chmod 600"):
        call("make")
    assert slots(volume) == {0}


def test_the_passphrase_file_goes_once_it_has_served_if_it_lies_in_memory(call: Call) -> None:
    unlock = Path("/dev/shm/nomade-test-passphrase")  # noqa: S108 — a file in memory is what is tested
    unlock.touch(mode=0o600)
    unlock.write_bytes(PASSPHRASE)
    try:
        (made,) = call("make", unlock_file=str(unlock))
        assert unlock.exists()
        call("confirm", unlock_file=str(unlock), stored={made["uuid"]: made["ciphertext_sha256"]})
        assert not unlock.exists()
    finally:
        unlock.unlink(missing_ok=True)


def test_f019_no_secret_is_an_argument_of_a_program(
    call: Call, escrow: ModuleType, identities: list[tuple[Path, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real_run = subprocess.run

    def listening(command: Any, **options: Any) -> Any:
        seen.extend(str(word) for word in command)
        return real_run(command, **options)

    monkeypatch.setattr(escrow.subprocess, "run", listening)
    (made,) = call("make")
    records = escrow.RECORDS
    monkeypatch.undo()
    key = decrypted(made["ciphertext"], identities[0][0]).decode()
    assert len(key) == 71
    assert [word for word in seen if key in word or PASSPHRASE.decode() in word] == []
    kept = [path.read_text() for path in records.iterdir() if path.is_file()]
    assert kept
    assert key not in "".join(kept)
