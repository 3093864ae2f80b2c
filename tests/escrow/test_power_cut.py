"""Power lost between every two changes of enrolment, rotation and rekeying; and where secrets may be seen meanwhile.

After each cut: the user's passphrase opens the volume, what the commune keeps opens it or is said not to be whole, and
the next apply ends where an undisturbed one would.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pyrage
import pytest

from tests.escrow import kept as keeping
from tests.escrow.power import IN_MEMORY, Laptop, cut
from tests.escrow.volumes import (
    HOST,
    NEEDS,
    PASSPHRASE,
    decrypted,
    header_of,
    identity,
    opens,
    restore_header,
    sealed,
    slots,
)
from toolkit.errors import BadInputError
from toolkit.escrow import deposits, opening, register
from toolkit.escrow.opening import Kept
from toolkit.escrow.sealed import identities as read_identities
from toolkit.probes import registry
from toolkit.workspace import CommuneFolder

pytestmark = NEEDS

People = list[tuple[Path, str]]
MOST = 40  # changes; far more than any of these makes


@pytest.fixture(name="people", scope="module")
def three_identities(tmp_path_factory: pytest.TempPathFactory) -> People:
    folder = tmp_path_factory.mktemp("identities")
    return [identity(folder, name) for name in ("cig", "commune", "new")]


@pytest.fixture(name="enrolled", scope="module")
def an_enrolled_laptop(tmp_path_factory: pytest.TempPathFactory, people: People) -> Laptop:
    laptop = Laptop.fresh(tmp_path_factory.mktemp("enrolled") / "laptop", [public for _, public in people[:2]])
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", laptop.folder / "host_key"], check=True
    )
    assert not laptop.apply()
    return laptop


def is_true(laptop: Laptop, people: People) -> None:
    """Check what must hold at any moment once a key was kept, whatever was cut."""
    assert opens(laptop.image, PASSPHRASE)
    content, record = laptop.ciphertext(), laptop.record()
    if record and record["escrowed"]:
        assert opens(laptop.image, decrypted(record["ciphertext"], people[1][0]), record["slot"])
    if content is None:
        assert record is None or record["escrowed"] is None
        return
    assert opens(laptop.image, decrypted(content, people[1][0]))
    folder = CommuneFolder(laptop.kept.parent)
    for item in deposits(folder)[0]:
        try:
            same = item.ciphertext().decode() == content
        except BadInputError:
            continue  # says itself that it is not whole
        inside = sealed(content, people[1][0])
        assert same
        assert (inside["uuid"], inside["slot"], inside["endpoint"]) == (item.uuid, item.slot, HOST)


def has_converged(laptop: Laptop, people: People, former: bytes | None) -> None:
    """Check the end: one recovery key and the copy of a header with its slot, both kept; a former key opens nothing."""
    record, content = laptop.record(), laptop.ciphertext()
    assert record is not None
    assert content is not None
    assert record["escrowed"]
    assert record["ciphertext"] == content
    assert record["superseded"] == []
    assert slots(laptop.image) == {0, record["slot"]}
    assert opens(laptop.image, decrypted(content, people[1][0]), record["slot"])
    assert former is None or not opens(laptop.image, former)
    header = laptop.header()
    assert header is not None
    assert record["header"]["escrowed"]
    assert hashlib.sha256(header.read_bytes()).hexdigest() == record["header"]["ciphertext_sha256"]
    assert all(record["header"][name] == record[name] for name in ("slot", "keyslot_sha256", "area_sha256"))
    assert (list(laptop.records.glob("*.pending.json")), laptop.replace()) == ([], {})
    (item,) = deposits(CommuneFolder(laptop.kept.parent))[0]
    assert item.ciphertext().decode() == content


def brings_the_disk_back(laptop: Laptop, people: People, former: bytes | None) -> None:
    """Check what is kept of the header: on a disk that lost its own, today's key opens it and no earlier one does."""
    file = laptop.header()
    assert file is not None
    copy, broken = laptop.folder / "header.img", laptop.folder / "broken.img"
    copy.write_bytes(header_of(file, people[1][0]))
    broken.write_bytes(bytes(2**20) + laptop.image.read_bytes()[2**20 :])
    restore_header(broken, copy)
    assert opens(broken, decrypted(str(laptop.ciphertext()), people[1][0]))
    assert former is None or not opens(broken, former)
    assert not opens(broken, PASSPHRASE), "no phrase of the user comes back"
    assert not (laptop.folder / IN_MEMORY).exists()


def every_cut(start: Laptop, folder: Path, people: People, former: bytes | None) -> int:
    """Cut before each change of an apply, check, apply again, check; return how many changes there were."""
    for number in range(1, MOST):
        laptop = start.copy(folder / str(number))
        if not laptop.apply(number):
            has_converged(laptop, people, former)
            brings_the_disk_back(laptop, people, former)
            return number - 1
        is_true(laptop, people)
        assert not laptop.apply()
        has_converged(laptop, people, former)
        shutil.rmtree(laptop.folder)
    raise AssertionError("it never ended")


