"""The programs of the role disk_encryption, on real LUKS volumes in files: no byte is lost wherever it is cut short."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.programs import module_of
from toolkit import paths

FILES = paths.roles_dir() / "disk_encryption" / "files"
PASSPHRASE = b"une phrase de passe"
# What runs the program with folders of its own instead of the machine's.
RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import nomade_disk, nomade_encrypt
nomade_disk.STATE = nomade_encrypt.STATE = Path(sys.argv[2])
nomade_disk.CRYPTTAB = Path(sys.argv[2]).with_name("crypttab")
nomade_disk.told = lambda: list(nomade_disk.CRYPTTAB.parent.glob("zz-nomade"))
(nomade_disk if sys.argv[3] == "disk" else nomade_encrypt).main(sys.argv[4])
"""
QUICK = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]


def request(folder: Path, **more: Any) -> bytes:
    unlock = folder / "unlock"
    unlock.touch(0o600)
    unlock.write_bytes(PASSPHRASE + b"\n")
    base = {"unlock_file": str(unlock), "images": [], "in_place": [], "remove_clear_swap": False, "discards": "refused"}
    return json.dumps({**base, "pbkdf_memory_kib": 65536, "iter_time_ms": 100, **more}).encode()


def command(folder: Path, program: str, action: str) -> list[str]:
    return [sys.executable, "-c", RUN, str(FILES), str(folder / "state"), program, action]


