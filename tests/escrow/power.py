"""A laptop with one volume and the commune that keeps its key, of which the power can be cut before any change."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.escrow import volumes
from tests.escrow.volumes import HOST, PASSPHRASE

_FORK = multiprocessing.get_context("fork")
IN_MEMORY = "memory"  # folder of a laptop, emptied with its power
_CHANGING = {"age", "luksAddKey", "luksKillSlot"}


def cut(number: int, work: Callable[[], object]) -> bool:
    """Do `work` in a process that is killed before its `number`-th change; return whether it was (0: never).

    A change is what a power cut can fall before: a program that writes, a flush, a rename, a removal, a line added.
    """
    process = _FORK.Process(target=_worker, args=(number, work))
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def _worker(number: int, work: Callable[[], object]) -> None:
    left = number

    def before(real: Any, changes: Callable[..., bool]) -> Any:
        def stepped(*words: Any, **options: Any) -> Any:
            nonlocal left
            if changes(*words):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*words, **options)

        return stepped

    always = lambda *_words: True  # noqa: E731 — beside its opposite below
    os.fsync = before(os.fsync, always)
    os.write = before(os.write, lambda file, _content: stat.S_ISREG(os.fstat(file).st_mode))
    Path.replace, Path.unlink = before(Path.replace, always), before(Path.unlink, always)  # type: ignore[method-assign]
    subprocess.run = before(subprocess.run, _changes)
    work()


def _changes(command: list[object], *_more: object) -> bool:
    """Tell whether a program writes to a disk; of a copy in memory a power cut leaves nothing."""
    words = [str(word) for word in command]
    return bool(_CHANGING & set(words[:2])) and not any(f"/{IN_MEMORY}/" in word for word in words)


@dataclass
class Laptop:
    """`kept` is the commune's folder of what it keeps of this laptop, in the names of the role."""

    folder: Path
    recipients: list[str]

    @property
    def image(self) -> Path:
        return self.folder / "disk.img"

    @property
    def kept(self) -> Path:
        return self.folder / "escrow"

    @property
    def records(self) -> Path:
        return self.folder / "records"

    @classmethod
    def fresh(cls, folder: Path, recipients: list[str]) -> Laptop:
        laptop = cls(folder, recipients)
        (folder / "escrow").mkdir(parents=True)
        volumes.luks_image(laptop.image)
        (folder / "passphrase").touch(mode=0o600)
        (folder / "passphrase").write_bytes(PASSPHRASE)
        return laptop

    def copy(self, folder: Path) -> Laptop:
        shutil.copytree(self.folder, folder)
        return Laptop(folder, list(self.recipients))

    def call(self, action: str, **more: Any) -> None:
        """Run the program here, in this process; its answer goes to a file."""
        module: Any = volumes.program()
        module.RECORDS, module.HOST_KEY = self.records, str(self.folder / "host_key")
        module.header_program().MEMORY = self.folder / IN_MEMORY
        request = {
            "endpoint": HOST,
            "images": [str(self.image)],
            "recipients": self.recipients,
            "unlock_file": str(self.folder / "passphrase"),
            # Less is done in no time at all, and cryptsetup 2.6 then divides by zero.
            "pbkdf_memory_kib": 8192,
            "iter_time_ms": 20,
            "replace": self.replace(),
        } | more
        sys.stdin, sys.stdout = io.StringIO(json.dumps(request)), io.StringIO()
        try:
            module.main(action)
            (self.folder / "answer.json").write_text(sys.stdout.getvalue())
        finally:
            sys.stdin, sys.stdout = sys.__stdin__, sys.__stdout__

    def replace(self) -> dict[str, Any]:
        asked = [json.loads(path.read_text()) for path in self.kept.glob("*.replace.json")]
        return {item["uuid"]: item for item in asked}

    def steps(self) -> list[Callable[[], object]]:
        """Return what an apply does, in its order: roles/disk_encryption/tasks/escrow.yml, keep.yml and headers.yml."""
        kept = [self._keep_header, self._keep_age, self._keep_json]
        return [lambda: self.call("make"), *kept, self._confirm, self._forget]

    def apply(self, number: int = 0) -> bool:
        """Do all the steps, power cut before the `number`-th change; return whether it was."""

        def all_of_them() -> None:
            for step in self.steps():
                step()

        return cut(number, all_of_them)

    def answer(self) -> dict[str, Any]:
        (found,) = [item for item in json.loads((self.folder / "answer.json").read_text()) if "uuid" in item]
        return dict(found)

    def record(self) -> dict[str, Any] | None:
        found = [path for path in self.records.glob("*.json") if "pending" not in path.name]
        return dict(json.loads(found[0].read_text())) if found else None

    def ciphertext(self) -> str | None:
        found = [path for path in self.kept.glob("[!.]*.age") if ".header." not in path.name]
        return found[0].read_text() if found else None

    def header(self) -> Path | None:
        """Return the file of the copy of the header that the commune keeps."""
        return next(self.kept.glob("[!.]*.header.age"), None)

    def _keep_header(self) -> None:
        made = self.records / f"{self.answer()['uuid']}.header.age"
        self._keep(".header.age", made.read_text())

    def _keep_age(self) -> None:
        self._keep(".age", self.answer()["ciphertext"])

    def _keep_json(self) -> None:
        said = self.answer()
        outside = {name: said[name] for name in ("uuid", "device", "slot", "recipients", "ciphertext_sha256")}
        header = {name: said["header"][name] for name in ("sha256", "ciphertext_sha256")} | {
            "date": said["header"]["made"]
        }
        self._keep(".json", json.dumps(outside | {"endpoint": HOST, "date": said["made"], "header": header}))

    def _keep(self, ending: str, content: str) -> None:
        """As Ansible's copy does: beside, then renamed."""
        path = self.kept / (self.answer()["uuid"] + ending)
        draft = path.with_name(f".{path.name}")
        draft.write_text(content)
        draft.replace(path)

    def _confirm(self) -> None:
        said = self.answer()
        asked = {}
        for name, part, ending in (("stored", said, ".age"), ("headers", said["header"], ".header.age")):
            content = (self.kept / f"{said['uuid']}{ending}").read_bytes()
            asked[name] = {} if part["escrowed"] else {said["uuid"]: hashlib.sha256(content).hexdigest()}
        if asked["stored"] or asked["headers"]:
            self.call("confirm", **asked)

    def _forget(self) -> None:
        record = self.record()
        for path in self.kept.glob("*.replace.json"):
            if record and json.loads(path.read_text())["ciphertext_sha256"] != record["ciphertext_sha256"]:
                path.unlink()
