"""Lists as spreadsheets: `.xlsx` of Excel, LibreOffice and GLPI, `.ods` of LibreOffice and GLPI."""

from __future__ import annotations

from pathlib import Path

from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.imports.mapping import Mapping
from toolkit.imports.model import Reading
from toolkit.imports.readers import Reader
from toolkit.imports.rows import reading
from toolkit.imports.table import Table

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Excel before 2007, and Excel's files with a password."""
_ODS = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"


def recognises(head: bytes, _path: Path) -> bool:
    """Return whether the first bytes are those of a spreadsheet, whatever the file is called."""
    return head.startswith((_ZIP, _OLE))


def tables(data: bytes, file: str) -> tuple[Table, ...]:
    """Return the sheets of a spreadsheet that hold something. Raises BadInputError when it cannot be read."""
    from toolkit.imports.opendocument import read_opendocument
    from toolkit.imports.workbook import read_workbook

    if data.startswith(_OLE):
        raise BadInputError(
            _("{file}: an old or protected Excel file: save it as .xlsx without a password").format(file=file)
        )
    # OpenDocument has its type as the first part, stored as it is, at a place that never changes.
    return read_opendocument(data, file) if data[30:].startswith(_ODS) else read_workbook(data, file)


def read(data: bytes, file: str, mapping: Mapping | None) -> Reading:
    """Return what all sheets of a spreadsheet say. Raises BadInputError when it cannot be read."""
    return reading(tables(data, file), file, mapping)


READER = Reader("spreadsheet", recognises, read, tables=tables)
