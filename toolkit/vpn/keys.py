"""Public keys of the tunnel as the workspace keeps them: `public/<host>.wg.pub` and what lies beside it.

`<host>.next.wg.pub` is there while `nomade vpn rotate` is under way; `revoked/*.wg.pub` are keys the gateway refuses:
of machines that were shut out (`<host>`) and those that gave way to another (`<host>.rotated`), one a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.files import write_atomically
from toolkit.fleet.document import shown
from toolkit.i18n import _
from toolkit.workspace import CommuneFolder

SUFFIX = ".wg.pub"
NEXT = ".next"
_ROTATED = ".rotated"
# 32 bytes in base64: the 43rd character codes four bits only.
_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")


@dataclass(frozen=True, slots=True)
class Known:
    """Keys by host, and hosts by revoked key."""

    current: Mapping[str, str]
    next: Mapping[str, str]
    revoked: Mapping[str, str]


def is_key(text: str) -> bool:
    """Return whether `text` is a WireGuard public key."""
    return bool(_KEY.fullmatch(text))


def known(folder: CommuneFolder) -> Known:
    """Return the keys of a commune.

    Raises:
        BadInputError: a file holds something else than keys.
    """
    current: dict[str, str] = {}
    coming: dict[str, str] = {}
    for path in sorted(folder.public.glob(f"*{SUFFIX}")):
        name = path.name.removesuffix(SUFFIX)
        for key in _keys_in(path):
            (coming if name.endswith(NEXT) else current)[name.removesuffix(NEXT)] = key
    revoked = {
        key: path.name.removesuffix(SUFFIX).removesuffix(_ROTATED)
        for path in sorted((folder.public / "revoked").glob(f"*{SUFFIX}"))
        for key in _keys_in(path)
    }
    return Known(current, coming, revoked)


def _keys_in(path: Path) -> list[str]:
    try:
        keys = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(_("{file}: cannot be read: {error}").format(file=shown(path), error=error)) from error
    if not all(is_key(key) for key in keys):
        raise BadInputError(_("{file}: not a WireGuard public key").format(file=shown(path)))
    return keys


def expect_next(folder: CommuneFolder, host: str, key: str) -> None:
    """Write down the key that `host` is about to change to; the gateway accepts it beside the present one."""
    write_atomically(folder.public / f"{host}{NEXT}{SUFFIX}", key + "\n")


def promote_next(folder: CommuneFolder, host: str) -> None:
    """Make the next key of `host` the present one, and the former one a revoked one. Twice is as once."""
    coming, present = folder.public / f"{host}{NEXT}{SUFFIX}", folder.public / f"{host}{SUFFIX}"
    if not coming.is_file():
        return
    former = present.read_text(encoding="utf-8")
    if former.split() != coming.read_text(encoding="utf-8").split():
        # The new one first: were the old one revoked before, a power cut would leave the laptop without any.
        write_atomically(present, coming.read_text(encoding="utf-8"))
        put_away(folder, f"{host}{_ROTATED}", former)
    coming.unlink()


def forget_next(folder: CommuneFolder, host: str) -> None:
    """Revoke a next key as well: whoever has the machine has both."""
    coming = folder.public / f"{host}{NEXT}{SUFFIX}"
    if coming.is_file():
        put_away(folder, host, coming.read_text(encoding="utf-8"))
        coming.unlink()


def put_away(folder: CommuneFolder, name: str, text: str) -> None:
    """Add keys to those that are refused."""
    path = folder.public / "revoked" / f"{name}{SUFFIX}"
    path.parent.mkdir(exist_ok=True)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if text not in before:
        write_atomically(path, before + text)