def run(folder: Path, program: str, action: str, **more: Any) -> Any:
    done = subprocess.run(
        command(folder, program, action), input=request(folder, **more), capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def volume(folder: Path, kind: str = "luks2", *options: str) -> Path:
    path = folder / f"{kind}.img"
    with path.open("wb") as stream:
        stream.truncate(32 << 20)
    words = ["cryptsetup", "luksFormat", "--batch-mode", "--type", kind, "--key-file=-", *options, str(path)]
    subprocess.run(words, input=PASSPHRASE, check=True)
    return path


def opens(path: Path, key: bytes = PASSPHRASE) -> bool:
    words = ["cryptsetup", "open", "--test-passphrase", "--key-file=-", str(path)]
    return subprocess.run(words, input=key, capture_output=True, check=False).returncode == 0


def functions(path: Path) -> set[str]:
    dumped = subprocess.run(
        ["cryptsetup", "luksDump", "--dump-json-metadata", str(path)], capture_output=True, check=True
    )
    return {slot["kdf"]["type"] for slot in json.loads(dumped.stdout)["keyslots"].values()}


def test_a_weak_slot_gets_argon2id_and_still_opens(tmp_path: Path) -> None:
    path = volume(tmp_path, "luks2", *QUICK)
    mine = lambda answer: next(item for item in answer["volumes"] if item["device"] == str(path))  # noqa: E731
    assert mine(run(tmp_path, "disk", "check", images=[str(path)]))["strengthened"] == [0]
    assert functions(path) == {"pbkdf2"}  # looking changes nothing
    assert mine(run(tmp_path, "disk", "apply", images=[str(path)]))["strengthened"] == [0]
    assert functions(path) == {"argon2id"}
    assert opens(path)
    assert mine(run(tmp_path, "disk", "apply", images=[str(path)]))["strengthened"] == []


def test_a_slot_whose_passphrase_is_not_known_is_said_and_left(tmp_path: Path) -> None:
    path = volume(tmp_path, "luks2", *QUICK)
    other = tmp_path / "other"
    other.write_bytes(b"celle de quelqu'un d'autre")
    words = ["cryptsetup", "luksAddKey", *QUICK, "--key-file=-", str(path), str(other)]
    subprocess.run(words, input=PASSPHRASE, check=True)
    answer = next(item for item in run(tmp_path, "disk", "apply", images=[str(path)])["volumes"])
    assert (answer["strengthened"], answer["weak"]) == ([0], [1])
    assert opens(path, other.read_bytes())


def test_a_closed_luks1_volume_becomes_luks2_and_leaves_no_old_header(tmp_path: Path) -> None:
    path = volume(tmp_path, "luks1", "--pbkdf-force-iterations", "1000")
    assert run(tmp_path, "disk", "apply", images=[str(path)])["volumes"][0]["luks1"] is False
    assert functions(path) == {"argon2id"}
    assert opens(path)
    assert not list((tmp_path / "state").iterdir())


def test_an_interrupted_conversion_is_put_back(tmp_path: Path) -> None:
    path = volume(tmp_path, "luks1", "--pbkdf-force-iterations", "1000")
    state = tmp_path / "state"
    state.mkdir()
    copy = state / "x.luks1"
    subprocess.run(["cryptsetup", "luksHeaderBackup", str(path), "--header-backup-file", str(copy)], check=True)
    (state / "x.device").write_text(str(path), encoding="utf-8")
    with path.open("r+b") as stream:
        stream.write(bytes(1 << 20))  # what a cut in the middle may leave
    run(tmp_path, "disk", "apply", images=[str(path)])
    assert opens(path)
    assert not list(state.iterdir())


CRYPTTAB = """# <target name> <source device> <key file> <options>
nvme0n1p3_crypt UUID=3e0a8112-0938-46ea-988f-d49c4195d505 none luks,{}

data_crypt\tUUID=5f70bf18-a086-4070-86e9-48b04aed3b82\tnone\tluks,nofail,{}
cryptswap1 /dev/nvme0n1p4 /dev/urandom swap,cipher=aes-xts-plain64
"""


def test_discards_are_refused_and_allowed_as_decided_and_nothing_else_changes(tmp_path: Path) -> None:
    crypttab = tmp_path / "crypttab"
    crypttab.write_text(CRYPTTAB.replace("{}", "discard,initramfs"))
    crypttab.chmod(0o644)
    news = tmp_path / "zz-nomade"
    news.touch()
    os.utime(news, (0, 0))
    asked = {"discards": "refused"}
    both = ["nvme0n1p3_crypt", "data_crypt"]
    assert run(tmp_path, "disk", "check", **asked)["discards"] == both
    assert "discard" in crypttab.read_text(), "looking changes nothing"
    assert news.stat().st_mtime == 0
    assert run(tmp_path, "disk", "apply", **asked)["discards"] == both
    assert crypttab.read_text() == CRYPTTAB.replace("{}", "initramfs")
    assert crypttab.stat().st_mode & 0o777 == 0o644
    assert news.stat().st_mtime > 0, "the initramfs is to be built anew"
    assert run(tmp_path, "disk", "apply", **asked)["discards"] == []
    assert run(tmp_path, "disk", "apply", discards="allowed")["discards"] == both
    assert crypttab.read_text() == CRYPTTAB.replace("{}", "initramfs,discard")


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("root UUID=1", "root UUID=1 none discard\n"),
        ("root UUID=1 none", "root UUID=1 none discard\n"),
        ("  root UUID=1 none luks  \n", "  root UUID=1 none luks,discard  \n"),
    ],
)
def test_a_line_of_crypttab_without_options_gets_them(tmp_path: Path, line: str, allowed: str) -> None:
    crypttab = tmp_path / "crypttab"
    crypttab.write_text(line)
    assert run(tmp_path, "disk", "apply")["discards"] == []
    assert crypttab.read_text() == line
    assert run(tmp_path, "disk", "apply", discards="allowed")["discards"] == ["root"]
    assert crypttab.read_text() == allowed
    run(tmp_path, "disk", "apply")
    assert "discard" not in crypttab.read_text()


@pytest.mark.parametrize("options", ["luks,nofail", "luks,nofail,discard", "luks,discard,nofail"])
def test_the_boot_waits_for_a_volume_that_is_encrypted_whatever_was_said_of_discards(options: str) -> None:
    sys.path.insert(0, str(FILES))
    program = module_of(FILES / "nomade_encrypt.py")
    left = options.replace("nofail,", "").replace(",nofail", "")
    other = "autre_crypt UUID=2 none luks,nofail\n"
    assert program.waited_for(f"# x\n{other}home_crypt UUID=1 none {options}\n", "home_crypt") == (
        f"# x\n{other}home_crypt UUID=1 none {left}\n"
    )


