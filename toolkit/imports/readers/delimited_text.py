"""Lists as text: CSV of GLPI, of spreadsheets, of anything."""

from __future__ import annotations

from pathlib import Path

from toolkit.imports.delimited import looks_binary, read_delimited
from toolkit.imports.mapping import Mapping
from toolkit.imports.model import Reading
from toolkit.imports.readers import Reader
from toolkit.imports.rows import reading
from toolkit.imports.table import Table


def recognises(head: bytes, _path: Path) -> bool:
    """Return whether the first bytes are text, and not of a format that has its own reader."""
    return not looks_binary(head) and not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"<", b"%PDF", b"PK"))


def tables(data: bytes, file: str) -> tuple[Table, ...]:
    """Return the one table of a CSV file. Raises BadInputError when it cannot be read as a table."""
    return (read_delimited(data, file),)


def read(data: bytes, file: str, mapping: Mapping | None) -> Reading:
    """Return what a CSV list says. Raises BadInputError when it cannot be read as a table."""
    return reading(tables(data, file), file, mapping)


READER = Reader("delimited_text", recognises, read, rank=90, tables=tables)
