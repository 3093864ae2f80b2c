"""`.xlsx` → tables, row by row: what cells show, numbers and dates as people read them."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException

from toolkit.errors import NomadeError
from toolkit.imports import bounds
from toolkit.imports.archive import damaged, open_bounded
from toolkit.imports.table import Table, bounded

_ZEROS = re.compile(r"0{2,32}")
# What openpyxl raises on files it cannot make sense of; its own exceptions derive from these.
_BROKEN = (
    *(KeyError, ValueError, TypeError, AttributeError, IndexError, AssertionError, OverflowError, RecursionError),
    *(ParseError, DefusedXmlException, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError),
)


def read_workbook(data: bytes, file: str) -> tuple[Table, ...]:
    """Return the sheets that hold something; their names are in the tables when there are several.

    Raises:
        BadInputError: no workbook, damaged, or a bound is passed.
    """
    open_bounded(data, file).close()
    with warnings.catch_warnings(), _told_as_damaged(file):
        warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions that do not matter here
        return _tables(data, file)


@contextlib.contextmanager
def _told_as_damaged(file: str) -> Iterator[None]:
    try:
        yield
    except NomadeError:
        raise
    except _BROKEN as error:
        raise damaged(file) from error


def _tables(data: bytes, file: str) -> tuple[Table, ...]:
    import openpyxl  # takes a fifth of a second

    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        sheets = [
            (sheet.title, tuple(bounded(_rows(sheet), file)))
            for sheet in book.worksheets
            if sheet.sheet_state == "visible"
        ]
    finally:
        book.close()
    return named(sheets, file)


def named(sheets: Iterable[tuple[str, Any]], file: str) -> tuple[Table, ...]:
    """Return tables of the sheets that hold something, with their sheet's name when there are several."""
    full = [(title, rows) for title, rows in sheets if rows]
    return tuple(Table(file, rows, title if len(full) > 1 else None) for title, rows in full)


def _rows(sheet: Any) -> Iterator[tuple[int, Iterable[str]]]:
    # The size a sheet declares is anybody's; cells say where they are.
    sheet.reset_dimensions()
    for row, cells in enumerate(sheet.iter_rows(), 1):
        yield row, [_shown(cell) for cell in cells[: bounds.COLUMNS + 1]]


def _shown(cell: Any) -> str:
    """Return what a cell shows: dates as 2026-01-31, whole numbers without `.0`, zeros in front where formatted so."""
    value = cell.value
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time | timedelta):
        return str(value)
    return number(value, cell.number_format or "")


def number(value: Any, form: str) -> str:
    """Return a number as people read it: a code postal formatted `00000` keeps its zeros."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int) and value >= 0 and _ZEROS.fullmatch(form):
        return str(value).zfill(len(form))
    return str(value)