@pytest.fixture
def disk(tmp_path: Path) -> tuple[Path, str]:
    """An ext4 file system of 192 MiB in a file, and the digest of what it holds."""
    content = tmp_path / "content"
    content.mkdir()
    for number in range(40):
        (content / f"file-{number}").write_bytes(random.Random(number).randbytes(1 << 20))  # noqa: S311
    path = tmp_path / "data.img"
    words = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", str(content), str(path), "192M"]
    subprocess.run(words, check=True, capture_output=True)
    return path, digest(content)


def digest(folder: Path) -> str:
    names = sorted(item for item in folder.iterdir() if item.name.startswith("file-"))
    return hashlib.sha256(b"".join(item.name.encode() + item.read_bytes() for item in names)).hexdigest()


def content(path: Path, folder: Path) -> str:
    """Return the digest of what the volume holds, decrypted by cryptsetup's own reverse operation on a copy."""
    copy, header = folder / "copy.img", folder / "header"
    subprocess.run(["cp", "--sparse=always", str(path), str(copy)], check=True)
    words = ["cryptsetup", "reencrypt", "--decrypt", "--header", str(header), "--batch-mode", "--key-file=-"]
    subprocess.run([*words, "--force-offline-reencrypt", str(copy)], input=PASSPHRASE, check=True, capture_output=True)
    assert subprocess.run(["e2fsck", "-f", "-n", str(copy)], capture_output=True, check=False).returncode == 0
    out = folder / "out"
    out.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {out}", str(copy)], check=True, capture_output=True)
    return digest(out)


def test_a_file_system_is_encrypted_where_it_lies(tmp_path: Path, disk: tuple[Path, str]) -> None:
    path, before = disk
    assert run(tmp_path, "encrypt", "check", in_place=[str(path)])[0]["state"] == "to be encrypted"
    assert run(tmp_path, "encrypt", "apply", in_place=[str(path)]) == [{"mount": str(path), "state": "encrypted"}]
    assert functions(path) == {"argon2id"}
    assert opens(path)
    assert content(path, tmp_path) == before
    assert not list((tmp_path / "state").iterdir())


@pytest.mark.parametrize("seed", range(2))
def test_no_byte_is_lost_wherever_it_is_cut_short(tmp_path: Path, disk: tuple[Path, str], seed: int) -> None:
    path, before = disk
    chance = random.Random(seed)  # noqa: S311
    given = request(tmp_path, in_place=[str(path)])
    cuts = 0
    for _attempt in range(30):
        with subprocess.Popen(
            command(tmp_path, "encrypt", "apply"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        ) as work:
            assert work.stdin is not None
            work.stdin.write(given)
            work.stdin.close()
            deadline = time.monotonic() + chance.uniform(0.05, 1.2)
            while work.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            if work.poll() is None:
                assert os.getpgid(work.pid) == work.pid  # its own group, nobody else's
                os.killpg(work.pid, signal.SIGKILL)
                cuts += 1
            if work.wait() == 0:
                break
    else:
        run(tmp_path, "encrypt", "apply", in_place=[str(path)])
    assert cuts > 0, "nothing was cut short"
    assert opens(path)
    assert content(path, tmp_path) == before


def test_blocks_that_cannot_be_shrunk_and_put_back_are_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "small.img"
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-b", "1024", str(path), "160M"], check=True, capture_output=True)
    before = hashlib.sha256(path.read_bytes()).digest()
    answer = run(tmp_path, "encrypt", "apply", in_place=[str(path)])[0]
    assert answer["state"] == "refused"
    assert "4096" in answer["reason"]
    assert hashlib.sha256(path.read_bytes()).digest() == before


def test_what_is_no_ext4_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "swap.img"
    with path.open("wb") as stream:
        stream.truncate(8 << 20)
    subprocess.run(["mkswap", str(path)], check=True, capture_output=True)
    before = path.read_bytes()
    answer = run(tmp_path, "encrypt", "apply", in_place=[str(path)])[0]
    assert answer["state"] == "refused"
    assert "swap" in answer["reason"]
    assert path.read_bytes() == before
