"""`.ods` → tables, streamed: the text that cells show, dates in one form, repeated rows and cells within bounds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from toolkit.imports import bounds
from toolkit.imports.archive import damaged, open_bounded
from toolkit.imports.table import Cells, Table, bounded
from toolkit.imports.workbook import named, number

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_BROKEN = (
    *(KeyError, ValueError, OverflowError, ParseError, DefusedXmlException, zipfile.BadZipFile, zlib.error, EOFError),
    *(OSError, NotImplementedError, RecursionError, LookupError),
)


def read_opendocument(data: bytes, file: str) -> tuple[Table, ...]:
    """Return the sheets that hold something; their names are in the tables when there are several.

    Raises:
        BadInputError: no OpenDocument spreadsheet, damaged, or a bound is passed.
    """
    try:
        with open_bounded(data, file) as archive, archive.open("content.xml") as stream:
            return named([(name, rows) for name, rows in _sheets(stream, file)], file)
    except _BROKEN as error:
        raise damaged(file) from error


def _sheets(stream: IO[bytes], file: str) -> Iterator[tuple[str, tuple[tuple[int, Cells], ...]]]:
    events: Iterator[tuple[str, Element]] = iterparse(stream, events=("start", "end"), forbid_dtd=True)
    for event, element in events:
        if event == "start" and element.tag == f"{_TABLE}table":
            yield element.get(f"{_TABLE}name") or "", tuple(bounded(_rows(events, element), file))
            element.clear()


def _rows(events: Iterator[tuple[str, Element]], sheet: Element) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of the sheet that has just begun, each as often as it is repeated; empty ones are counted only."""
    row = 0
    for event, element in events:
        if event != "end":
            continue
        if element.tag == f"{_TABLE}table" and element is sheet:
            return
        if element.tag == f"{_TABLE}table-row":
            cells, times = _cells(element), _times(element, "rows")
            element.clear()
            if any(cells):
                for _again in range(times):
                    row += 1
                    yield row, cells
            else:
                row += times


def _times(element: Element, what: str) -> int:
    return max(1, int(element.get(f"{_TABLE}number-{what}-repeated") or 1))


def _cells(row: Element) -> list[str]:
    cells: list[str] = []
    for cell in row:
        if cell.tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            # One more than may be is enough to be refused.
            room = bounds.COLUMNS + 1 - len(cells)
            cells.extend([_shown(cell)] * min(_times(cell, "columns"), room))
    return cells


def _shown(cell: Element) -> str:
    """Return what a cell shows: dates as 2026-01-31, text as it is, numbers as displayed unless in powers of ten."""
    kind = cell.get(f"{_OFFICE}value-type")
    if kind == "date":
        return (cell.get(f"{_OFFICE}date-value") or "").removesuffix("T00:00:00").replace("T", " ")
    if kind == "boolean":
        return "oui" if cell.get(f"{_OFFICE}boolean-value") == "true" else "non"
    text = "\n".join(_paragraph(part) for part in cell if part.tag == f"{_TEXT}p")
    if kind in ("float", "currency", "percentage"):
        # A long serial number is shown as 1,23E+14 or ###, a code postal with its zeros.
        value = cell.get(f"{_OFFICE}value") or ""
        return text if text.isascii() and text.isdigit() else number(_number(value), "") if value else text
    return text


def _number(value: str) -> Any:
    return int(value) if value.lstrip("-").isdigit() else float(value)


def _paragraph(element: Element) -> str:
    """Return the text of a paragraph, its spaces, tabs and line breaks included, notes and comments left out."""
    pieces = [element.text or ""]
    for part in element:
        if part.tag == f"{_TEXT}s":
            pieces.append(" " * min(int(part.get(f"{_TEXT}c") or 1), bounds.CELL_CHARACTERS))
        elif part.tag == f"{_TEXT}tab":
            pieces.append("\t")
        elif part.tag == f"{_TEXT}line-break":
            pieces.append("\n")
        elif part.tag in (f"{_TEXT}span", f"{_TEXT}a"):
            pieces.append(_paragraph(part))
        pieces.append(part.tail or "")
    return "".join(pieces)
