"""Evidence as a file: a line of JSON for the whole, then a line for each endpoint. What another machine can judge.

The digests show that a file was not damaged on its way. They are no signature: what a file says is taken as its
bearer's word, judged and shown, and never kept in the store.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from toolkit.errors import BadInputError
from toolkit.finding import Evidence, Section, SectionStatus
from toolkit.fleet.text import NAME_PATTERN
from toolkit.i18n import _

FORMAT, VERSION = "nomade-evidence", 1
# One endpoint's evidence is 16 MiB at most (toolkit/collect.py); JSON may write a sign as six.
_LONGEST_LINE = 6 * 16_777_216 + 65_536


def write(path: Path, commune: str, evidence: Iterable[Evidence], now: datetime) -> int:
    """Write the evidence of one commune (0600) and return of how many endpoints; one at a time is in memory.

    The file is there when it is whole.

    Raises:
        BadInputError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(partial, "xb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW, 0o600)) as stream:
            count = _write(stream, commune, evidence, now)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        message = _("{file}: cannot be written: {reason}")
        raise BadInputError(message.format(file=path, reason=error.strerror)) from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def _write(stream: IO[bytes], commune: str, evidence: Iterable[Evidence], now: datetime) -> int:
    head = {"format": FORMAT, "version": VERSION, "commune": commune, "exported_at": now.astimezone(UTC).isoformat()}
    stream.write(_line(head))
    count = 0
    for item in evidence:
        stream.write(_line(_as_data(item)))
        count += 1
    return count


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _as_data(item: Evidence) -> dict[str, Any]:
    return {
        "endpoint": item.endpoint,
        "collected_at": item.collected_at.astimezone(UTC).isoformat(),
        "digest": item.digest,
        "sections": [
            {"probe": name, "status": part.status.value, "exit_code": part.exit_code, "text": part.text}
            for name, part in sorted(item.sections.items())
        ],
    }


class EvidenceFile:
    """One file, opened: `commune` is known at once, the endpoints come one by one."""

    def __init__(self, path: Path) -> None:
        """Raises BadInputError when the file cannot be read or is not one of ours."""
        self._path = path
        with self._open() as stream:
            head = self._read(stream.readline(_LONGEST_LINE), 1)
        named = re.fullmatch(NAME_PATTERN, str(head.get("commune")))
        if head.get("format") != FORMAT or head.get("version") != VERSION or not named:
            raise self._wrong(1, _("not a file that “nomade store export” of this version wrote"))
        self.commune = named.group()

    def __iter__(self) -> Iterator[Evidence]:
        """Yield the evidence in the order of the file.

        Raises:
            BadInputError: a line that is not what was exported, with its number.
        """
        seen: set[str] = set()
        with self._open() as stream:
            stream.readline(_LONGEST_LINE)
            for number, line in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b""), start=2):
                item = self._evidence(self._read(line, number), number)
                if item.endpoint in seen:
                    raise self._wrong(number, _("{endpoint} twice").format(endpoint=item.endpoint))
                seen.add(item.endpoint)
                yield item

    def _open(self) -> IO[bytes]:
        try:
            return self._path.open("rb")
        except OSError as error:
            message = _("{file}: cannot be read: {reason}")
            raise BadInputError(message.format(file=self._path, reason=error.strerror)) from error

    def _read(self, line: bytes, number: int) -> dict[str, Any]:
        if not line.endswith(b"\n"):
            raise self._wrong(number, _("the file ends too early"))
        try:
            data = json.loads(line)
            if not isinstance(data, dict):
                raise TypeError(type(data).__name__)
        except (ValueError, TypeError, RecursionError) as error:
            raise self._wrong(number, _("not a file that “nomade store export” of this version wrote")) from error
        return data

    def _evidence(self, data: dict[str, Any], number: int) -> Evidence:
        try:
            item = _evidence(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._wrong(number, _("not a file that “nomade store export” of this version wrote")) from error
        if item.digest != data.get("digest"):
            raise self._wrong(number, _("{endpoint}: not what was exported").format(endpoint=item.endpoint))
        return item

    def _wrong(self, number: int, message: str) -> BadInputError:
        return BadInputError(f"{self._path}:{number}: {message}")


def _evidence(data: dict[str, Any]) -> Evidence:
    moment = datetime.fromisoformat(data["collected_at"])
    if moment.tzinfo is None or not re.fullmatch(NAME_PATTERN, data["endpoint"]):
        raise ValueError(data["endpoint"])
    sections = {part["probe"]: _section(part) for part in data["sections"]}
    return Evidence(data["endpoint"], moment, sections)


def _section(part: dict[str, Any]) -> Section:
    code, text, probe = part["exit_code"], part["text"], part["probe"]
    if not isinstance(text, str) or not isinstance(probe, str) or not isinstance(code, int | None):
        raise TypeError(probe)
    return Section(probe, SectionStatus(part["status"]), code, text)
