"""What tests of recovery keys are made of: real LUKS2 volumes in image files, age identities, the program itself."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.programs import module_of
from toolkit.paths import roles_dir

PROGRAM = roles_dir() / "disk_encryption" / "files" / "nomade_escrow.py"
PASSPHRASE = b"phrase du portable d'essai"
HOST = "valsorbe-portable-1"

NEEDS = [
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


def program() -> ModuleType:
    """Return the program as a module."""
    return module_of(PROGRAM)


def luks_image(path: Path, *options: str) -> Path:
    """Return a new LUKS2 volume in a file, opened by `PASSPHRASE`, quick to unlock."""
    with path.open("wb") as file:
        file.truncate(20 * 2**20)
    quick = ["--type", "luks2", "--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", *options]
    subprocess.run(["cryptsetup", "luksFormat", *quick, path, "-"], input=PASSPHRASE, check=True)
    return path


def opens(volume: Path, key: bytes, slot: int | None = None) -> bool:
    only = [] if slot is None else ["--key-slot", str(slot)]
    command = ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", *only, volume]
    return subprocess.run(command, input=key, capture_output=True, check=False).returncode == 0


def sealed(ciphertext: str, identity_file: Path) -> dict[str, Any]:
    """Return what is inside."""
    command = ["age", "--decrypt", "--identity", identity_file]
    done = subprocess.run(command, input=ciphertext.encode(), capture_output=True, check=True)
    return dict(json.loads(done.stdout))


def decrypted(ciphertext: str, identity_file: Path) -> bytes:
    return str(sealed(ciphertext, identity_file)["key"]).encode()


def header_of(file: Path, identity_file: Path) -> bytes:
    """Return the copy of a header as a technician without Nomade does: age, the first line off, gzip."""
    command = ["age", "--decrypt", "--identity", identity_file, file]
    content = subprocess.run(command, capture_output=True, check=True).stdout
    return gzip.decompress(content.partition(b"\n")[2])


def restore_header(volume: Path, header: Path) -> None:
    """Put a header back as docs/procedure-recuperation.md says."""
    command = ["cryptsetup", "luksHeaderRestore", "--batch-mode", volume, "--header-backup-file", header]
    subprocess.run(command, check=True, capture_output=True)


def slots(volume: Path) -> set[int]:
    dump = ["cryptsetup", "luksDump", "--dump-json-metadata", volume]
    return {
        int(number) for number in json.loads(subprocess.run(dump, capture_output=True, check=True).stdout)["keyslots"]
    }


def kill_slot(volume: Path, number: int) -> None:
    kill = ["cryptsetup", "luksKillSlot", "--batch-mode", volume, str(number)]
    subprocess.run(kill, stdin=subprocess.DEVNULL, check=True, capture_output=True)


def add_key(volume: Path, key: bytes, number: int, scratch: Path) -> None:
    """Put another key into a slot, as somebody behind our back would."""
    scratch.write_bytes(key)
    quick = ["--batch-mode", "--key-file", "-", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]
    command = ["cryptsetup", "luksAddKey", *quick, "--new-key-slot", str(number), volume, scratch]
    subprocess.run(command, input=PASSPHRASE, check=True, capture_output=True)


def rewrite_header(volume: Path, old: bytes, new: bytes) -> None:
    """Change bytes of the JSON in both copies of a LUKS2 header, and their checksums (LUKS2 on-disk format, 2.1)."""
    content = bytearray(volume.read_bytes()[: 2**20])
    size = int.from_bytes(content[8:16], "big")
    for start in (0, size):
        header = content[start : start + size].replace(old, new)[:size]
        header += bytes(size - len(header))
        header[0x1C0:0x200] = bytes(64)
        header[0x1C0:0x1E0] = hashlib.sha256(header).digest()
        content[start : start + size] = header
    with volume.open("r+b") as file:
        file.write(content)
