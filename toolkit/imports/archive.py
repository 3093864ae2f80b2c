"""The zip around a spreadsheet, looked at before anything is unpacked: a bomb is told from its directory."""

from __future__ import annotations

import io
import zipfile

from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.imports import bounds

_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""All that spreadsheet programs write; others take memory of their own to unpack."""
_ENCRYPTED = 0x1


def open_bounded(data: bytes, file: str) -> zipfile.ZipFile:
    """Return the archive, of which nothing can unpack to more than its directory declares.

    Python stops reading a part at its declared size, so declared sizes within bounds bound the true ones.

    Raises:
        BadInputError: no archive, protected by a password, or it would unpack to more than the bounds.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
        raise damaged(file) from error
    parts = archive.infolist()
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise BadInputError(_("{file}: protected by a password: save it without one").format(file=file))
    if any(part.compress_type not in _METHODS for part in parts):
        raise damaged(file)
    if len(parts) > bounds.PARTS or _is_bomb(parts):
        limit = bounds.UNPACKED_BYTES // bounds.MEBIBYTE
        raise BadInputError(
            _("{file}: unpacks to far more than a list of machines holds (limit: {limit} MiB)").format(
                file=file, limit=limit
            )
        )
    return archive


def _is_bomb(parts: list[zipfile.ZipInfo]) -> bool:
    return sum(part.file_size for part in parts) > bounds.UNPACKED_BYTES or any(
        part.file_size > bounds.RATIO_FROM and part.file_size > bounds.UNPACKING_RATIO * max(1, part.compress_size)
        for part in parts
    )


def damaged(file: str) -> BadInputError:
    """Return the error of a spreadsheet that is none inside."""
    return BadInputError(_("{file}: a damaged spreadsheet: open it and save it again").format(file=file))
