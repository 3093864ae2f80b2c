#!/usr/bin/python3 -B
# SPDX-License-Identifier: EUPL-1.2
"""Recovery keys of this endpoint's LUKS2 volumes. Standard library only; runs on the endpoint as root.

`check`, `make` and `confirm` read a request (JSON) on standard input and answer in JSON on standard output. A recovery
key is in clear in the memory of `make` and in pipes to `age` and `cryptsetup` only: no argument, file or environment.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
import re
import resource
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RECORDS = Path("/var/lib/nomade/escrow")
sys.dont_write_bytecode = True  # of what is imported from beside this file
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Letters of systemd-cryptenroll's recovery keys, on the same keys of most keyboards. Its hyphens are not: we have none.
MODHEX = "cbdefghijklnrtuv"
# LUKS2 has slots 0 to 31. Tools take the first free one; ours are taken from the end, so that nobody else's is there.
LAST_SLOT = 31
# What a record says of a key slot: enough to see any change of what a key needs to open the volume through it.
SLOT = ("slot", "keyslot_sha256", "area_sha256", "digest_sha256")
# Of what is encrypted and of what is recorded. A key of an earlier form is replaced.
FORMAT = 2


def run(*command: str, given: bytes = b"", passed: tuple[int, ...] = ()) -> bytes:
    """Return what `command` prints; `given` goes to its standard input. Raises: SystemExit with its complaint."""
    done = subprocess.run(command, input=given, capture_output=True, pass_fds=passed, check=False)
    if done.returncode != 0:
        said = " ".join(done.stderr.decode(errors="replace").split()) or f"exit {done.returncode}"
        raise SystemExit(f"{' '.join(command[:2])}: {said}")
    return done.stdout


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def write(path: Path, content: dict[str, Any] | str) -> None:
    """Write `content`, readable by root only; after a power cut the file is the old or the new one."""
    new = path.with_suffix(".new")
    text = content if isinstance(content, str) else json.dumps(content, indent=1, sort_keys=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def sha256(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def compact(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def seal(content: dict[str, Any], recipients: list[str], attached: bytes = b"") -> str:
    """Return `content` encrypted to `recipients`, who are named inside by a digest: edits from outside show.

    What is attached follows the content, which is one line then.
    """
    words = [word for recipient in recipients for word in ("--recipient", recipient)]
    inside = {"format": FORMAT, **content, "recipients_sha256": sha256("\n".join(sorted(recipients)))}
    text = json.dumps(inside, indent=None if attached else 1) + "\n"
    return run("age", "--armor", *words, given=text.encode() + attached).decode()


def header_program() -> Any:
    """Return the program beside this one that copies headers; the password of a backup does without it."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    return importlib.import_module("nomade_header")


