"""The register of a commune's escrow: who opened which key, when and why. Lines are added, never changed.

`escrow/register.jsonl` has one JSON object per line; each names the SHA-256 of the line before it, so a line that was
changed, taken out or put in breaks the chain. Lines taken from the end are missed because this control machine
remembers how far it has seen the register (`.nomade/escrow/<commune>.json`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import pwd
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit.errors import BadInputError
from toolkit.files import alone, write_atomically
from toolkit.i18n import _
from toolkit.workspace import Workspace

FIRST = "0" * 64
RECOVERED = "recovered"


@dataclass(frozen=True, slots=True)
class Event:
    """What somebody did with one key: `opened` (shown), `replace` (to be replaced), `verified` (not shown); or with the
    copy of a header: `header` (given out), and then the digest is of that file.
    """

    action: str
    endpoint: str
    volume: str
    ciphertext_sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class Entry(Event):
    """An event as it was written down: `time` in UTC, `who` as `login@machine`."""

    number: int
    time: str
    who: str
    commune: str
    previous: str


@dataclass(frozen=True, slots=True)
class Register:
    """What a register says, and one line for each thing that is wrong with it."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]
    last: str
    torn: bytes = b""


def path_of(workspace: Workspace, commune: str) -> Path:
    return workspace.commune(commune).escrow / "register.jsonl"


def operator() -> str:
    """Return who sits at this machine: who logged in (the kernel keeps it through sudo and su), else who runs this."""
    try:
        number = int(Path("/proc/self/loginuid").read_text(encoding="ascii"))
        name = pwd.getpwuid(number).pw_name
    except (OSError, ValueError, KeyError, OverflowError):  # 4294967295: no login, as in a container
        number = os.getuid()
        name = os.environ.get("SUDO_USER", "root") if number == 0 else str(number)
        with suppress(KeyError):
            name = name if number == 0 else pwd.getpwuid(number).pw_name
    return f"{name}@{socket.gethostname()}"


def read(workspace: Workspace, commune: str) -> Register:
    """Return the register of a commune, its chain verified.

    A last line that a power cut tore is not wrong: the next event closes it off. What it was about was not done.

    Raises:
        BadInputError: the file is there and cannot be read.
    """
    path = path_of(workspace, commune)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    except OSError as error:
        raise BadInputError(_("{file}: cannot be read: {error}").format(file=path, error=error.strerror)) from None
    register = _verified(content, commune, path)
    return replace(register, problems=(*register.problems, *_unseen(workspace, commune, content)))


def append(workspace: Workspace, commune: str, event: Event) -> Entry:
    """Write one event down, on disk before this returns; several people may do so at once.

    Raises:
        BadInputError: the register cannot be written: nothing may be shown then.
    """
    path = path_of(workspace, commune)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with alone(workspace.state / "locks" / f"escrow-{commune}"):
            register = read(workspace, commune)
            if register.torn:
                register = _close_off(workspace, commune, register)
            entry = _entry(register, commune, event)
            _write(workspace, commune, _line(entry))
    except OSError as error:
        raise BadInputError(_("{file}: cannot be written: {error}").format(file=path, error=error.strerror)) from None
    return entry


def as_csv(register: Register) -> bytes:
    """Return the register for a spreadsheet: `;`, UTF-8 with BOM, CRLF, and no cell is ever a formula."""
    from toolkit.report.csv_table import cell

    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
    heads = (_("Number"), _("Time (UTC)"), _("Who"), _("What"), _("Machine"), _("Volume"), _("Reason"))
    writer.writerow([*heads, _("Encrypted key (SHA-256)"), _("Line before (SHA-256)")])
    for item in register.entries:
        row = (str(item.number), item.time, item.who, action(item.action), item.endpoint, item.volume, item.reason)
        writer.writerow([cell(text) for text in (*row, item.ciphertext_sha256, item.previous)])
    return "\ufeff".encode() + stream.getvalue().encode("utf-8", "replace")


def action(name: str) -> str:
    """Return what an entry's action is called."""
    names = {
        "opened": _("key shown"),
        "header": _("copy of the header given out"),
        "replace": _("replacement asked"),
        "verified": _("checked, not shown"),
        RECOVERED: _("torn line closed off"),
    }
    return names.get(name, name)


def _entry(register: Register, commune: str, event: Event) -> Entry:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    number = max((item.number for item in register.entries), default=0) + 1
    return Entry(**asdict(event), number=number, time=now, who=operator(), commune=commune, previous=register.last)


def _line(entry: Entry) -> bytes:
    return json.dumps(asdict(entry), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _write(workspace: Workspace, commune: str, content: bytes) -> None:
    path = path_of(workspace, commune)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if os.write(descriptor, content) != len(content):
            raise OSError(0, _("written in part"))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    whole = path.read_bytes()
    seen = {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
    anchor = _anchor(workspace, commune)
    anchor.parent.mkdir(mode=0o700, exist_ok=True)
    # Replacing it flushes its folder only; the register's own folder holds a file that is new once.
    write_atomically(anchor, json.dumps(seen), 0o600)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    os.fsync(folder)
    os.close(folder)


def _close_off(workspace: Workspace, commune: str, register: Register) -> Register:
    """End a torn line where it stands and say so in the line after it; nothing that was written is taken back."""
    torn = register.torn.removesuffix(b"\n")
    said = Event(RECOVERED, "", "", "", _("{count} bytes of a line that was never finished").format(count=len(torn)))
    entry = _entry(register, commune, said)
    _write(workspace, commune, (b"" if register.torn.endswith(b"\n") else b"\n") + _line(entry))
    return read(workspace, commune)


def _anchor(workspace: Workspace, commune: str) -> Path:
    return workspace.state / "escrow" / f"{commune}.json"


def _unseen(workspace: Workspace, commune: str, content: bytes) -> Iterator[str]:
    """Yield what is wrong when the register does not begin with all that this machine has seen of it."""
    try:
        seen = json.loads(_anchor(workspace, commune).read_text(encoding="utf-8"))
        length, digest = int(seen["bytes"]), str(seen["sha256"])
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        yield _("{file}: cannot be read, so lines missing at the end would not show").format(
            file=_anchor(workspace, commune)
        )
        return
    if len(content) < length or hashlib.sha256(content[:length]).hexdigest() != digest:
        yield _("{file}: lines that this machine has seen are not there any more").format(
            file=path_of(workspace, commune)
        )


def _verified(content: bytes, commune: str, path: Path) -> Register:
    entries: list[Entry] = []
    problems: list[str] = []
    last, torn = FIRST, b""
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        entry = _parsed(line)
        if torn and (entry is None or entry.action != RECOVERED):
            problems.append(_("{file}:{line}: not a line of a register").format(file=path, line=number - 1))
        torn = b""
        if entry is None:
            torn = line
        elif entry.previous != last or entry.commune != commune:
            problems.append(_("{file}:{line}: does not follow from the line before it").format(file=path, line=number))
        last = hashlib.sha256(line.removesuffix(b"\n")).hexdigest()
        entries += [entry] if entry else []
    return Register(tuple(entries), tuple(problems), last, torn)


def _parsed(line: bytes) -> Entry | None:
    if not line.endswith(b"\n"):
        return None
    try:
        values: Any = json.loads(line)
        entry = Entry(**values)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = [value for name, value in values.items() if name != "number"]
    return entry if isinstance(entry.number, int) and all(isinstance(text, str) for text in texts) else None
