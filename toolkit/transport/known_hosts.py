"""Pinned host keys: one ed25519 key per endpoint, under the endpoint's name, in OpenSSH's known_hosts format."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.i18n import _
from toolkit.transport.base import HostKeyChangedError

# The one type that the role `ssh` leaves on endpoints (ANSSI OpenSSH guide, R7-R9: strong keys, ed25519 preferred).
KEY_TYPE = "ssh-ed25519"
_BLOB_LENGTH = 4 + len(KEY_TYPE) + 4 + 32  # RFC 8709 §4: two length-prefixed strings, the second is the key


@dataclass(frozen=True, slots=True)
class HostKey:
    """A public host key of type `KEY_TYPE`; `blob` is its SSH wire form."""

    blob: bytes

    @property
    def fingerprint(self) -> str:
        """Return what `ssh-keygen -lf` prints: `SHA256:` and 43 base64 characters."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"

    def line(self, name: str) -> str:
        """Return the known_hosts line that pins the key under `name`."""
        return f"{name} {KEY_TYPE} {base64.b64encode(self.blob).decode()}\n"


def _decode(text: str) -> HostKey | None:
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    well_formed = len(blob) == _BLOB_LENGTH and blob[4 : 4 + len(KEY_TYPE)] == KEY_TYPE.encode()
    return HostKey(blob) if well_formed else None


def entries(path: Path) -> Iterator[tuple[str, HostKey]]:
    """Yield (name, key) of each ed25519 entry of a known_hosts file; a line of several names gives one each.

    Keys of other types are passed over. A missing file has no entries.

    Raises:
        BadInputError: a line is neither, or has a marker or hashed name, which could hide what it pins.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(_("{file}: cannot be read: {error}").format(file=path, error=error)) from None
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) >= 3 and fields[1] != KEY_TYPE and not fields[0].startswith(("@", "|")):
            continue
        key = _decode(fields[2]) if len(fields) >= 3 and not fields[0].startswith(("@", "|")) else None
        if key is None:
            raise BadInputError(
                _("{file}:{line}:1: not a plain “name {type} key” line").format(file=path, line=number, type=KEY_TYPE)
            )
        for name in fields[0].split(","):
            yield name, key


@lru_cache(maxsize=256)
def _pins(path: Path, _changed: tuple[int, int, int]) -> Mapping[str, HostKey]:
    found: dict[str, HostKey] = {}
    for name, key in entries(path):
        if found.setdefault(name, key) != key:
            raise BadInputError(
                _("{file}: two different host keys for {endpoint}: remove the wrong one").format(
                    file=path, endpoint=name
                )
            )
    return MappingProxyType(found)


def pins(path: Path) -> Mapping[str, HostKey]:
    """Return the pinned keys of a file by name; read again only when the file changed.

    Raises:
        BadInputError: a broken line, or two different keys under one name.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return MappingProxyType({})
    return _pins(path, (status.st_mtime_ns, status.st_size, status.st_ino))


def pin(path: Path, name: str, key: HostKey) -> None:
    """Add `key` under `name`; nothing happens when that very key is there already.

    Raises:
        HostKeyChangedError: another key is pinned under that name. It is never replaced here.
    """
    known = pins(path)
    if known.get(name) == key:
        return
    if name in known:
        raise HostKeyChangedError(changed(name, known[name], key, path))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    write_atomically(path, "".join(sorted([*lines, key.line(name)])))


def unpin(path: Path, name: str) -> None:
    """Take the pin of `name` away; nothing when there is none."""
    if name in pins(path):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        write_atomically(path, "".join(line for line in lines if line.split(maxsplit=1)[:1] != [name]))


def changed(name: str, pinned: HostKey, shown: HostKey, path: Path) -> str:
    """Return the one loud line about a host key that is not the pinned one."""
    return _(
        "{endpoint}: HOST KEY CHANGED: pinned {pinned}, shown {shown}. Nothing was sent. Somebody in between? If the "
        "machine was reinstalled, forget the old key (ssh-keygen -R {endpoint} -f {file}) and enrol it again"
    ).format(endpoint=name, pinned=pinned.fingerprint, shown=shown.fingerprint, file=path)
