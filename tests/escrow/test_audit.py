"""What the audit sees of recovery keys that somebody touched: the real probe on real volumes, the real catalogue."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.escrow import volumes
from tests.escrow.volumes import HOST, NEEDS, PASSPHRASE, Call, add_key, identity, kill_slot, slots
from toolkit import catalogue
from toolkit.evaluate import Subject, judge_text
from toolkit.finding import Verdict
from toolkit.probes import registry

pytestmark = NEEDS

CONTROLS = [
    control
    for control in catalogue.load().controls.values()
    if control.audit and control.audit.probe == "recovery_keys"
]
Failing = Callable[..., set[str]]


@pytest.fixture(name="failing")
def judge(escrow: ModuleType, call: Call, identities: list[tuple[Path, str]]) -> Failing:
    """Return which controls fail now, in a commune that keeps what the first run made; none does at first."""
    (made,) = call("make")
    header = made["header"]["ciphertext_sha256"]
    call("confirm", stored={made["uuid"]: made["ciphertext_sha256"]}, headers={made["uuid"]: header})
    known: dict[str, Any] = {
        "escrow_recipients": [public for _, public in identities],
        "escrow_volumes": [made["uuid"]],
        "escrow_kept": [made["ciphertext_sha256"]],
        "escrow_unread": [made["ciphertext_sha256"]],
        "escrow_headers": [header],
    }
    command = registry()["recovery_keys"].alone.replace("/var/lib/nomade/escrow", str(escrow.RECORDS))

    def failing(**changes: Any) -> set[str]:
        text = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
        subject = Subject(HOST, "laptop", fleet=known | changes)
        found = {control.id: judge_text(control, text, subject).verdict for control in CONTROLS}
        assert Verdict.ERROR not in found.values(), text
        return {name for name, verdict in found.items() if verdict is not Verdict.PASS}

    assert failing() == set()
    return failing


def test_a_removed_slot_is_a_finding(failing: Failing, volume: Path) -> None:
    kill_slot(volume, 31)
    assert "recovery-key-unchanged" in failing()


def test_another_key_in_the_same_slot_is_a_finding(failing: Failing, volume: Path, tmp_path: Path) -> None:
    kill_slot(volume, 31)
    add_key(volume, b"another", 31, tmp_path / "key")
    assert "recovery-key-unchanged" in failing()


def test_a_changed_salt_is_a_finding_though_the_slot_s_area_is_the_same(
    failing: Failing, volume: Path, tmp_path: Path
) -> None:
    """The header of the same volume with another salt: the area is untouched, and the key opens nothing any more."""
    dump = ["cryptsetup", "luksDump", "--dump-json-metadata", volume]
    salt = json.loads(subprocess.run(dump, capture_output=True, check=True).stdout)["keyslots"]["31"]["kdf"]["salt"]
    other = ("A" if salt[0] != "A" else "B") + salt[1:]
    volumes.rewrite_header(volume, salt.encode(), other.encode())
    assert slots(volume) == {0, 31}
    assert failing() == {"recovery-key-unchanged", "disk-header-copied"}


def test_a_volume_that_was_encrypted_anew_is_a_finding(failing: Failing, volume: Path, tmp_path: Path) -> None:
    subprocess.run(["cryptsetup", "luksErase", "--batch-mode", volume], check=True, capture_output=True)
    assert "recovery-key-unchanged" in failing()


def test_the_user_s_own_new_passphrase_is_no_finding(failing: Failing, volume: Path, tmp_path: Path) -> None:
    add_key(volume, b"une autre phrase", 5, tmp_path / "key")
    assert failing() == set()


def test_a_recipient_who_left_is_a_finding(
    failing: Failing, identities: list[tuple[Path, str]], tmp_path: Path
) -> None:
    recipients = [identities[0][1], identity(tmp_path, "new")[1]]
    assert failing(escrow_recipients=recipients) == {"recovery-key-recipients"}


def test_a_volume_without_escrow_is_a_finding_beside_one_that_has_it(
    failing: Failing, call: Call, volume: Path, tmp_path: Path
) -> None:
    second = volumes.luks_image(tmp_path / "second.img", "--key-slot", "7")
    both = [str(volume), str(second)]
    (_, made) = call("make", images=both)
    assert made["state"] == "made"
    without_header = {"disk-header-copied", "disk-header-kept"}
    assert failing() == {"recovery-key-escrowed", *without_header}
    header = {made["uuid"]: made["header"]["ciphertext_sha256"]}
    call("confirm", images=both, stored={made["uuid"]: made["ciphertext_sha256"]})
    assert failing() == {"recovery-key-kept", "recovery-key-unread", *without_header}
    call("confirm", images=both, stored={}, headers=header)
    lost = {"recovery-key-kept", "recovery-key-unread", "disk-header-kept"}
    assert failing() == lost, "the commune does not have that one"


def test_an_escrow_of_a_volume_that_is_gone_is_a_finding(failing: Failing, volume: Path, tmp_path: Path) -> None:
    other = "00000000-0000-4000-8000-000000000000"
    assert failing(escrow_volumes=[other]) == {"recovery-key-volume-present"}
    second = volumes.luks_image(tmp_path / "second.img")
    shutil.move(second, volume)
    assert {"recovery-key-volume-present", "recovery-key-escrowed"} <= failing()


def test_a_file_the_commune_lost_or_changed_is_a_finding(failing: Failing) -> None:
    assert failing(escrow_kept=["0" * 64]) == {"recovery-key-kept"}


def test_a_copy_of_the_header_that_the_commune_lost_or_changed_is_a_finding(failing: Failing) -> None:
    assert failing(escrow_headers=["0" * 64]) == {"disk-header-kept"}


def test_a_copy_of_the_header_from_before_a_change_of_the_key_is_a_finding(
    failing: Failing, call: Call, identities: list[tuple[Path, str]]
) -> None:
    """The control machine asks for a new key; the new header comes with it, and until it is kept the audit says so."""
    before = call("make")[0]["ciphertext_sha256"]
    asked = {call("make")[0]["uuid"]: {"ciphertext_sha256": before, "unlock": None}}
    (new,) = call("make", replace=asked)
    known = {"escrow_kept": [new["ciphertext_sha256"]], "escrow_unread": [new["ciphertext_sha256"]]}
    assert {"disk-header-copied", "disk-header-kept"} <= failing(**known)
    header = new["header"]["ciphertext_sha256"]
    said = {"stored": {new["uuid"]: new["ciphertext_sha256"]}, "headers": {new["uuid"]: header}}
    assert call("confirm", **said) == [{"uuid": new["uuid"], "confirmed": True}]
    assert failing(**known) == {"disk-header-kept"}, "the commune still has the old one"
    assert failing(**known, escrow_headers=[header]) == set()


def test_a_key_that_was_read_is_a_finding_until_it_is_replaced(failing: Failing) -> None:
    assert failing(escrow_unread=[]) == {"recovery-key-unread"}


def test_a_volume_that_only_the_recovery_key_opens_is_a_finding(failing: Failing, volume: Path) -> None:
    kill_slot(volume, 0)
    assert failing() == {"recovery-key-not-alone"}
    assert not volumes.opens(volume, PASSPHRASE)


def test_a_header_that_is_no_header_never_passes(failing: Failing, volume: Path) -> None:
    with volume.open("r+b") as file:
        file.write(b"\0" * 1024 * 1024)
    command = ["cryptsetup", "luksDump", volume]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    with pytest.raises(AssertionError):
        failing()
