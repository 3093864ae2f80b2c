"""`nomade escrow` as a technician uses it: what it shows, writes, refuses, and leaves nowhere."""

from __future__ import annotations

import json
import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from tests.conftest import run_nomade
from tests.escrow import kept
from tests.escrow.kept import HOST, KEY, UUID, Escrow
from toolkit.cli import run
from toolkit.errors import BadInputError, ExitCode
from toolkit.escrow import register, sealed
from toolkit.i18n import set_language


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language(None)


@pytest.fixture(name="escrow")
def one_key_in_escrow(tmp_path: Path) -> Escrow:
    return kept.made(tmp_path)


def call(escrow: Escrow, *arguments: str) -> int:
    return run(["escrow", *arguments, "-w", str(escrow.workspace.root)])


def open_to(escrow: Escrow, output: Path, *more: str) -> int:
    words = ["--identity", str(escrow.commune), "--reason", "phrase oubliée", "--output", str(output), *more]
    return call(escrow, "open", HOST, *words)


def entries(escrow: Escrow) -> list[register.Entry]:
    found = register.read(escrow.workspace, "essai")
    assert found.problems == ()
    return list(found.entries)


def files_with(folder: Path, text: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_opening_gives_the_key_writes_the_register_and_has_it_replaced(escrow: Escrow, tmp_path: Path) -> None:
    output = tmp_path / "key"
    assert open_to(escrow, output) == ExitCode.OK
    assert output.read_text() == KEY + "\n"
    assert output.stat().st_mode & 0o777 == 0o600
    (entry,) = entries(escrow)
    assert (entry.action, entry.endpoint, entry.volume, entry.reason) == ("opened", HOST, UUID, "phrase oubliée")
    assert entry.who.count("@") == 1
    asked = json.loads(escrow.request.read_text())
    assert (asked["endpoint"], asked["ciphertext_sha256"]) == (HOST, entry.ciphertext_sha256)
    host = pyrage.ssh.Identity.from_buffer(escrow.host_key.read_bytes())
    assert pyrage.decrypt(asked["unlock"].encode(), [host]).decode() == KEY
    assert files_with(escrow.workspace.root, KEY) == []


def test_the_copy_of_a_header_goes_to_a_file_with_a_reason_and_a_line_in_the_register(
    escrow: Escrow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "header"
    assert open_to(escrow, output, "--header") == ExitCode.OK
    assert output.read_bytes() == kept.header_of(UUID)
    assert output.stat().st_mode & 0o777 == 0o600
    assert "destroy this file" in capsys.readouterr().err
    (entry,) = entries(escrow)
    assert (entry.action, entry.volume, entry.reason) == ("header", UUID, "phrase oubliée")
    described = json.loads((escrow.folder / f"{UUID}.json").read_text())
    assert entry.ciphertext_sha256 == described["header"]["ciphertext_sha256"]
    assert not escrow.request.exists(), "no key was shown"
    assert "header given out" in run_nomade(escrow.workspace, "--lang", "en", "escrow", "register").stdout


@pytest.mark.parametrize("words", [["--header"], ["--header", "--backup", "--output", "x"]])
def test_a_header_is_refused_without_a_file_or_for_a_backup(escrow: Escrow, words: list[str]) -> None:
    asked = ["open", HOST, "--identity", str(escrow.cig), "--reason", "x", *words]
    assert call(escrow, *asked) == ExitCode.USAGE
    assert entries(escrow) == []


@pytest.mark.parametrize("harm", ["none", "gone", "changed", "another", "edited"])
def test_a_copy_of_a_header_that_is_not_whole_is_seen_and_not_given_out(
    escrow: Escrow, tmp_path: Path, harm: str
) -> None:
    other = "00000000-0000-4000-8000-000000000001"
    kept.deposit(escrow, other, host="essai-portable-2")
    assert call(escrow, "verify", "--identity", str(escrow.cig)) == ExitCode.OK
    file, description = escrow.folder / f"{UUID}.header.age", escrow.folder / f"{UUID}.json"
    said = json.loads(description.read_text())
    if harm == "none":
        del said["header"]
    elif harm == "gone":
        file.unlink()
    elif harm == "changed":
        file.write_bytes(file.read_bytes().replace(b"A", b"B", 1))
    elif harm == "another":
        file.write_bytes((escrow.folder / f"{other}.header.age").read_bytes())
        said["header"] = json.loads((escrow.folder / f"{other}.json").read_text())["header"]
    else:
        said["header"]["date"] = "2026-11-29T00:00:00Z"
    description.write_text(json.dumps(said))
    before = len(entries(escrow))
    assert call(escrow, "verify", "--identity", str(escrow.cig)) == ExitCode.NOT_COMPLIANT
    assert open_to(escrow, tmp_path / "header", "--header") == ExitCode.BAD_INPUT
    assert not (tmp_path / "header").exists()
    assert [entry.action for entry in entries(escrow)[before:]] == ["verified"]


def test_a_machine_whose_host_key_is_not_pinned_needs_a_passphrase(
    escrow: Escrow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    escrow.workspace.commune("essai").known_hosts.write_text("broken line\n")
    assert open_to(escrow, tmp_path / "key") == ExitCode.OK
    assert json.loads(escrow.request.read_text())["unlock"] is None
    assert "a passphrase must be put on it" in capsys.readouterr().err


def test_a_pipe_gets_no_key_and_nothing_is_written(escrow: Escrow, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(escrow, "open", HOST, "--identity", str(escrow.cig), "--reason", "x") == ExitCode.USAGE
    assert KEY[:8] not in "".join(capfd.readouterr())
    assert (entries(escrow), escrow.request.exists()) == ([], False)


def test_a_terminal_gets_the_key_to_be_dictated(escrow: Escrow) -> None:
    shown = bytearray()

    def keep(descriptor: int) -> bytes:
        read = os.read(descriptor, 4096)
        shown.extend(read)
        return read

    nomade = str(Path(sys.executable).with_name("nomade"))
    words = ["open", HOST, "--identity", str(escrow.cig), "--reason", "essai", "-w", str(escrow.workspace.root)]
    code = pty.spawn([nomade, "--lang", "fr", "escrow", *words], keep, lambda _descriptor: b"")
    text = shown.decode()
    assert os.waitstatus_to_exitcode(code) == 0, text
    assert text.count("cbdefghi   Célestin Berthe Désiré Eugène François Gaston Henri Irma") == 8
    assert "64 lettres" in text
    assert len(entries(escrow)) == 1


def test_without_a_reason_nothing_is_opened(escrow: Escrow, tmp_path: Path) -> None:
    output = tmp_path / "key"
    words = ["--identity", str(escrow.commune), "--output", str(output)]
    assert call(escrow, "open", HOST, *words, "--reason", " ") == ExitCode.USAGE
    assert run_nomade(escrow.workspace, "escrow", "open", HOST, *words).returncode == ExitCode.USAGE
    assert (output.exists(), entries(escrow), escrow.request.exists()) == (False, [], False)


def test_a_file_that_is_there_is_left_alone(escrow: Escrow, tmp_path: Path) -> None:
    output = tmp_path / "key"
    output.write_text("mine")
    assert open_to(escrow, output) == ExitCode.BAD_INPUT
    assert (output.read_text(), entries(escrow)) == ("mine", [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("endpoint", HOST.replace("1", "2")),
        ("device", "/dev/sdb1"),
        ("slot", 30),
        ("date", "2026-11-29T00:00:00Z"),
        ("recipients", ["age16gglejryulsfmxg96lp7ygu36tr787vxkdxfyk0fqw8s838uyf5qn82awv"]),
    ],
)
def test_an_edit_from_outside_is_seen(escrow: Escrow, tmp_path: Path, name: str, value: object) -> None:
    description = escrow.folder / f"{UUID}.json"
    description.write_text(json.dumps(json.loads(description.read_text()) | {name: value}))
    host = str(value) if name == "endpoint" else HOST
    words = ["--identity", str(escrow.commune), "--reason", "x", "--output", str(tmp_path / "key")]
    assert call(escrow, "open", host, *words) == ExitCode.BAD_INPUT
    assert ((tmp_path / "key").exists(), entries(escrow), escrow.request.exists()) == (False, [], False)
    assert call(escrow, "verify", "--identity", str(escrow.cig)) == ExitCode.NOT_COMPLIANT


def test_the_key_of_another_laptop_is_not_given_out(escrow: Escrow, tmp_path: Path) -> None:
    other = "00000000-0000-4000-8000-000000000001"
    digest = kept.deposit(escrow, other, host="essai-portable-2", key="v" * 64)
    (escrow.folder / f"{UUID}.age").write_bytes((escrow.folder / f"{other}.age").read_bytes())
    description = escrow.folder / f"{UUID}.json"
    description.write_text(json.dumps(json.loads(description.read_text()) | {"ciphertext_sha256": digest}))
    assert open_to(escrow, tmp_path / "key") == ExitCode.BAD_INPUT


def test_an_identity_that_does_not_open_it_is_told_so(
    escrow: Escrow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = tmp_path / "stranger.txt"
    stranger.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    words = ["--reason", "x", "--output", str(tmp_path / "key")]
    assert call(escrow, "open", HOST, "--identity", str(stranger), *words) == ExitCode.BAD_INPUT
    assert call(escrow, "open", HOST, "--identity", str(tmp_path / "none"), *words) == ExitCode.BAD_INPUT
    stranger.write_text("no identity\n")
    assert call(escrow, "open", HOST, "--identity", str(stranger), *words) == ExitCode.BAD_INPUT
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert entries(escrow) == []


def test_an_identity_may_have_a_passphrase(escrow: Escrow, tmp_path: Path) -> None:
    locked = tmp_path / "locked.age"
    locked.write_bytes(pyrage.passphrase.encrypt(escrow.cig.read_bytes(), "grand secret", armored=True))
    assert len(sealed.identities(locked, lambda: "grand secret")) == 1
    with pytest.raises(BadInputError):
        sealed.identities(locked, lambda: "autre")


def test_several_volumes_are_named_before_one_is_opened(
    escrow: Escrow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.deposit(escrow, "00000000-0000-4000-8000-000000000001", device="/dev/sdb1", key="v" * 64)
    assert open_to(escrow, tmp_path / "key") == ExitCode.USAGE
    assert "/dev/sdb1" in capsys.readouterr().err
    assert open_to(escrow, tmp_path / "key", "--volume", "/dev/sdb1") == ExitCode.OK
    assert (tmp_path / "key").read_text() == "v" * 64 + "\n"


def test_rotation_with_an_identity_needs_nobody_at_the_laptop(escrow: Escrow) -> None:
    assert call(escrow, "rotate", HOST, "--reason", "annuel") == ExitCode.OK
    assert json.loads(escrow.request.read_text())["unlock"] is None
    assert call(escrow, "rotate", HOST, "--identity", str(escrow.cig)) == ExitCode.OK
    carried = json.loads(escrow.request.read_text())["unlock"]
    assert carried.startswith("-----BEGIN AGE")
    assert call(escrow, "rotate", HOST) == ExitCode.OK
    assert json.loads(escrow.request.read_text())["unlock"] == carried, "asking again must not take it away"
    assert [entry.action for entry in entries(escrow)] == ["replace"] * 3


def test_rekey_takes_the_keys_that_somebody_who_left_can_read(
    escrow: Escrow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(escrow, "rekey") == ExitCode.OK
    assert not escrow.request.exists()
    kept.deposit(escrow, "00000000-0000-4000-8000-000000000002", device="backup repository")
    fleet = escrow.workspace.commune("essai").fleet
    new = str(pyrage.x25519.Identity.generate().to_public())
    fleet.write_text(fleet.read_text().replace(escrow.recipients[1], new))
    assert call(escrow, "verify") == ExitCode.NOT_COMPLIANT
    assert call(escrow, "rekey", "--identity", str(escrow.commune)) == ExitCode.OK
    assert json.loads(escrow.request.read_text())["unlock"] is not None
    assert [entry.action for entry in entries(escrow)] == ["replace"]
    assert f"passwords of backups stay the same, the next apply encrypts them to today's recipients: {HOST}" in (
        capsys.readouterr().err
    )


def test_verify_says_what_it_proved_and_what_not(escrow: Escrow, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(escrow, "verify") == ExitCode.NOT_COMPLIANT
    said = capsys.readouterr()
    assert f"✓ {HOST} /dev/sda3 {UUID} : whole, for today's recipients, header too\n" in said.out
    assert "✗ essai-portable-2 : no key in escrow" in said.out
    assert "give --identity" in said.err
    kept.deposit(escrow, "00000000-0000-4000-8000-000000000001", host="essai-portable-2")
    assert call(escrow, "verify", "--identity", str(escrow.cig)) == ExitCode.OK
    said = capsys.readouterr()
    assert said.out.count("opened by this identity") == 2
    assert "give --identity" not in said.err
    assert [entry.action for entry in entries(escrow)] == ["verified"]


@pytest.mark.parametrize("harm", ["cut", "changed", "gone", "stray", "stranger", "asked"])
def test_verify_sees_each_harm(escrow: Escrow, harm: str, capsys: pytest.CaptureFixture[str]) -> None:
    kept.deposit(escrow, "00000000-0000-4000-8000-000000000001", host="essai-portable-2")
    assert call(escrow, "verify") == ExitCode.OK
    file = escrow.folder / f"{UUID}.age"
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    elif harm == "changed":
        file.write_bytes(file.read_bytes().replace(b"A", b"B", 1))
    elif harm == "gone":
        file.unlink()
    elif harm == "stray":
        (escrow.folder / f"{UUID}.json").write_text("{}")
    elif harm == "stranger":
        kept.deposit(escrow, host="nowhere-1")
    else:
        call(escrow, "rotate", HOST)
    assert call(escrow, "verify") == ExitCode.NOT_COMPLIANT
    assert "✗" in capsys.readouterr().out


def test_the_key_is_in_no_log_report_or_temporary_file(escrow: Escrow, tmp_path: Path) -> None:
    output = tmp_path / "key"
    words = ["escrow", "open", HOST, "--identity", str(escrow.commune), "--reason", "x", "--output", str(output)]
    done = run_nomade(escrow.workspace, *words)
    assert done.returncode == ExitCode.OK, done.stderr
    for verb in (
        ["verify", "--identity", str(escrow.cig)],
        ["register"],
        ["rotate", HOST, "--identity", str(escrow.cig)],
    ):
        done = run_nomade(escrow.workspace, "escrow", *verb)
        assert KEY not in done.stdout + done.stderr
    output.unlink()
    assert files_with(tmp_path, KEY) == []
