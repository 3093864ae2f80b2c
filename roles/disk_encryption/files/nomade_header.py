#!/usr/bin/python3 -B
# SPDX-License-Identifier: EUPL-1.2
"""A copy of a LUKS2 header that one key alone opens, for a disk whose own header is damaged.

Standard library and `nomade_disk` beside it; runs on the endpoint as root. The header that cryptsetup copies holds
every key slot. Of those only that of the recovery key stays here: the copy never brings back a passphrase of the user,
and the areas without a slot, sixteen mebibytes of random bytes, become zeros that can be compressed.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nomade_disk import holds, run

MEMORY = Path("/run/nomade-header")  # in memory: a copy in clear does not outlive a power cut


@contextmanager
def copied(device: str, slot: int) -> Iterator[Path]:
    """Give a file, gone afterwards, with the header of `device` in which `slot` is the only one.

    Raises:
        SystemExit: cryptsetup refuses, for instance while the volume is being encrypted.
    """
    shutil.rmtree(MEMORY, ignore_errors=True)
    MEMORY.mkdir(parents=True, mode=0o700)
    file = MEMORY / "header"
    try:
        run("cryptsetup", "luksHeaderBackup", device, "--header-backup-file", str(file))
        _leave_only(file, slot)
        yield file
    finally:
        shutil.rmtree(MEMORY, ignore_errors=True)


def opens(file: Path, device: str, slot: int, key: bytes) -> bool:
    """Tell whether `key` opens the volume through the copy, as it would be used."""
    words = ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", "--key-slot", str(slot)]
    return holds(*words, "--header", str(file), device, given=key)


def packed(file: Path) -> bytes:
    """Return the copy compressed (gzip); the same copy gives the same bytes."""
    return gzip.compress(file.read_bytes(), mtime=0)


def _metadata(file: Path) -> dict[str, Any]:
    return dict(json.loads(run("cryptsetup", "luksDump", "--dump-json-metadata", str(file))))


def _leave_only(file: Path, slot: int) -> None:
    """Remove the other slots and all tokens from the copy, by cryptsetup; then what no slot uses."""
    found = _metadata(file)
    for number in found["tokens"]:
        run("cryptsetup", "token", "remove", "--token-id", number, str(file))
    for number in found["keyslots"]:
        if int(number) != slot:
            run("cryptsetup", "luksKillSlot", "--batch-mode", str(file), number)
    area = _metadata(file)["keyslots"][str(slot)]["area"]
    content = bytearray(file.read_bytes())
    # Binary header, LUKS2 on-disk format 2.1: the size of one of the two copies of the metadata stands at byte 8.
    metadata = 2 * int.from_bytes(content[8:16], "big")
    begin, end = int(area["offset"]), int(area["offset"]) + int(area["size"])
    content[metadata:begin] = bytes(begin - metadata)
    content[end:] = bytes(len(content) - end)
    file.chmod(0o600)
    file.write_bytes(content)