class Volume:
    """One LUKS2 volume: its header, the record of its recovery key, and what may be done to both."""

    def __init__(self, device: str, uuid: str) -> None:
        self.device, self.uuid = device, uuid
        self.record_file = RECORDS / f"{uuid}.json"
        self.pending_file = RECORDS / f"{uuid}.pending.json"
        self.header_file = RECORDS / f"{uuid}.header.age"
        self.header_problem = ""
        self.record = read(self.record_file)
        self.reload()

    def reload(self) -> None:
        header = json.loads(run("cryptsetup", "luksDump", "--dump-json-metadata", self.device))
        self.slots: dict[int, Any] = {int(number): slot for number, slot in header["keyslots"].items()}
        self.keys: list[dict[str, Any]] = list(header["digests"].values())

    def digests(self, number: int) -> dict[str, str]:
        """Return what identifies a slot: its description (salt included), its area on disk, the volume key it holds."""
        with Path(self.device).open("rb") as device:
            device.seek(int(self.slots[number]["area"]["offset"]))
            area = device.read(int(self.slots[number]["area"]["size"]))
        # Which slots hold the volume key changes with every other key; only that this one is among them matters.
        keys = [{**key, "keyslots": None} for key in self.keys if str(number) in key["keyslots"]]
        return {
            "keyslot_sha256": sha256(compact(self.slots[number])),
            "area_sha256": sha256(area),
            "digest_sha256": sha256(compact(keys)),
        }

    def holds(self, slot: dict[str, Any] | None) -> bool:
        """Tell whether the slot that was recorded is in the header, unchanged."""
        if slot is None or slot["slot"] not in self.slots:
            return False
        # Records of an earlier form do not say which volume key a slot holds.
        return all(slot.get(name, value) == value for name, value in self.digests(slot["slot"]).items())

    def good(self, request: dict[str, Any]) -> bool:
        """Tell whether the recorded key is in the header, for exactly these recipients, and not to be replaced."""
        kept = self.record
        if kept is None or kept.get("format") != FORMAT or kept["recipients"] != request["recipients"]:
            return False
        return self.holds(kept) and self.asked(request).get("ciphertext_sha256") != kept["ciphertext_sha256"]

    def asked(self, request: dict[str, Any]) -> Any:
        """Return what the control machine says of a key that must be replaced, if it says anything."""
        return request.get("replace", {}).get(self.uuid, {})

    def opens(self, key: bytes, slot: int | None = None) -> bool:
        only = [] if slot is None else ["--key-slot", str(slot)]
        command = ["cryptsetup", "open", "--test-passphrase", "--key-file", "-", *only, self.device]
        return subprocess.run(command, input=key, capture_output=True, check=False).returncode == 0

    def remove_slot(self, number: int) -> None:
        if len(self.slots) > 1:
            run("cryptsetup", "luksKillSlot", "--batch-mode", self.device, str(number))
            self.reload()

    def forget_interrupted(self, passphrase: bytes) -> None:
        """Remove the slot of a run that ended before its record was written: nobody has that key."""
        pending = read(self.pending_file)
        if pending is not None:
            number = pending["slot"]
            recorded = self.record is not None and self.record["slot"] == number
            if number in self.slots and not recorded and not self.opens(passphrase, number):
                self.remove_slot(number)
            self.pending_file.unlink()

    def add_key(self, request: dict[str, Any], passphrase: bytes) -> None:
        """Make a recovery key, encrypt it, add it, prove it, and only then record it.

        Nothing is added that could not be encrypted first; the passphrase's slot and an earlier recovery key stay.
        """
        key = secrets.token_bytes(32).hex().translate(str.maketrans("0123456789abcdef", MODHEX))
        number = max(set(range(1, LAST_SLOT + 1)) - set(self.slots))
        facts = {"uuid": self.uuid, "device": self.device, "slot": number, "made": now()}
        ciphertext = seal({"endpoint": request["endpoint"], **facts, "key": key}, request["recipients"])
        write(self.pending_file, {"slot": number})
        self._luks_add_key(request, number, passphrase, key.encode())
        self.reload()
        if not self.opens(key.encode(), number) or not self.opens(passphrase):
            raise SystemExit(f"{self.device}: the new recovery key does not open the volume; run again")
        former = [self.record, *self.record.get("superseded", [])] if self.record else []
        self.record = {
            "format": FORMAT,
            **facts,
            **self.digests(number),
            "recipients": request["recipients"],
            "ciphertext": ciphertext,
            "ciphertext_sha256": sha256(ciphertext),
            "proven": now(),
            "escrowed": None,
            "superseded": [{name: slot[name] for name in SLOT if name in slot} for slot in former if self.holds(slot)],
        }
        self.keep_header(request, self.record, key.encode())
        self.pending_file.unlink()

    def _luks_add_key(self, request: dict[str, Any], number: int, passphrase: bytes, key: bytes) -> None:
        reader, writer = os.pipe()
        os.write(writer, key)
        os.close(writer)
        options = ["--batch-mode", "--key-file", "-", "--new-key-slot", str(number), "--pbkdf", "argon2id"]
        options += ["--pbkdf-memory", str(request["pbkdf_memory_kib"]), "--iter-time", str(request["iter_time_ms"])]
        command = ["cryptsetup", "luksAddKey", *options, self.device, f"/dev/fd/{reader}"]
        try:
            run(*command, given=passphrase, passed=(reader,))
        finally:
            os.close(reader)

    def header_state(self) -> str:
        """Tell whether there is a copy of the header, made with the slot of the recorded key, as it is kept."""
        header = self.record.get("header") if self.record else None
        if self.record is None or header is None or any(header[name] != self.record[name] for name in SLOT):
            return self.header_problem or "to be made"
        whole = self.header_file.exists() and sha256(self.header_file.read_bytes()) == header["ciphertext_sha256"]
        return "kept" if whole else "to be made"

    def keep_header(self, request: dict[str, Any], record: dict[str, Any], key: bytes | None) -> None:
        """Copy the header for the recorded key, prove the copy, encrypt it; then write the record, with or without it.

        Without the key in memory the proof is that all it needs is in the copy as it was when the key was proven.
        """
        record.pop("header", None)
        try:
            record["header"] = self._sealed_header(request, record, key)
        except (SystemExit, OSError) as complaint:  # the key is worth keeping all the same
            self.header_problem = f"none: {complaint}"
        write(self.record_file, record)

    def _sealed_header(self, request: dict[str, Any], record: dict[str, Any], key: bytes | None) -> dict[str, Any]:
        program = header_program()
        with program.copied(self.device, record["slot"]) as file:
            digests = Volume(str(file), self.uuid).digests(record["slot"])
            same = all(record[name] == digest for name, digest in digests.items())
            if not same or (key is not None and not program.opens(file, self.device, record["slot"], key)):
                raise SystemExit(f"{self.device}: the copy of its header does not open it")
            packed, digest = program.packed(file), sha256(file.read_bytes())
        facts = {"uuid": self.uuid, "device": self.device, "slot": record["slot"], "made": now()}
        inside = {"endpoint": request["endpoint"], **facts, "header_sha256": digest}
        ciphertext = seal(inside, record["recipients"], packed)
        write(self.header_file, ciphertext)
        proven = now() if key is not None else record["proven"]
        said = {"made": facts["made"], "proven": proven, "sha256": digest, "ciphertext_sha256": sha256(ciphertext)}
        return {**said, "escrowed": None, "slot": record["slot"], **digests}

    def confirm(self, ciphertext_sha256: str | None, header_sha256: str | None) -> bool:
        """Note what the control machine says to have: the key, the copy of the header, or both (None: nothing said).

        Once a key is kept, earlier recovery keys are of no more use.
        """
        before, confirmed = json.dumps(self.record), []
        if ciphertext_sha256 is not None:
            confirmed.append(self._confirm_key(ciphertext_sha256))
        if header_sha256 is not None:
            confirmed.append(self._confirm_header(header_sha256))
        if self.record is not None and json.dumps(self.record) != before:
            write(self.record_file, self.record)
        return all(confirmed)

    def _confirm_key(self, ciphertext_sha256: str) -> bool:
        if self.record is None or self.record["escrowed"] or self.record["ciphertext_sha256"] != ciphertext_sha256:
            return False
        for former in self.record.get("superseded", []):
            if self.holds(former):
                self.remove_slot(former["slot"])
        self.record |= {"escrowed": now(), "superseded": []}
        return True

    def _confirm_header(self, ciphertext_sha256: str) -> bool:
        header = self.record.get("header") if self.record else None
        if self.record is None or header is None or header["ciphertext_sha256"] != ciphertext_sha256:
            return False
        self.record["header"] = header | {"escrowed": now()}
        return True