def ask(laptop: Laptop, people: People, *, unlock: bool) -> bytes:
    """Write the request to replace the key as `nomade escrow` does; return the key that is to open nothing any more."""
    (item,) = deposits(CommuneFolder(laptop.kept.parent))[0]
    key = decrypted(item.ciphertext().decode(), people[1][0])
    public = (laptop.folder / "host_key.pub").read_text()
    carried = pyrage.encrypt(key, [pyrage.ssh.Recipient.from_str(public.strip())], armored=True).decode()
    said = {"endpoint": HOST, "uuid": item.uuid, "ciphertext_sha256": item.ciphertext_sha256}
    item.replacement_file.write_text(json.dumps(said | {"unlock": carried if unlock else None}))
    return key


def test_f042_power_cut_anywhere_in_enrolment(tmp_path: Path, people: People) -> None:
    start = Laptop.fresh(tmp_path / "start", [public for _, public in people[:2]])
    assert every_cut(start, tmp_path, people, None) >= 10


def test_f042_power_cut_anywhere_in_a_rotation_with_the_passphrase(
    tmp_path: Path, people: People, enrolled: Laptop
) -> None:
    start = enrolled.copy(tmp_path / "start")
    former = ask(start, people, unlock=False)
    assert every_cut(start, tmp_path, people, former) >= 14


def test_f042_power_cut_anywhere_in_a_rekey_that_nobody_types_for(
    tmp_path: Path, people: People, enrolled: Laptop
) -> None:
    start = enrolled.copy(tmp_path / "start")
    former = ask(start, people, unlock=True)
    (start.folder / "passphrase").unlink()
    start.recipients = [people[2][1], people[1][1]]
    assert every_cut(start, tmp_path, people, former) >= 14


@pytest.mark.parametrize("milliseconds", [5, 20, 50, 100, 200])
def test_f042_power_cut_while_cryptsetup_writes(
    tmp_path: Path, people: People, enrolled: Laptop, monkeypatch: pytest.MonkeyPatch, milliseconds: int
) -> None:
    laptop = enrolled.copy(tmp_path / "laptop")
    former = ask(laptop, people, unlock=False)
    real = shutil.which("cryptsetup")
    program(
        tmp_path / "bin" / "cryptsetup",
        f'[ "$1" = luksAddKey ] || exec {real} "$@"\n'
        f'{real} "$@" <&0 & sleep {milliseconds / 1000}; kill -9 $!; wait; kill -9 $PPID\n',
    )
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{path}")
    assert laptop.apply(), "the power was to fail"
    monkeypatch.setenv("PATH", path)
    is_true(laptop, people)
    assert not laptop.apply()
    has_converged(laptop, people, former)


def test_power_cut_anywhere_in_an_opening_shows_no_key_that_the_register_does_not_have(tmp_path: Path) -> None:
    for number in range(1, MOST):
        (tmp_path / str(number)).mkdir()
        escrow = keeping.made(tmp_path / str(number))
        output = tmp_path / str(number) / "key"

        def open_it(escrow: keeping.Escrow = escrow, output: Path = output) -> None:
            (item,) = deposits(escrow.workspace.commune("essai"))[0]
            keys = read_identities(escrow.cig, str)
            inside = opening.open_key(escrow.workspace, Kept("essai", item), keys, "essai")
            opening.write_new(output, inside.secret + "\n")

        killed = cut(number, open_it)
        found = register.read(escrow.workspace, "essai")
        assert found.problems == ()
        if output.exists():
            assert [entry.action for entry in found.entries] == ["opened"]
        if found.entries:
            assert escrow.request.exists(), "a key that was read must be replaced"
        if not killed:
            assert number > 6
            return
        output.unlink(missing_ok=True)
        open_it()
        found = register.read(escrow.workspace, "essai")
        assert found.problems == ()
        assert found.entries[-1].action == "opened"
    raise AssertionError("it never ended")


def program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


def test_f019_neither_key_nor_passphrase_is_seen_anywhere(
    tmp_path: Path, people: People, enrolled: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call of age and cryptsetup first keeps the arguments and environments of all processes there are."""
    laptop = enrolled.copy(tmp_path / "laptop")
    former = ask(laptop, people, unlock=True)
    sample = 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n" >>'
    for name in ("age", "cryptsetup"):
        program(tmp_path / "bin" / name, f'{sample} {tmp_path}/seen\nexec {shutil.which(name)} "$@"\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (laptop.folder / "passphrase").write_bytes(b"of no use")
    assert not laptop.apply(), "the key that was read authorises"
    command = registry()["recovery_keys"].alone.replace("/var/lib/nomade/escrow", str(laptop.records))
    evidence = subprocess.run(["sh", "-c", command], capture_output=True, check=True).stdout
    (tmp_path / "evidence").write_bytes(evidence)
    has_converged(laptop, people, former)
    key = decrypted(str(laptop.ciphertext()), people[0][0])
    places = [path for path in tmp_path.rglob("*") if path.is_file() and path != laptop.image]
    seen = (tmp_path / "seen").read_text(errors="replace")
    assert min(seen.count("luksAddKey"), seen.count("luksHeaderBackup"), seen.count("--header")) >= 1
    assert [path for path in places if path.read_bytes().startswith(b"LUKS\xba\xbe")] == [], "a header in clear"
    assert len(places) > 5
    for secret in (key, former, PASSPHRASE):
        assert [path for path in places if secret in path.read_bytes()] == []
        assert secret not in laptop.image.read_bytes()[: 2**20], "nor in the volume's header"
