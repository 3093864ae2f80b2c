"""A list as rows of text, whatever the file was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from toolkit.errors import BadInputError, Problem, ProblemsError
from toolkit.i18n import _
from toolkit.imports import bounds

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet. `rows` are pairs of row number, as a spreadsheet program counts, and cells; none is empty."""

    file: str
    rows: tuple[tuple[int, Cells], ...] = ()
    sheet: str | None = None
    """Name of the sheet where the file has several that hold something."""

    @property
    def name(self) -> str:
        """How places and problems call it."""
        return f"{self.file} [{shown(self.sheet)}]" if self.sheet else self.file


def printable(text: str) -> str:
    """Return a text of a list for people to read: on one line, other signs than letters and spaces as `?`."""
    return " ".join("".join(sign if sign.isprintable() or sign.isspace() else "?" for sign in text).split())


def shown(text: str) -> str:
    """Return a text for a message: printable, at most 60 characters."""
    clean = printable(text[:200])
    return clean if len(clean) <= 60 else f"{clean[:59]}…"


def at(file: str, row: int, column: int, message: str, hint: str = "") -> ProblemsError:
    """Return the error of a file that cannot be read beyond one place."""
    return ProblemsError([Problem(file, row, column, message, hint)])


def bounded(rows: Iterable[tuple[int, Iterable[str]]], file: str) -> Iterator[tuple[int, Cells]]:
    """Yield the rows that hold something, cells on the right that are empty cut off; stop at the first bound.

    Raises:
        ProblemsError: too many rows, columns or cells, or a cell that is too long.
    """
    total = 0
    for number, cells in rows:
        row = _trimmed(cells)
        if number > bounds.SHEET_ROWS or (row and number > bounds.ROWS):
            raise at(
                file, number, 1, _("more than {limit} rows: this is no list of machines").format(limit=bounds.ROWS)
            )
        if not row:
            continue
        total += len(row)
        if len(row) > bounds.COLUMNS or total > bounds.CELLS:
            raise at(file, number, len(row), _("too many columns: this is no list of machines"))
        _refuse_long(row, file, number)
        yield number, row


def _trimmed(cells: Iterable[str]) -> Cells:
    row = list(cells)
    while row and not row[-1].strip():
        row.pop()
    return tuple(row)


def _refuse_long(row: Cells, file: str, number: int) -> None:
    for column, cell in enumerate(row, 1):
        if len(cell) > bounds.CELL_CHARACTERS:
            raise at(
                file,
                number,
                column,
                _("a cell of more than {limit} characters").format(limit=bounds.CELL_CHARACTERS),
                _("is a quotation mark not closed, in this row or above?"),
            )


def require_rows(table: Table) -> Table:
    """Return the table. Raises BadInputError when it holds nothing."""
    if not table.rows:
        raise BadInputError(_("{file}: no row holds anything").format(file=table.file))
    return table