def devices(images: list[str]) -> list[str]:
    """Return the paths of what is LUKS on this endpoint, and of the image files that are asked for."""

    def below(entries: list[dict[str, Any]]) -> list[str]:
        found = []
        for entry in entries:
            found += [entry["path"]] if entry.get("fstype") == "crypto_LUKS" else []
            found += below(entry.get("children") or [])
        return found

    listed = below(json.loads(run("lsblk", "--json", "--output", "PATH,FSTYPE"))["blockdevices"])
    return [path for path in dict.fromkeys([*listed, *images]) if Path(path).exists()]


def volumes(images: list[str]) -> tuple[dict[str, Volume], list[dict[str, Any]]]:
    """Return the LUKS2 volumes by UUID, and answers for what is encrypted in a way that cannot be escrowed."""
    found: dict[str, Volume] = {}
    others = []
    for device in devices(images):
        dumped = subprocess.run(["cryptsetup", "luksDump", device], capture_output=True, text=True, check=False).stdout
        version = re.search(r"^Version:\s+(\d)", dumped, re.MULTILINE)
        uuid = re.search(r"^UUID:\s+(\S+)", dumped, re.MULTILINE)
        if version is None or version[1] != "2" or uuid is None or not UUID.fullmatch(uuid[1]):
            others.append({"device": device, "state": "not LUKS2"})
        elif uuid[1] in found:
            others.append({"device": device, "state": f"same UUID as {found[uuid[1]].device}"})
        else:
            found[uuid[1]] = Volume(device, uuid[1])
    return found, others


