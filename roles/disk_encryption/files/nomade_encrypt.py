#!/usr/bin/python3 -B
# SPDX-License-Identifier: EUPL-1.2
"""Encrypts file systems of this endpoint where they lie, with the passphrase that is already that of its user.

Standard library and `nomade_disk` beside it; runs on the endpoint as root. `check` and `apply` read a request (JSON) on
standard input and answer in JSON on standard output. Every step may be the last before a power cut: what is on the disk
says where to go on, and the next boot goes on without the volume (`nofail`) rather than not at all.
"""

from __future__ import annotations

import json
import os
import re
import sys
import uuid
from pathlib import Path
from typing import Any

from nomade_disk import CRYPTTAB, FSTAB, STATE, devices, holds, passphrases, run, stable, write

# What cryptsetup asks for to move the start of the file system out of the header's way (cryptsetup-reencrypt(8)).
HEADER_KIB = 32768
# With smaller blocks (file systems under 512 MiB) resize2fs 1.47 reads its own undo file wrongly and stops half way.
BLOCK = 4096
# The system's own places are not touched: a laptop whose root lies open is installed anew.
NEVER = ("/", "/boot", "/boot/efi", "/usr", "/var", "/etc")


class RefusedError(Exception):
    """What was asked for cannot be done safely; nothing was changed. The text says what to do."""


class Task:
    """A file system that gets encrypted where it lies. What is known of it is written down before anything is done."""

    def __init__(self, mount: str) -> None:
        self.mount = mount
        self.folder = STATE / re.sub(r"[^A-Za-z0-9]+", "-", mount).strip("-")
        self.file = self.folder / "task.json"
        self.facts: dict[str, str] = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.undo = self.folder / "shrink.undo"

    @property
    def name(self) -> str:
        return self.folder.name + "_crypt"

    def begin(self) -> None:
        """Choose the new volume's UUID and write down what is about to be done. Raises: RefusedError."""
        entry = next((item for item in devices() if self.mount in (item["mountpoints"] or [])), None)
        if entry is None and not Path(self.mount).is_file():
            raise RefusedError(f"{self.mount}: nothing is mounted there")
        if self.mount in NEVER:
            raise RefusedError(f"{self.mount}: the system itself is not encrypted in place: install the laptop anew")
        device = entry["path"] if entry else self.mount
        kind = entry["fstype"] if entry else run("blkid", "-p", "-s", "TYPE", "-o", "value", device).strip()
        if kind != "ext4":
            raise RefusedError(f"{self.mount}: holds {kind or 'nothing known'}: only ext4 can be made smaller safely")
        if fs_number(device, "Block size") != BLOCK:
            raise RefusedError(f"{self.mount}: its blocks are not of {BLOCK} bytes: shrinking it could not be undone")
        if fs_size_kib(device, "Free blocks") < 2 * HEADER_KIB:
            raise RefusedError(f"{self.mount}: too full: free {2 * HEADER_KIB // 1024} MiB first")
        old = run("blkid", "-p", "-s", "UUID", "-o", "value", device).strip()
        if entry and not any(self.ours(line, old) for line in FSTAB.read_text().splitlines()):
            raise RefusedError(f"{self.mount}: /etc/fstab must name it by UUID={old}")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What is written here is on the disk before the next thing happens: the copies that undo an interrupted shrink.
        holds("chattr", "+SD", str(self.folder))
        self.facts = {"device": stable(device), "old": old, "new": str(uuid.uuid4()), "mount": self.mount}
        write(self.file, json.dumps(self.facts), 0o600)

    def ours(self, line: str, old: str) -> bool:
        return line.split()[:2] == [f"UUID={old}", self.mount]

    def device(self) -> str:
        """Return where it is now: device names change from boot to boot, UUIDs do not."""
        if Path(self.facts["device"]).is_file():
            return self.facts["device"]
        found = {entry["uuid"]: entry["path"] for entry in devices() if entry["type"] != "crypt"}
        return found.get(self.facts["new"]) or found.get(self.facts["old"]) or self.facts["device"]

    def tables(self) -> None:
        """See to it that the next boot goes on without the volume, and asks for its passphrase when it is there."""
        lines = []
        for line in FSTAB.read_text().splitlines(keepends=True):
            words = line.split()
            if self.ours(line, self.facts["old"]) and "nofail" not in words[3].split(","):
                words[3] += ",nofail"
                line = " ".join(words) + "\n"
            lines.append(line)
        write(FSTAB, "".join(lines))
        crypttab = CRYPTTAB.read_text() if CRYPTTAB.exists() else ""
        if self.facts["new"] not in crypttab:
            # Discards are for `nomade_disk` to say.
            write(CRYPTTAB, f"{crypttab}{self.name} UUID={self.facts['new']} none luks,nofail\n")

    def shrink(self, device: str) -> None:
        """Make the file system smaller than its device. An interrupted attempt is undone first."""
        if self.undo.exists():
            # Its mark is in the file before anything is written to the device: without it, there is nothing to undo.
            if self.undo.read_bytes()[:8] == b"E2UNDO02":
                run("e2undo", "-f", str(self.undo), device)
                os.sync()
            self.undo.unlink()
        run("e2fsck", "-f", "-p", device, codes=(0, 1))
        wanted = size_kib(device) - HEADER_KIB
        if fs_size_kib(device, "Block count") > wanted:
            run("resize2fs", "-z", str(self.undo), device, f"{wanted}K")
            if Path(device).is_file():
                os.truncate(device, (wanted + HEADER_KIB) * 1024)
            os.sync()
            self.undo.unlink(missing_ok=True)

    def unfinished_header(self) -> Path | None:
        """Return the header that was about to be written. cryptsetup leaves it when it is interrupted."""
        return next(self.folder.glob("LUKS2-temp-*.new"), None)

    def header(self, device: str, request: dict[str, Any], secret: bytes) -> None:
        """Write the LUKS2 header. The start of the file system is moved to the end first, which was made free."""
        left = self.unfinished_header()
        if left is not None and not holds("blkid", "-p", "-t", "TYPE=ext4", device):
            # The header was being written: what it replaces lies at the end already.
            run("cryptsetup", "luksHeaderRestore", "--batch-mode", device, "--header-backup-file", str(left))
            left.unlink()
        else:
            if left is not None:
                left.unlink()
            options = ["--reduce-device-size", f"{HEADER_KIB}K", "--uuid", self.facts["new"], "--pbkdf", "argon2id"]
            options += ["--pbkdf-memory", str(request["pbkdf_memory_kib"]), "--iter-time", str(request["iter_time_ms"])]
            reencrypt(device, "--encrypt", "--type", "luks2", "--init-only", *options, secret=secret, cwd=self.folder)
        # From here on the header changes: nothing may be left that could be taken for a newer one.
        os.sync()

    def carry_out(self, request: dict[str, Any], secret: bytes) -> str:
        """Begin or go on, to the end. Raises: RefusedError, or SystemExit with a tool's complaint."""
        if not self.facts:
            self.begin()
        device = self.device()
        image = Path(device).is_file()
        if self.unfinished_header() or not holds("cryptsetup", "isLuks", "--type", "luks2", device):
            if not image:
                self.tables()
                if holds("mountpoint", "-q", self.mount) and not holds("umount", self.mount):
                    raise RefusedError(f"{self.mount}: in use: close all sessions, then run again")
            try:
                if not self.unfinished_header():
                    self.shrink(device)
                self.header(device, request, secret)
            except SystemExit:
                holds("mount", self.mount)  # as it was, if it still is what it was
                raise
        if "reencrypt" in run("cryptsetup", "luksDump", device):
            reencrypt(device, "--resume-only", secret=secret)
        if not image:
            self.put_back(device, secret)
        for left in self.folder.iterdir():
            left.unlink()
        self.folder.rmdir()
        return "encrypted"

    def put_back(self, device: str, secret: bytes) -> None:
        run("systemctl", "daemon-reload")
        if not Path("/dev/mapper", self.name).exists():
            run("cryptsetup", "open", "--key-file", "-", device, self.name, given=secret)
        holds("mount", self.mount)  # systemd may have been faster
        run("mountpoint", "-q", self.mount)
        # From now on the boot waits for the passphrase, as for the root: users must not find their files missing.
        write(CRYPTTAB, waited_for(CRYPTTAB.read_text(), self.name))


