"""The files of one commune's escrow folder, by UUID of a volume.

Per volume one encrypted key, one encrypted copy of its header, and one description of both.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.workspace import CommuneFolder

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BACKUP = "backup repository"  # what the role `backup` writes as the device of its password
REPLACE = ".replace.json"
HEADER = ".header.age"


@dataclass(frozen=True, slots=True)
class Header:
    """What is said of the copy of a volume's header: when it was made, its SHA-256 in clear and encrypted."""

    date: str
    sha256: str
    ciphertext_sha256: str


@dataclass(frozen=True, slots=True)
class Deposit:
    """One key in escrow, as its description says; nothing here was checked against the encrypted inside."""

    uuid: str
    endpoint: str
    device: str
    slot: int | None
    date: str
    recipients: tuple[str, ...]
    ciphertext_sha256: str
    folder: Path
    header: Header | None = None

    @property
    def is_disk(self) -> bool:
        """Whether it is the key of a volume; else the password of a backup repository."""
        return self.device != BACKUP

    @property
    def file(self) -> Path:
        return self.folder / f"{self.uuid}.age"

    @property
    def header_file(self) -> Path:
        return self.folder / f"{self.uuid}{HEADER}"

    @property
    def replacement_file(self) -> Path:
        return self.folder / f"{self.uuid}{REPLACE}"

    @property
    def to_be_replaced(self) -> bool:
        """Whether this very key was asked to be replaced: it was read, or somebody who can read it left."""
        try:
            asked = json.loads(self.replacement_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # A request that cannot be read stands: better one replacement too many.
            return self.replacement_file.exists()
        return not isinstance(asked, dict) or asked.get("ciphertext_sha256") == self.ciphertext_sha256

    def ciphertext(self) -> bytes:
        """Return the encrypted key.

        Raises:
            BadInputError: it is not there, or not the one that the description is of.
        """
        return self._described(self.file, self.ciphertext_sha256)

    def header_ciphertext(self) -> bytes:
        """Return the encrypted copy of the volume's header.

        Raises:
            BadInputError: there is none, or not the one that the description is of.
        """
        if self.header is None:
            raise BadInputError(
                _("{host}, {device}: no copy of its header is kept; the next apply makes one").format(
                    host=self.endpoint, device=self.device
                )
            )
        return self._described(self.header_file, self.header.ciphertext_sha256)

    def _described(self, file: Path, digest: str) -> bytes:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise BadInputError(_("{file}: cannot be read: {error}").format(file=file, error=error.strerror)) from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise BadInputError(
                _(
                    "{file}: not the file that {uuid}.json describes: changed, or an apply was cut off; apply again"
                ).format(file=file, uuid=self.uuid)
            )
        return content


def deposits(folder: CommuneFolder) -> tuple[list[Deposit], list[str]]:
    """Return the keys in escrow of a commune, by endpoint and device, and one line for each file that is none."""
    found, problems = [], []
    for path in _files(folder.escrow, ".json"):
        try:
            found.append(_deposit(path))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            problems.append(_("{file}: not the description of a key in escrow").format(file=path))
    described = {item.uuid for item in found}
    for path in _files(folder.escrow, ".age"):
        if path.name.removesuffix(HEADER).removesuffix(".age") not in described:
            problems.append(_("{file}: nothing says what it opens").format(file=path))
    return sorted(found, key=lambda item: (item.endpoint, item.device, item.uuid)), problems


def _files(folder: Path, ending: str) -> Iterator[Path]:
    # What an interrupted copy leaves has a name with a dot in front.
    return (path for path in sorted(folder.glob(f"[!.]*{ending}")) if not path.name.endswith(REPLACE))


def _deposit(path: Path) -> Deposit:
    said = json.loads(path.read_text(encoding="utf-8"))
    texts = {name: said[name] for name in ("uuid", "endpoint", "device", "date", "ciphertext_sha256")}
    recipients, slot = said["recipients"], said["slot"]
    if not all(isinstance(text, str) for text in (*texts.values(), *recipients)) or not isinstance(recipients, list):
        raise ValueError("not text")
    if texts["uuid"] != path.stem or not UUID.fullmatch(path.stem):
        raise ValueError("not named by its volume")
    number = None if slot in (None, "") else int(slot)
    return Deposit(
        slot=number, recipients=tuple(recipients), folder=path.parent, header=_header(said.get("header")), **texts
    )


def _header(said: Any) -> Header | None:
    if said is None:
        return None
    found = Header(said["date"], said["sha256"], said["ciphertext_sha256"])
    if not all(isinstance(text, str) for text in (found.date, found.sha256, found.ciphertext_sha256)):
        raise ValueError("not text")
    return found


def facts(folder: CommuneFolder, endpoints: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return, by endpoint, what controls compare its answer with.

    `escrow_volumes`: UUIDs of its volumes whose keys are kept here; `escrow_kept`: SHA-256 of the encrypted keys as
    they lie here; `escrow_unread`: those of them that nobody asked to replace; `escrow_headers`: SHA-256 of the
    encrypted copies of headers as they lie here.
    """
    known: dict[str, dict[str, list[str]]] = {
        name: {"escrow_volumes": [], "escrow_kept": [], "escrow_unread": [], "escrow_headers": []} for name in endpoints
    }
    for item in deposits(folder)[0]:
        if item.endpoint not in known or not item.is_disk:
            continue
        mine = known[item.endpoint]
        mine["escrow_volumes"].append(item.uuid)
        with suppress(BadInputError):
            item.header_ciphertext()
            mine["escrow_headers"] += [item.header.ciphertext_sha256] if item.header else []
        try:
            item.ciphertext()
        except BadInputError:
            continue
        mine["escrow_kept"].append(item.ciphertext_sha256)
        if not item.to_be_replaced:
            mine["escrow_unread"].append(item.ciphertext_sha256)
    return known
