"""How much of a list is read at all. Beyond, a clear error: a list of a CIG is far below each of these."""

from __future__ import annotations

MEBIBYTE = 1024 * 1024

FILE_BYTES = 32 * MEBIBYTE
"""A GLPI export of 20,000 computers with 30 columns is about 8 MB."""
UNPACKED_BYTES = 64 * MEBIBYTE
"""Of one spreadsheet, all its parts together: 20,000 rows of 30 columns are about 30; memory is some ten times that."""
UNPACKING_RATIO = 200
"""Unpacked over packed size of a part above `RATIO_FROM`; ordinary sheets are at 5 to 30, a bomb at 1000."""
RATIO_FROM = 4 * MEBIBYTE
"""Parts that unpack to less are harmless whatever their ratio."""
PARTS = 2_000
"""Files inside one spreadsheet."""
ROWS = 100_000
"""Five times the largest CIG: 20,000 endpoints."""
SHEET_ROWS = 1_048_576
"""Rows of a sheet in Excel and LibreOffice, which write formats down to the last one; beyond is forgery."""
COLUMNS = 256
"""GLPI offers about 150 columns for computers."""
CELL_CHARACTERS = 32_767
"""What Excel allows in one cell."""
CELLS = 4_000_000
"""Rows times columns: what bounds memory to a few hundred megabytes."""
PROBLEMS = 200
"""Told in one run; the rest is counted, for nobody reads more and a binary file taken for a list has a million."""
