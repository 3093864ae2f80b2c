"""Readers: one module per kind of file a list can come in; each knows its files by their first bytes.

A module of this folder holds `READER`; the name of the module is the name of the reader.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from toolkit.imports.mapping import Mapping
from toolkit.imports.model import Reading
from toolkit.imports.table import Table

HEAD = 65_536
"""How many bytes of a file `recognises` sees: enough to get past an XML declaration, comments and blank lines."""


@dataclass(frozen=True, slots=True)
class Reader:
    """How one kind of file is read.

    `recognises(head, path)` gets the first `HEAD` bytes and the path (for its name only: it must not open it).
    `read(data, file, mapping)` gets the whole file (never more than `bounds.FILE_BYTES`), the name to put into
    places and problems, and the user's mapping of columns, which readers without columns leave alone. It returns a
    `Reading`, whose `problems` hold all that is wrong with the content; it raises `BadInputError` when the file as a
    whole cannot be read, and nothing else. Readers are asked in the order of `rank`, then of their names: those that
    are sure come before those that take any text.
    """

    name: str
    recognises: Callable[[bytes, Path], bool]
    read: Callable[[bytes, str, Mapping | None], Reading]
    rank: int = 0
    tables: Callable[[bytes, str], tuple[Table, ...]] | None = None
    """For files that are tables: the sheets that hold something, from which a mapping can be proposed."""


@cache
def registry() -> tuple[Reader, ...]:
    """Return every reader of this folder in the order they are asked.

    Raises:
        ValueError: a module whose reader is not named like the module.
    """
    readers: list[Reader] = []
    for module in sorted(item.name for item in pkgutil.iter_modules(__path__) if not item.name.startswith("_")):
        reader: Reader = importlib.import_module(f"{__name__}.{module}").READER
        if reader.name != module:
            raise ValueError(f"toolkit/imports/readers/{module}.py: READER is named {reader.name!r}")
        readers.append(reader)
    return tuple(sorted(readers, key=lambda reader: (reader.rank, reader.name)))


def reader_of(head: bytes, path: Path) -> Reader | None:
    """Return the first reader that knows a file by its first bytes or its name; None when none does."""
    return next((reader for reader in registry() if reader.recognises(head, path)), None)
