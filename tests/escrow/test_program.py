"""The program that makes recovery keys, on a real LUKS2 volume (an image file) with the real age and cryptsetup."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.escrow.volumes import (
    HOST,
    NEEDS,
    PASSPHRASE,
    Call,
    decrypted,
    identity,
    kill_slot,
    luks_image,
    opens,
    sealed,
    slots,
)

pytestmark = NEEDS


def test_f025_the_escrowed_key_opens_the_volume_for_either_identity(
    call: Call, volume: Path, identities: list[tuple[Path, str]]
) -> None:
    (made,) = call("make")
    assert made["state"] == "made"
    for file, _ in identities:
        assert opens(volume, decrypted(made["ciphertext"], file))
    assert opens(volume, PASSPHRASE)
    assert slots(volume) == {0, 31}


def test_what_the_key_is_of_is_inside_with_the_key(
    call: Call, volume: Path, identities: list[tuple[Path, str]]
) -> None:
    (made,) = call("make")
    inside = sealed(made["ciphertext"], identities[0][0])
    assert {name: inside[name] for name in ("endpoint", "uuid", "device", "slot", "made")} == {
        "endpoint": HOST,
        "uuid": made["uuid"],
        "device": str(volume),
        "slot": 31,
        "made": made["made"],
    }
    named = "\n".join(sorted(public for _, public in identities))
    assert inside["recipients_sha256"] == hashlib.sha256(named.encode()).hexdigest()


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


def test_two_replacements_before_anything_is_kept_leave_one_key(
    call: Call, volume: Path, tmp_path: Path, identities: list[tuple[Path, str]]
) -> None:
    (first,) = call("make")
    call("confirm", stored={first["uuid"]: first["ciphertext_sha256"]})
    chosen = [identity(tmp_path, "second")[1], identities[1][1]]
    call("make", recipients=chosen)
    (third,) = call("make", recipients=chosen[::-1])
    assert opens(volume, decrypted(first["ciphertext"], identities[0][0]))
    call("confirm", stored={third["uuid"]: third["ciphertext_sha256"]}, recipients=chosen[::-1])
    assert slots(volume) == {0, third["slot"]}


def test_a_key_that_was_read_is_replaced_with_the_passphrase(call: Call) -> None:
    (read,) = call("make")
    asked = {read["uuid"]: {"ciphertext_sha256": read["ciphertext_sha256"], "unlock": None}}
    assert call("check", replace=asked)[0]["state"] == "to be made"
    (new,) = call("make", replace=asked)
    assert (new["state"], new["ciphertext"] == read["ciphertext"]) == ("made", False)
    assert call("make", replace=asked)[0]["state"] == "kept", "the request is about the key that was read, not this one"


def test_the_key_that_was_read_authorises_its_own_replacement(
    call: Call,
    escrow: ModuleType,
    volume: Path,
    tmp_path: Path,
    identities: list[tuple[Path, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host_key = tmp_path / "ssh_host_ed25519_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key], check=True)
    monkeypatch.setattr(escrow, "HOST_KEY", str(host_key))
    (read,) = call("make")
    call("confirm", stored={read["uuid"]: read["ciphertext_sha256"]})
    old_key = decrypted(read["ciphertext"], identities[1][0])
    to_host = ["age", "--armor", "--recipients-file", f"{host_key}.pub"]
    unlock = subprocess.run(to_host, input=old_key, capture_output=True, check=True).stdout.decode()
    asked = {read["uuid"]: {"ciphertext_sha256": read["ciphertext_sha256"], "unlock": unlock}}
    nobody = str(tmp_path / "none")
    (new,) = call("make", replace=asked, unlock_file=nobody)
    assert new["state"] == "made"
    call("confirm", stored={new["uuid"]: new["ciphertext_sha256"]})
    assert not opens(volume, old_key)
    assert opens(volume, decrypted(new["ciphertext"], identities[0][0]))
    assert opens(volume, PASSPHRASE)
    assert slots(volume) == {0, new["slot"]}


def test_what_another_machine_s_key_opens_authorises_nothing(call: Call, tmp_path: Path) -> None:
    (read,) = call("make")
    asked = {read["uuid"]: {"ciphertext_sha256": read["ciphertext_sha256"], "unlock": "not for us"}}
    assert call("make", replace=asked, unlock_file=str(tmp_path / "none"))[0]["state"] == "passphrase needed"


def test_a_clone_of_a_volume_is_named_not_passed_over(call: Call, volume: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone.img"
    shutil.copyfile(volume, clone)
    states = {found["device"]: found["state"] for found in call("make", images=[str(clone), str(volume)])}
    assert states == {str(clone): "made", str(volume): f"same UUID as {clone}"}
    assert slots(volume) == {0}


def test_f027_volumes_are_found_on_partitions_logical_volumes_and_raid_once_each(
    escrow: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As lsblk tells of a laptop with two disks: LUKS under LVM, LUKS in a logical volume, LUKS on a mirror."""
    made = {name: tmp_path / name for name in ("sda3", "vg-data", "md0")}
    for path in made.values():
        path.touch()
    mirror = {"path": str(made["md0"]), "fstype": "crypto_LUKS"}
    member = {"path": "/dev/sdb1", "fstype": "linux_raid_member", "children": [mirror]}
    inside = {"path": str(made["vg-data"]), "fstype": "crypto_LUKS"}
    root = {"path": "/dev/mapper/root", "fstype": "LVM2_member", "children": [inside]}
    first = {"path": str(made["sda3"]), "fstype": "crypto_LUKS", "children": [root]}
    unplugged = {"path": str(tmp_path / "sdd1"), "fstype": "crypto_LUKS"}
    disks = [
        {"path": "/dev/sda", "fstype": None, "children": [{"path": "/dev/sda1", "fstype": "vfat"}, first]},
        {"path": "/dev/sdb", "fstype": None, "children": [member]},
        {"path": "/dev/sdc", "fstype": None, "children": [{**member, "path": "/dev/sdc1"}, unplugged]},
    ]
    (tmp_path / "bin").mkdir()
    lsblk = tmp_path / "bin" / "lsblk"
    lsblk.write_text(f"#!/bin/sh\necho '{json.dumps({'blockdevices': disks})}'\n")
    lsblk.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert escrow.devices([]) == [str(made[name]) for name in ("sda3", "vg-data", "md0")]


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
    kill_slot(volume, 31)
    assert call("check")[0]["state"] == "to be made"
    (new,) = call("make")
    assert new["state"] == "made"
    assert opens(volume, decrypted(new["ciphertext"], identities[1][0]))


def test_f026_the_user_s_slot_need_not_be_slot_0(call: Call, volume: Path) -> None:
    luks_image(volume, "--key-slot", "5")
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
    assert len(key) == 64
    assert [word for word in seen if key in word or PASSPHRASE.decode() in word] == []
    kept = [path.read_text() for path in records.iterdir() if path.is_file()]
    assert kept
    assert key not in "".join(kept)
