#!/usr/bin/python3 -B
# SPDX-License-Identifier: EUPL-1.2
"""Encrypted volumes of this endpoint: LUKS2, strong key derivation, no swap in clear, discards or not.

Standard library only; runs on the endpoint as root. `check` and `apply` read a request (JSON) on standard input and
answer in JSON on standard output. Passphrases come from a file in memory and go to cryptsetup through pipes only.
Every step may be the last before a power cut: what is on the disk, not what was remembered, says where to go on.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STATE = Path("/var/lib/nomade/disk")
FSTAB, CRYPTTAB = Path("/etc/fstab"), Path("/etc/crypttab")
# RFC 9106's second choice for Argon2id, 64 MiB: a slot with less, or with another function, is weak.
LEAST_MEMORY_KIB = 65536


def run(*command: str, given: bytes = b"", codes: tuple[int, ...] = (0,), cwd: Path | None = None) -> str:
    """Return what `command` prints; `given` goes to its standard input. Raises: SystemExit with its complaint."""
    done = subprocess.run(command, input=given, capture_output=True, check=False, cwd=cwd)
    if done.returncode not in codes:
        raise SystemExit("{}: {}".format(" ".join(command[:3]), " ".join(done.stderr.decode(errors="replace").split())))
    return done.stdout.decode(errors="replace")


def holds(*command: str, given: bytes = b"") -> bool:
    return subprocess.run(command, input=given, capture_output=True, check=False).returncode == 0


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file; after a power cut it is the old or the new one."""
    new = path.with_name(path.name + ".nomade-new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), mode)  # whatever the umask: everybody reads /etc/fstab
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def devices() -> Iterator[dict[str, Any]]:
    """Return every block device once per way down to it, with `encrypted`: whether one above it is."""

    def below(entries: list[dict[str, Any]], encrypted: bool) -> Iterator[dict[str, Any]]:
        for entry in entries:
            inside = encrypted or entry["type"] == "crypt"
            yield {**entry, "encrypted": inside}
            yield from below(entry.get("children") or [], inside)

    if Path("/run/systemd/container").exists():  # the disks that are seen there are another machine's
        return
    columns = "PATH,TYPE,FSTYPE,UUID,MOUNTPOINTS"
    yield from below(json.loads(run("lsblk", "--json", "--bytes", "--output", columns))["blockdevices"], False)


def passphrases(path: Path) -> list[bytes]:
    """Return what the file may mean: without and with a last line end. Raises: SystemExit if others can read it."""
    if not path.exists():
        return []
    facts = path.stat()
    if facts.st_uid != 0 or facts.st_mode & 0o077:
        raise SystemExit(f"{path}: must belong to root and be readable by nobody else (chmod 600)")
    content = path.read_bytes()
    return list(dict.fromkeys([content.removesuffix(b"\n"), content]))


# --- key derivation -------------------------------------------------------------------------------------------------


def weak(slot: dict[str, Any]) -> bool:
    return slot["kdf"]["type"] != "argon2id" or int(slot["kdf"]["memory"]) < LEAST_MEMORY_KIB


def weak_slots(device: str) -> list[str]:
    header = json.loads(run("cryptsetup", "luksDump", "--dump-json-metadata", device))
    return [number for number, slot in header["keyslots"].items() if slot["type"] == "luks2" and weak(slot)]


def strengthen(device: str, request: dict[str, Any], secrets: list[bytes], act: bool) -> dict[str, Any]:
    """Give Argon2id to each slot that a known passphrase opens, or only say which.

    cryptsetup writes the new slot before it drops the old, and takes at most half of the memory of the machine.
    """
    done, left = [], []
    options = ["--batch-mode", "--key-file", "-", "--pbkdf", "argon2id"]
    options += ["--pbkdf-memory", str(request["pbkdf_memory_kib"]), "--iter-time", str(request["iter_time_ms"])]
    for number in weak_slots(device):
        opens = ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", "--key-slot", number, device]
        secret = next((item for item in secrets if holds(*opens, given=item)), None)
        if secret is None:
            left.append(int(number))
            continue
        if act:
            run("cryptsetup", "luksConvertKey", *options, "--key-slot", number, device, given=secret)
        if act and not holds(*opens, given=secret):
            raise SystemExit(f"{device}: the passphrase of slot {number} does not open it any more")
        done.append(int(number))
    return {"device": device, "strengthened": done, "weak": left}


def versions(images: list[str]) -> Iterator[tuple[str, str]]:
    """Return each LUKS device or image with its version, "1" or "2"."""
    found = [entry["path"] for entry in devices() if entry["fstype"] == "crypto_LUKS"]
    for device in dict.fromkeys([*found, *(image for image in images if Path(image).exists())]):
        dumped = subprocess.run(["cryptsetup", "luksDump", device], capture_output=True, text=True, check=False).stdout
        if version := re.search(r"^Version:\s+(\d)", dumped, re.MULTILINE):
            yield device, version[1]


def stable(device: str) -> str:
    """Return a name of the device that stays from boot to boot, whatever the device holds."""
    for folder in ("by-partuuid", "by-id"):
        for link in sorted(Path("/dev/disk", folder).glob("*")):
            if str(link.resolve()) == device:
                return str(link)
    return device


def convert(device: str) -> bool:
    """Make a LUKS1 header a LUKS2 one, if the volume is closed; tell whether it was done.

    A copy of the header lies on this endpoint, readable by root, until then and no longer: an old header opens the
    volume with old passphrases.
    """
    STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = run("cryptsetup", "luksUUID", device).strip()
    copy = STATE / f"{name}.luks1"
    copy.unlink(missing_ok=True)
    run("cryptsetup", "luksHeaderBackup", device, "--header-backup-file", str(copy))
    write(copy.with_suffix(".device"), stable(device), 0o600)
    os.sync()
    converted = holds("cryptsetup", "convert", "--batch-mode", "--type", "luks2", device)
    end_conversions()
    return converted


def end_conversions() -> None:
    """Put back the header of a conversion that a power cut interrupted, and forget the copies that are not needed."""
    for where in STATE.glob("*.device"):
        device, copy = where.read_text(), where.with_suffix(".luks1")
        if not holds("cryptsetup", "isLuks", device):
            run("cryptsetup", "luksHeaderRestore", "--batch-mode", device, "--header-backup-file", str(copy))
        os.sync()
        copy.unlink(missing_ok=True)
        where.unlink()


# --- swap -----------------------------------------------------------------------------------------------------------


def clear_swaps() -> list[str]:
    """Return the swap devices in use that are not encrypted. Compressed memory (zram) is no disk."""
    swaps = {entry["path"]: entry["encrypted"] for entry in devices() if "[SWAP]" in (entry["mountpoints"] or [])}
    return [path for path, encrypted in swaps.items() if not encrypted and not path.startswith("/dev/zram")]


def remove_swap(device: str) -> None:
    """Take a swap device out of use for good, and what was swapped out off the disk."""
    lines = []
    for line in FSTAB.read_text().splitlines(keepends=True):
        words = line.split()
        ours = len(words) > 2 and not line.startswith("#") and words[2] == "swap" and resolved(words[0]) == device
        lines.append(f"# nomade, swap in clear: {line}" if ours else line)
    write(FSTAB, "".join(lines))
    resume = Path("/etc/initramfs-tools/conf.d/zz-nomade-resume")
    if resume.parent.is_dir():  # the next boot must not wait for it
        write(resume, "RESUME=none\n")
    run("swapoff", device)
    run("blkdiscard", "--zeroout", device)
    zeros = os.open(device, os.O_RDONLY)
    os.fsync(zeros)  # nobody else would: seen after a power cut, what was swapped out was back
    os.close(zeros)


def resolved(source: str) -> str:
    """Return the device a first field of fstab or crypttab names, or nothing."""
    found = subprocess.run(["findfs", source], capture_output=True, text=True, check=False).stdout.strip()
    return os.path.realpath(found or source)


# --- discards -------------------------------------------------------------------------------------------------------


def set_discards(policy: str, act: bool) -> list[str]:
    """Have the volumes that are opened at boot hand discards on to the disk (`allowed`) or not (`refused`).

    Returns the names of those whose line in crypttab is another; it counts from the next boot on. A swap with a new key
    at each boot is left as it is: nothing on it outlives the boot.
    """
    changed, lines = [], []
    for line in CRYPTTAB.read_text().splitlines(keepends=True) if CRYPTTAB.exists() else []:
        found = re.fullmatch(r"(?s)(\s*[^#\s]\S*\s+\S+)(?:(\s+\S+)(?:(\s+)(\S+))?)?(\s*)", line)
        said = found[4].split(",") if found and found[4] else []
        options = [option for option in said if option != "discard"] + ["discard"] * (policy == "allowed")
        if found is None or sorted(said) == sorted(options) or "/random" in line or "/urandom" in line:
            lines.append(line)
            continue
        changed.append(found[1].split()[0])
        fields = [found[1], found[2] or " none", found[3] or " ", ",".join(options) or "luks", found[5] or "\n"]
        lines.append("".join(fields))
    if changed and act:
        for file in told():  # the initramfs has a copy of crypttab: until it is built anew it is older than these
            os.utime(file)
        write(CRYPTTAB, "".join(lines), CRYPTTAB.stat().st_mode & 0o777)
    return changed


def told() -> list[Path]:
    """Return the files whose content, or whose news, the initramfs must have."""
    files = [*Path("/etc/initramfs-tools/conf.d").glob("zz-nomade*"), Path("/etc/default/keyboard")]
    return [file for file in files if file.exists()]


# --- all of it ------------------------------------------------------------------------------------------------------


def main(action: str) -> None:
    os.umask(0o077)
    request = json.load(sys.stdin)
    act = action == "apply"
    secrets = passphrases(Path(request["unlock_file"]))
    answer: dict[str, Any] = {"volumes": [], "swaps": clear_swaps() if request["remove_clear_swap"] else []}
    for device in answer["swaps"] if act else []:
        remove_swap(device)
    answer["discards"] = set_discards(request["discards"], act)
    if act:
        end_conversions()
    for device, version in versions(request["images"]):
        if version == "1" and not (act and convert(device)):
            answer["volumes"].append({"device": device, "strengthened": [], "weak": [], "luks1": True})
        else:
            found = strengthen(device, request, secrets, act)
            answer["volumes"].append({**found, "luks1": False})
    initramfs = Path("/boot", f"initrd.img-{os.uname().release}")
    answer["initramfs"] = initramfs.exists()
    answer["initramfs_old"] = initramfs.exists() and any(
        file.stat().st_mtime > initramfs.stat().st_mtime for file in told()
    )
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("check", "apply"):
        raise SystemExit("usage: nomade-disk check|apply < request.json")
    main(sys.argv[1])
