"""The one way in: a file of a commune becomes a `Reading`, whatever kind of file it is."""

from __future__ import annotations

import os
from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.imports import bounds
from toolkit.imports.columns import proposed
from toolkit.imports.mapping import Mapping
from toolkit.imports.model import Reading
from toolkit.imports.readers import HEAD, Reader, reader_of


def read(path: Path, mapping: Mapping | None = None) -> Reading:
    """Return all that one list says; what is wrong inside it is in `problems`.

    Raises:
        BadInputError: the file cannot be opened, is too large or is of no kind that any reader knows.
    """
    data = contents(path)
    return _reader(data, path).read(data, str(path), mapping)


def propose(path: Path) -> Mapping:
    """Return which header was recognised for which field, for the user to see, save and change.

    Raises:
        BadInputError: the file cannot be read, or is no table of any kind.
    """
    data = contents(path)
    reader = _reader(data, path)
    if reader.tables is None:
        raise BadInputError(_("{file}: no table: it needs no mapping of columns").format(file=path))
    return proposed(reader.tables(data, str(path)))


def contents(path: Path) -> bytes:
    """Return the bytes of a file, `bounds.FILE_BYTES` at most.

    Raises:
        BadInputError: no regular file, unreadable, empty or too large.
    """
    try:
        # A pipe or a device would be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            data = stream.read(bounds.FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInputError(_("{file}: cannot be read: {reason}").format(file=path, reason=reason)) from error
    if not data:
        raise BadInputError(_("{file}: the file is empty").format(file=path))
    if len(data) > bounds.FILE_BYTES:
        limit = bounds.FILE_BYTES // bounds.MEBIBYTE
        raise BadInputError(
            _("{file}: larger than {limit} MiB: this is no list of machines").format(file=path, limit=limit)
        )
    return data


def _reader(data: bytes, path: Path) -> Reader:
    reader = reader_of(data[:HEAD], path)
    if reader is None:
        raise BadInputError(
            _("{file}: not a list that can be read (spreadsheet .xlsx or .ods, CSV, agent JSON or XML)").format(
                file=path
            )
        )
    return reader
