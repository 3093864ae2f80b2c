"""The template as `.xlsx`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.imports.template import TemplateColumn


def as_xlsx(columns: tuple[TemplateColumn, ...], help_lines: list[tuple[str, str]]) -> bytes:
    """Return the workbook: headers that stay in sight, cells that keep zeros in front, choices where there are any."""
    from openpyxl import Workbook
    from openpyxl.styles import Font

    from toolkit.imports.template import HELP_SHEET, SHEET

    book = Workbook()
    sheet: Any = book.active
    sheet.title = SHEET
    sheet.append([column.header for column in columns])
    sheet.append([column.example for column in columns])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for cell in sheet[2]:
        cell.font = Font(italic=True, color="808080")
    sheet.freeze_panes = "A2"
    for number, column in enumerate(columns, 1):
        _format(sheet, number, column)
    notes: Any = book.create_sheet(HELP_SHEET)
    for line in help_lines:
        notes.append(line)
    notes.column_dimensions["A"].width, notes.column_dimensions["B"].width = 32, 100
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _format(sheet: Any, number: int, column: TemplateColumn) -> None:
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    from toolkit.imports.template import ROWS

    letter = get_column_letter(number)
    sheet.column_dimensions[letter].width = max(14, len(column.header) + 2)
    for row in range(2, ROWS + 1):
        sheet.cell(row, number).number_format = "dd/mm/yyyy" if column.is_date else "@"
    if column.choices:
        choice = DataValidation("list", formula1='"{}"'.format(",".join(column.choices)), allow_blank=True)
        choice.add(f"{letter}2:{letter}{ROWS}")
        sheet.add_data_validation(choice)
