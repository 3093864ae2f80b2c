"""Single cells and headers of a list: what is no machine and no person, and what is refused where it stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

import pytest

from tests.imports.tables import csv_of, english, ods, ods_cell, ods_with, reading_of, told, xlsx
from toolkit.imports.columns import layout
from toolkit.imports.model import Reading
from toolkit.imports.readers.spreadsheet import tables
from toolkit.imports.table import Table

pytestmark = pytest.mark.usefixtures(english.__name__)
__all__ = ["english"]

Write = Callable[..., bytes | str]
FORMATS: list[tuple[str, Write]] = [("liste.csv", csv_of), ("liste.xlsx", xlsx), ("liste.ods", ods)]


def sheet(content: bytes) -> list[tuple[str, ...]]:
    (table,) = tables(content, "x")
    return [cells for _number, cells in table.rows]


def test_cells_of_excel_say_what_people_see() -> None:
    import io

    import openpyxl

    book = openpyxl.Workbook()
    at = datetime.fromisoformat("2026-01-31 08:30")
    page = book.active
    assert page is not None
    page.append(["01234", 1234, 12.0, 12.5, 123456789012345, date(2026, 1, 31), at, True])
    page["B1"].number_format = "00000"
    content = io.BytesIO()
    book.save(content)
    assert sheet(content.getvalue()) == [
        ("01234", "01234", "12", "12.5", "123456789012345", "2026-01-31", "2026-01-31 08:30:00", "oui")
    ]


def test_cells_of_libreoffice_say_what_people_see() -> None:
    def cell(kind: str, value: str, shown: str) -> str:
        name = {"float": "value", "date": "date-value", "boolean": "boolean-value"}[kind]
        attributes = f'office:value-type="{kind}" office:{name}="{value}"'
        return f"<table:table-cell {attributes}><text:p>{shown}</text:p></table:table-cell>"

    row = (
        ods_cell("01234")
        + cell("float", "1234", "01234")
        + cell("float", "123456789012345", "1,23E+14")
        + cell("float", "12.5", "12,5")
        + cell("date", "2026-01-31", "31/01/26")
        + cell("date", "2026-01-31T00:00:00", "31/01/26")
        + cell("boolean", "true", "VRAI")
        + '<table:table-cell office:value-type="string"><text:p>a<text:s text:c="2"/>b<text:span>c</text:span></text:p>'
        "<text:p>d</text:p></table:table-cell>"
    )
    body = f'<table:table table:name="F"><table:table-row>{row}</table:table-row></table:table>'
    assert sheet(ods_with(body)) == [
        ("01234", "01234", "123456789012345", "12.5", "2026-01-31", "2026-01-31", "oui", "a  bc\nd")
    ]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("oui", "says that there is a machine, not which (its name or serial number)"),
        ("06 12 34 56 78", "looks like a telephone number"),
        ("#REF!", "an error of the spreadsheet's formula (write the value itself)"),
        ("Err:502", "an error of the spreadsheet's formula"),
        ("#N/A", "an error of the spreadsheet's formula"),
    ],
)
def test_a_cell_that_names_no_machine(tmp_path: Path, cell: str, message: str) -> None:
    reading = reading_of(tmp_path, csv_of([["Agent", "Portable"], ["Zoé Aït", cell]]))
    assert reading.machines == ()
    assert [message in line for line in told(reading)] == [True]


@pytest.mark.parametrize("cell", ["non", "Néant", "-", "aucun", "/"])
def test_words_for_no_machine_are_no_machine(tmp_path: Path, cell: str) -> None:
    reading = reading_of(tmp_path, csv_of([["Agent", "Portable", "N° série portable"], ["Zoé Aït", cell, cell]]))
    assert (reading.machines, reading.pairings, reading.problems) == ((), (), ())


@pytest.mark.parametrize("cell", ["vacant", "Libre", "EN STOCK", "-", "à pourvoir"])
def test_words_for_nobody_are_no_person(tmp_path: Path, cell: str) -> None:
    reading = reading_of(tmp_path, csv_of([["Agent", "Portable", "Login"], [cell, "P1", cell]]))
    assert (reading.people, reading.pairings, reading.problems) == ((), (), ())
    assert [one.name for one in reading.machines] == ["P1"]


@pytest.mark.parametrize("cell", ["5,12E+14", "5.12E+14", "1E+12"])
def test_a_serial_number_that_excel_has_cut_short_is_refused(tmp_path: Path, cell: str) -> None:
    reading = reading_of(tmp_path, csv_of([["Nom du poste", "N° de série"], ["P1", cell]]))
    assert "a number that the spreadsheet has cut short (format the column as text" in told(reading)[0]


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        (["Prénom", "Portable"], "the column of last names is missing"),
        (["Portable", "Service"], "no column says whose the machines are"),
        (["Étage", "Couleur"], "no column names machines or people"),
        (["Agent", "Portable", "Portable"], "two columns are called “Portable”"),
    ],
)
def test_a_list_that_lacks_a_column(tmp_path: Path, headers: list[str], message: str) -> None:
    reading = reading_of(tmp_path, csv_of([headers, ["x"] * len(headers)]))
    assert reading.machines == ()
    assert message in told(reading)[0]


def of(*rows: Sequence[str]) -> Table:
    return Table("x", tuple(enumerate(map(tuple, rows), 1)))


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        (["Nom", "Prénom", "Portable"], "last_name"),
        (["Nom", "Portable", "Poste fixe"], "person"),
        (["Nom", "Service", "Fonction"], "person"),
        (["Nom", "N° de série", "Modèle"], "name"),
        (["Nom", "Nom du poste", "N° de série"], "person"),
        (["Nom", "Entité", "Utilisateur"], "name"),
        (["Nom", "Prénom", "Entité", "N° de série"], "last_name"),
        (["Nom", "Entité", "Service", "Fonction"], "person"),
    ],
)
def test_whose_name_a_column_called_nom_is(headers: list[str], field: str) -> None:
    assert layout(of(headers, ["x"] * len(headers))).index[field] == 0


def one_machine(folder: Path, name: str) -> Reading:
    return reading_of(folder, csv_of([["Nom du poste", "Modèle", "N° de série"], [name, name, "S1"]]))


@pytest.mark.parametrize("name", ["-oProxyCommand=id", "a;reboot", "$(id)", "`id`", "--help", "=cmd|'/c calc'!A1"])
def test_f013_words_of_a_shell_are_only_text(tmp_path: Path, name: str) -> None:
    reading = one_machine(tmp_path, name)
    assert reading.problems == ()
    assert reading.machines[0].name == name


def test_f014_no_end_of_line_survives_in_any_text(tmp_path: Path) -> None:
    reading = one_machine(tmp_path, "PC\r\n[Peer]\nPublicKey = x\u2028y")
    assert reading.problems == ()
    assert reading.machines[0].name == "PC [Peer] PublicKey = x y"


@pytest.mark.parametrize("name", ["a\u202eb", "a\x1b[2Jb", "a\x07", "a\u2066b"])
def test_f002_controls_and_overrides_are_told_with_row_and_column(tmp_path: Path, name: str) -> None:
    reading = one_machine(tmp_path, name)
    assert [problem.line for problem in reading.problems] == [2, 2]
    assert all("not allowed in any text: U+" in line and line.isprintable() for line in told(reading))


@pytest.mark.parametrize("name", ["{{ lookup('pipe', 'id') }}", "{% if x %}", "{# x #}", "#jinja2: x"])
def test_f054_template_syntax_is_refused(tmp_path: Path, name: str) -> None:
    assert all("not allowed in any text" in line for line in told(one_machine(tmp_path, name)))
    assert told(one_machine(tmp_path, name))


def test_a_cell_that_is_too_long_for_the_fleet(tmp_path: Path) -> None:
    assert told(one_machine(tmp_path, "x" * 201))[0].endswith("longer than 200 characters")
