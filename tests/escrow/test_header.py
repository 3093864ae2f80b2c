"""The copy of a volume's header: what it opens, what it does not hold, what is said of it; real volumes, real age."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from types import ModuleType

from tests.escrow import volumes
from tests.escrow.volumes import HOST, NEEDS, PASSPHRASE, Call, decrypted, opens, slots

pytestmark = NEEDS


def header_of(escrow: ModuleType, uuid: str, identity_file: Path, folder: Path) -> Path:
    """Return the copy of the header that this endpoint sealed, as a file."""
    folder.mkdir(exist_ok=True)
    (folder / "header.img").write_bytes(volumes.header_of(escrow.RECORDS / f"{uuid}.header.age", identity_file))
    return folder / "header.img"


def test_the_copy_of_the_header_opens_with_the_recovery_key_and_with_nothing_else(
    call: Call, escrow: ModuleType, volume: Path, identities: list[tuple[Path, str]], tmp_path: Path
) -> None:
    """A token and a passphrase of the user's are in the header, and not in the copy, nor anything of their areas."""
    token = tmp_path / "token"
    token.write_text('{"type":"essai","keyslots":["0"],"sealed":"SEALED-BY-A-CHIP"}')
    subprocess.run(["cryptsetup", "token", "import", "--json-file", token, volume], check=True)
    (made,) = call("make")
    assert (made["header_state"], made["header"]["slot"]) == ("kept", 31)
    assert not (tmp_path / "memory").exists()
    header = header_of(escrow, made["uuid"], identities[1][0], tmp_path / "there")
    assert hashlib.sha256(header.read_bytes()).hexdigest() == made["header"]["sha256"]
    assert slots(header) == {31}
    assert b"SEALED-BY-A-CHIP" not in header.read_bytes()
    with volume.open("r+b") as disk:
        disk.write(bytes(2**20))
    assert not opens(volume, PASSPHRASE)
    volumes.restore_header(volume, header)
    assert opens(volume, decrypted(made["ciphertext"], identities[0][0]), 31)
    assert not opens(volume, PASSPHRASE)
    assert call("check")[0]["state"] == "kept", "the slot is the one that was recorded"


def test_the_copy_of_the_header_says_inside_what_it_is_of_and_stays_small(
    call: Call, escrow: ModuleType, volume: Path, identities: list[tuple[Path, str]]
) -> None:
    (made,) = call("make")
    file = escrow.RECORDS / f"{made['uuid']}.header.age"
    assert file.stat().st_size < 500_000
    assert file.stat().st_mode & 0o777 == 0o600
    command = ["age", "--decrypt", "--identity", identities[1][0], file]
    line = subprocess.run(command, capture_output=True, check=True).stdout.partition(b"\n")[0]
    inside = json.loads(line)
    assert (inside["endpoint"], inside["uuid"], inside["slot"]) == (HOST, made["uuid"], 31)
    assert (inside["made"], inside["header_sha256"]) == (made["header"]["made"], made["header"]["sha256"])
    named = "\n".join(sorted(public for _, public in identities))
    assert inside["recipients_sha256"] == hashlib.sha256(named.encode()).hexdigest()


def test_a_key_from_before_headers_were_copied_gets_its_copy_without_anybody_typing(
    call: Call, escrow: ModuleType, volume: Path, tmp_path: Path, identities: list[tuple[Path, str]]
) -> None:
    (made,) = call("make")
    record = escrow.RECORDS / f"{made['uuid']}.json"
    content = json.loads(record.read_text())
    del content["header"]
    record.write_text(json.dumps(content))
    nobody = str(tmp_path / "none")
    assert call("check", unlock_file=nobody)[0]["header_state"] == "to be made"
    (again,) = call("make", unlock_file=nobody)
    assert (again["state"], again["header_state"], again["header"]["proven"]) == ("kept", "kept", made["proven"])
    assert call("make", unlock_file=nobody)[0]["header"] == again["header"], "and once is enough"
    header = header_of(escrow, made["uuid"], identities[1][0], tmp_path / "there")
    assert opens(header, decrypted(made["ciphertext"], identities[0][0]))


def test_a_header_that_cannot_be_copied_is_said_and_the_key_stands(
    call: Call, escrow: ModuleType, volume: Path, tmp_path: Path
) -> None:
    (tmp_path / "memory").write_text("in the way")
    (made,) = call("make")
    assert made["state"] == "made"
    assert made["header_state"].startswith("none: ")
    assert "header" not in made
    (tmp_path / "memory").unlink()
    assert call("make")[0]["header_state"] == "kept"
