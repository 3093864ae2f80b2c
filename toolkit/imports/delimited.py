"""CSV as it comes: any usual encoding and delimiter, told from the content, never from the name."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.imports import bounds
from toolkit.imports.fields import recognised
from toolkit.imports.table import Table, at, bounded, require_rows

DELIMITERS = (";", ",", "\t", "|")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_SAMPLE = 65_536
_SAMPLE_ROWS = 30
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_BINARY_SHARE = 0.02
_STRAY = 4
"""More control characters than this share of all, and a few, are no text; of a list with few each cell is told."""
# Excel writes and reads this first line; other programs show it as a row.
_SEPARATOR_LINE = re.compile("(?i)sep=([;,\t|])(?:\r\n|\r|\n)")


def looks_binary(head: bytes) -> bool:
    """Return whether the first bytes of a file are no text in any encoding that lists come in."""
    if any(head.startswith(bom) for bom, _encoding in _BOMS) or _without_bom(head):
        return False
    controls = len(_CONTROLS.findall(head.decode("latin-1")))
    return controls > _STRAY + len(head) * _BINARY_SHARE


def decode(data: bytes, file: str) -> str:
    """Return the text of a file: by its byte order mark, else UTF-16 by its zeros, UTF-8, Windows-1252.

    Raises:
        BadInputError: it is no text, or damaged text (told with the row of the first bad byte).
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _strict(data[len(bom) :], encoding, file)
    wide = _without_bom(data[:_SAMPLE])
    if wide:
        return _strict(data, wide, file)
    if looks_binary(data[:_SAMPLE]):
        raise BadInputError(_("{file}: not a text file").format(file=file))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _eight_bits(data, file)


def _without_bom(head: bytes) -> str | None:
    """Return which UTF-16 it is without a mark: European text has a zero in every other byte."""
    half = len(head) // 2
    if half < 2:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.7 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 * half and odd < 0.1 * half else None


def _strict(data: bytes, encoding: str, file: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        row = data[: error.start].decode(encoding, "ignore").count("\n") + 1
        raise at(
            file,
            row,
            1,
            _("not {encoding} text, as the rest of the file is").format(encoding=encoding.upper()),
            _("save the list again as “CSV UTF-8”"),
        ) from error


def _eight_bits(data: bytes, file: str) -> str:
    """Return Windows-1252 text; what is UTF-8 but for a few bytes is damaged, not Windows-1252."""
    lenient = data.decode("utf-8", "replace")
    broken = lenient.count("\ufffd")
    accented = sum(1 for sign in lenient if sign > "\x7f") - broken
    if accented > broken:
        return _strict(data, "utf-8", file)
    return _strict(data, "cp1252", file)


def read_delimited(data: bytes, file: str) -> Table:
    """Return the rows of a CSV file.

    Raises:
        BadInputError: it is no text, quotation marks are not in pairs, or a bound is passed.
    """
    text = decode(data, file)
    declared = _SEPARATOR_LINE.match(text)
    if declared:
        text = text[declared.end() :]
    delimiter = declared[1] if declared else _delimiter(text)
    return require_rows(Table(file, tuple(bounded(_records(text, delimiter, file), file))))


def _records(text: str, delimiter: str, file: str) -> Iterator[tuple[int, list[str]]]:
    previous = csv.field_size_limit(bounds.CELL_CHARACTERS * 4)
    number = 0
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for number, cells in enumerate(reader, 1):
            yield number, cells
    except csv.Error as error:
        raise at(
            file,
            number + 1,
            1,
            _("quotation marks are not in pairs from this row on"),
            _("a quotation mark inside a quoted cell is written twice"),
        ) from error
    finally:
        csv.field_size_limit(previous)


def _delimiter(text: str) -> str:
    """Return the delimiter under which the first rows have the most known headers, then the most columns."""
    scores = {delimiter: _score(text[:_SAMPLE], delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: scores[delimiter])


def _score(sample: str, delimiter: str) -> tuple[int, int]:
    rows: list[list[str]] = []
    try:
        # Not strict: the sample may end inside a quoted cell.
        for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            rows.append(row)
            if len(rows) == _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    known = max((recognised(row) for row in rows if len(row) > 1), default=0)
    widths = Counter(len(row) for row in rows if row)
    return known, widths.most_common(1)[0][0] if widths else 0