def waited_for(crypttab: str, name: str) -> str:
    """Return the table with `nofail` taken off the line of one volume, whatever other options it has."""
    lines = []
    for line in crypttab.splitlines(keepends=True):
        words = line.split()
        if words[:1] == [name] and len(words) > 3:
            options = [option for option in words[3].split(",") if option != "nofail"]
            line = " ".join([*words[:3], ",".join(options)]) + "\n"
        lines.append(line)
    return "".join(lines)


def reencrypt(device: str, *options: str, secret: bytes, cwd: Path | None = None) -> None:
    offline = ["--force-offline-reencrypt"] if Path(device).is_file() else []
    command = ["cryptsetup", "reencrypt", "--batch-mode", "--key-file", "-", *options, *offline, device]
    run(*command, given=secret, cwd=cwd)


def fs_number(device: str, what: str) -> int:
    """Return a number that the file system says of itself."""
    return int(re.findall(rf"^{what}:\s+(\d+)", run("dumpe2fs", "-h", device), re.MULTILINE)[0])


def fs_size_kib(device: str, what: str) -> int:
    return fs_number(device, what) * fs_number(device, "Block size") // 1024


def size_kib(device: str) -> int:
    with open(device, "rb") as stream:  # noqa: PTH123 — a block device has no size to stat
        return stream.seek(0, os.SEEK_END) // 1024


def in_place(mount: str, request: dict[str, Any], secrets: list[bytes], act: bool) -> dict[str, str]:
    task = Task(mount)
    mounted = next((item for item in devices() if mount in (item["mountpoints"] or [])), None)
    if not task.facts and mounted is not None and mounted["encrypted"]:
        return {"mount": mount, "state": "kept"}
    if not secrets:
        return {"mount": mount, "state": "passphrase needed"}
    try:
        return {"mount": mount, "state": task.carry_out(request, secrets[0]) if act else "to be encrypted"}
    except RefusedError as reason:
        return {"mount": mount, "state": "refused", "reason": str(reason)}


def main(action: str) -> None:
    os.umask(0o077)
    request = json.load(sys.stdin)
    secrets = passphrases(Path(request["unlock_file"]))
    json.dump([in_place(mount, request, secrets, action == "apply") for mount in request["in_place"]], sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("check", "apply"):
        raise SystemExit("usage: nomade-encrypt check|apply < request.json")
    main(sys.argv[1])