def unlock_passphrases(path: Path) -> list[bytes]:
    """Return what the file may mean: with and without a last line end. Raises: SystemExit if others can read it."""
    if not path.exists():
        return []
    facts = path.stat()
    if facts.st_uid != 0 or facts.st_mode & 0o077:
        raise SystemExit(f"{path}: must belong to root and be readable by nobody else (chmod 600)")
    content = path.read_bytes()
    return list(dict.fromkeys([content, content.removesuffix(b"\n")]))


def handed_over(volume: Volume, request: dict[str, Any]) -> list[bytes]:
    """Return the recovery key that is to be replaced, when the control machine encrypted it to this endpoint."""
    given = volume.asked(request).get("unlock")
    command = ["age", "--decrypt", "--identity", HOST_KEY]
    done = subprocess.run(command, input=given.encode(), capture_output=True, check=False) if given else None
    return [done.stdout] if done is not None and done.returncode == 0 else []


def make(volume: Volume, request: dict[str, Any], passphrases: list[bytes]) -> str:
    """Return the state of `volume` after doing what is needed and possible."""
    if volume.good(request) and not volume.pending_file.exists():
        return "kept"
    candidates = [*passphrases, *handed_over(volume, request)]
    passphrase = next((candidate for candidate in candidates if volume.opens(candidate)), None)
    if passphrase is None:
        return "passphrase refused" if candidates else "passphrase needed"
    volume.forget_interrupted(passphrase)
    if volume.good(request):
        return "kept"
    volume.add_key(request, passphrase)
    return "made"


def make_all(volume: Volume, request: dict[str, Any], passphrases: list[bytes]) -> dict[str, Any]:
    """Make what is missing of a volume's key, and of the copy of its header, which takes no passphrase."""
    state = make(volume, request, passphrases)
    if state == "kept" and volume.record is not None and volume.header_state() != "kept":
        volume.keep_header(request, volume.record, None)
    return answer(volume, state)


def forget_unlock_file(path: Path, found: dict[str, Volume]) -> None:
    """Remove the unlock file once it has served, where it lies in memory (a file on disk is its owner's business)."""
    done = all(volume.record is not None and volume.record["escrowed"] for volume in found.values())
    if found and done and path.exists() and run("stat", "-f", "-c", "%T", str(path)).strip() == b"tmpfs":
        path.unlink()


def answer(volume: Volume, state: str) -> dict[str, Any]:
    shown = volume.record if volume.record is not None and state in ("kept", "made") else {}
    header = volume.header_state() if shown else "to be made"
    return {**shown, "device": volume.device, "uuid": volume.uuid, "state": state, "header_state": header}


def main(action: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    request = json.load(sys.stdin)
    if len(set(request["recipients"])) < 2 or not all(RECIPIENT.fullmatch(name) for name in request["recipients"]):
        raise SystemExit("two different age recipients are needed: the CIG's and the commune's")
    found, answers = volumes(request["images"])
    unlock_file = Path(request["unlock_file"])
    if action == "check":
        for volume in found.values():
            kept = volume.good(request) and not volume.pending_file.exists()
            possible = unlock_file.exists() or volume.asked(request).get("unlock")
            answers.append(answer(volume, "kept" if kept else "to be made" if possible else "passphrase needed"))
    else:
        RECORDS.mkdir(parents=True, exist_ok=True)
        with (RECORDS / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if action == "confirm":
                keys, headers = request["stored"], request.get("headers", {})
                answers = [
                    {"uuid": uuid, "confirmed": volume.confirm(keys.get(uuid), headers.get(uuid))}
                    for uuid, volume in found.items()
                    if uuid in keys or uuid in headers
                ]
            else:
                passphrases = unlock_passphrases(unlock_file)
                answers += [make_all(volume, request, passphrases) for volume in found.values()]
            forget_unlock_file(unlock_file, found)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in ("check", "make", "confirm"):
        raise SystemExit("usage: nomade-escrow check|make|confirm < request.json")
    main(sys.argv[1])
