"""A system's folder becomes the disk of a laptop: EFI partition, /boot, and the root, open or in a LUKS2 volume.

All without mounting anything and without the device mapper, which the machine that runs the lab need not have.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from toolkit.errors import NomadeError
from toolkit.i18n import _

_MIB = 1 << 20
_ESP_AT, _BOOT_AT, _ROOT_AT = 1, 33, 289  # MiB from the start of the disk
_ROOT_MIB = 2560
_LUKS_MIB = 16  # what cryptsetup reserves for a LUKS2 header
# dm-crypt counts its initial vectors in sectors of 512 bytes whatever the size of the encrypted sector.
_SECTOR = 4096
_IV_STEP = _SECTOR // 512


@dataclass(frozen=True, slots=True)
class System:
    """What a disk is made of: the root folder, and what differs between an open and an encrypted root."""

    root: Path
    initramfs: Path
    grub: Path


def run(*command: str | Path, stdin: bytes = b"") -> bytes:
    """Run one of the tools that make disks. Raises: NomadeError with its first complaint, or its name if missing."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, input=stdin, capture_output=True, timeout=900, check=False)
    except FileNotFoundError as error:
        raise NomadeError(
            _("{program} is not installed: see tests/system-packages.txt").format(program=words[0])
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise NomadeError(_("{program}: {message}").format(program=words[0], message=said))
    return done.stdout


def make(disk: Path, system: System, passphrase: str | None = None) -> None:
    """Write a bootable disk image; with a passphrase, its root lies in a LUKS2 volume.

    The volume's key derivation is weak (PBKDF2, 1000 iterations), as old installers left it.
    """
    header = _LUKS_MIB if passphrase is not None else 0
    with disk.open("wb") as stream:
        stream.truncate((_ROOT_AT + header + _ROOT_MIB + 1) * _MIB)
    table = "label: gpt\n"
    for name, start, size, kind in (
        ("ESP", _ESP_AT, _BOOT_AT - _ESP_AT, "U"),
        ("boot", _BOOT_AT, _ROOT_AT - _BOOT_AT, "L"),
        ("root", _ROOT_AT, header + _ROOT_MIB, "L"),
    ):
        table += f"start={start}MiB, size={size}MiB, type={kind}, name={name}\n"
    run("sfdisk", "--quiet", disk, stdin=table.encode())
    _esp(disk, system)
    _boot(disk, system)
    empty = disk.with_suffix(".empty")
    empty.mkdir()
    boot, aside = system.root / "boot", disk.with_suffix(".boot")
    boot.rename(aside)  # another file system is mounted there
    try:
        empty.rename(boot)
        _ext4(disk, system.root, "root", _ROOT_AT + header, _ROOT_MIB)
    finally:
        if boot.exists():
            boot.rmdir()
        aside.rename(boot)
    if passphrase is not None:
        _encrypt(disk, passphrase)


def _ext4(disk: Path, folder: Path, label: str, at: int, size: int) -> None:
    run("mke2fs", "-q", "-t", "ext4", "-F", "-L", label, "-d", folder, "-E", f"offset={at * _MIB}", disk, f"{size}M")


def _esp(disk: Path, system: System) -> None:
    blocks = (_BOOT_AT - _ESP_AT) * 1024
    run("mkfs.vfat", "-F", "16", "-n", "ESP", "--offset", str(_ESP_AT * _MIB // 512), disk, str(blocks))
    image = f"{disk}@@{_ESP_AT}M"
    loader = system.root / "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
    shim = system.root / "usr/lib/shim/shimx64.efi.signed"
    # The signed boot loader reads its menu from EFI/debian; that one sends it on to /boot, as the installer's does.
    menu = b"search --no-floppy --label --set=root boot\nset prefix=($root)/grub\nconfigfile $prefix/grub.cfg\n"
    run("mmd", "-i", image, "::/EFI", "::/EFI/BOOT", "::/EFI/debian")
    run("mcopy", "-i", image, shim, "::/EFI/BOOT/BOOTX64.EFI")
    run("mcopy", "-i", image, loader, "::/EFI/BOOT/grubx64.efi")
    run("mcopy", "-i", image, "-", "::/EFI/debian/grub.cfg", stdin=menu)


def _boot(disk: Path, system: System) -> None:
    boot = system.root / "boot"
    initramfs = next(boot.glob("initrd.img-*"))
    initramfs.write_bytes(system.initramfs.read_bytes())
    (boot / "grub" / "grub.cfg").write_bytes(system.grub.read_bytes())
    _ext4(disk, boot, "boot", _BOOT_AT, _ROOT_AT - _BOOT_AT)


def _encrypt(disk: Path, passphrase: str) -> None:
    """Put a LUKS2 header before the root and encrypt the root in place."""
    key = secrets.token_bytes(64)
    header, volume_key = disk.with_suffix(".header"), disk.with_suffix(".key")
    volume_key.touch(0o600)
    volume_key.write_bytes(key)
    with header.open("wb") as stream:
        stream.truncate((_LUKS_MIB + 1) * _MIB)
    options = ["--batch-mode", "--type=luks2", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000", "--key-size=512"]
    options += [f"--sector-size={_SECTOR}", f"--volume-key-file={volume_key}", "--key-file=-"]
    try:
        run("cryptsetup", "luksFormat", *options, header, stdin=passphrase.encode())
        with disk.open("r+b") as stream:
            stream.seek(_ROOT_AT * _MIB)
            stream.write(header.read_bytes()[: _LUKS_MIB * _MIB])
            for sector in range(0, _ROOT_MIB * _MIB // _SECTOR, 256):
                stream.seek((_ROOT_AT + _LUKS_MIB) * _MIB + sector * _SECTOR)
                plain = stream.read(256 * _SECTOR)
                stream.seek(-len(plain), 1)
                stream.writelines(_sectors(key, sector, plain))
    finally:
        header.unlink()
        volume_key.unlink()


def _sectors(key: bytes, first: int, plain: bytes) -> Iterator[bytes]:
    cipher = algorithms.AES(key)
    for index in range(0, len(plain), _SECTOR):
        tweak = ((first + index // _SECTOR) * _IV_STEP).to_bytes(16, "little")
        yield Cipher(cipher, modes.XTS(tweak)).encryptor().update(plain[index : index + _SECTOR])


def overlay(base: Path, disk: Path) -> None:
    """Make a disk that reads from `base` and keeps what is written to itself."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, disk)


def blank(disk: Path, mebibytes: int) -> None:
    """Make an empty disk."""
    run("qemu-img", "create", "-q", "-f", "qcow2", disk, f"{mebibytes}M")
