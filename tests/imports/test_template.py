"""The template: written in three formats, filled in, converted by LibreOffice, imported the same."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.imports.tables import english
from toolkit.errors import BadInputError
from toolkit.i18n import set_language
from toolkit.imports.fields import meaning_of
from toolkit.imports.model import Chassis, Fate, Reading
from toolkit.imports.reading import read
from toolkit.imports.template import SHEET, columns, write_template

pytestmark = pytest.mark.usefixtures(english.__name__)
__all__ = ["english"]

EXTENSIONS = [".xlsx", ".ods", ".csv"]
FILLED: list[list[Any]] = [
    ["Nogent-l'Abbé", "AÏT", "Zoé", "zait", "État civil", "Officier", "PORT-1", "00012345", "HP EliteBook", "UC-1",
     "CZC0000001", "192.168.1.20", "3C-52-82-00-11-22", "gardé", None, None],
    ["Nogent-l'Abbé", "DUPRÉ-D’HŒNE", "Jo", None, "Régie", None, "PORT-2", "5CG0000002", None, "UC-2", "CZC0000002",
     None, None, "retiré", datetime.fromisoformat("2026-01-31"), "recyclage"],
]  # fmt: skip


def written(folder: Path, extension: str) -> Path:
    path = folder / f"modele{extension}"
    write_template(path)
    return path


def filled(folder: Path) -> Path:
    """Return the workbook as somebody fills it in: below the example row, a date typed as a date."""
    path = written(folder, ".xlsx")
    book = openpyxl.load_workbook(path)
    for number, row in enumerate(FILLED, 3):
        for column, value in enumerate(row, 1):
            book[SHEET].cell(number, column).value = value
    book.save(path)
    return path


def assert_filled(reading: Reading) -> None:
    assert reading.problems == ()
    assert [(one.name, one.login, one.entity, one.service) for one in reading.people] == [
        ("Zoé AÏT", "zait", "Nogent-l'Abbé", "État civil"),
        ("Jo DUPRÉ-D’HŒNE", None, "Nogent-l'Abbé", "Régie"),
    ]
    assert [(one.name, one.serial, one.chassis, one.fate, one.fate_date, one.disposal) for one in reading.machines] == [
        ("PORT-1", "00012345", Chassis.LAPTOP, None, None, None),
        ("UC-1", "CZC0000001", Chassis.DESKTOP, Fate.KEPT, None, None),
        ("PORT-2", "5CG0000002", Chassis.LAPTOP, None, None, None),
        ("UC-2", "CZC0000002", Chassis.DESKTOP, Fate.RETIRED, date(2026, 1, 31), "recyclage"),
    ]
    assert (reading.machines[1].address, reading.machines[1].macs) == ("192.168.1.20", ("3c:52:82:00:11:22",))
    assert "example row of the template" in [reason for _place, reason in reading.left_aside]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_an_empty_template_imports_nothing_and_every_column_is_known(
    tmp_path: Path, extension: str, language: str
) -> None:
    set_language(language)
    path = written(tmp_path, extension)
    set_language("en")
    reading = read(path)
    assert (reading.machines, reading.people, reading.pairings, reading.problems) == ((), (), (), ())
    assert [reason for _place, reason in reading.left_aside] == ["example row of the template"]
    assert [one.header for one in reading.columns] == [one.header for one in columns()]
    assert all(one.field and not one.personal for one in reading.columns)


def test_headers_of_the_template_mean_different_fields() -> None:
    fields = [meaning_of(column.header).field for column in columns()]
    assert len(set(fields)) == len(fields)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_example_would_be_accepted_but_for_its_mark(tmp_path: Path, extension: str) -> None:
    path = written(tmp_path, extension)
    unmarked = path.with_name(f"sans{extension}")
    if extension == ".csv":
        unmarked.write_bytes(path.read_bytes().replace(b" (exemple)", b""))
    else:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(unmarked, "w", zipfile.ZIP_DEFLATED) as new:
            for part in old.infolist():
                new.writestr(part, old.read(part).replace(b" (exemple)", b""))
    reading = read(unmarked)
    assert reading.problems == ()
    assert [one.name for one in reading.people] == ["Claire MARTIN"]
    assert len(reading.machines) == 2


def test_filled_in_with_excel(tmp_path: Path) -> None:
    assert_filled(read(filled(tmp_path)))


def test_filled_in_as_csv(tmp_path: Path) -> None:
    path = written(tmp_path, ".csv")
    text = io.StringIO()
    rows = [["31/01/2026" if isinstance(cell, datetime) else cell or "" for cell in row] for row in FILLED]
    csv.writer(text, delimiter=";").writerows(rows)
    path.write_text(path.read_text("utf-8-sig") + text.getvalue(), "utf-8-sig")
    assert_filled(read(path))


def convert(path: Path, target: str, folder: Path) -> Path:
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation=file://{folder}/profile",
            "--headless",
            "--convert-to",
            target,
            "--outdir",
            str(folder),
            str(path),
        ],
        capture_output=True,
        timeout=240,
        check=True,
    )
    return folder / f"{path.stem}.{target.partition(':')[0]}"


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice (tests/install-system-packages)")
def test_what_libreoffice_makes_of_it_imports_the_same(tmp_path: Path) -> None:
    workbook = filled(tmp_path)
    document = convert(workbook, "ods", tmp_path)
    assert_filled(read(document))
    # 59,34,76: semicolon, double quotes, UTF-8 (LibreOffice's filter options for CSV).
    assert_filled(read(convert(workbook, "csv:Text - txt - csv (StarCalc):59,34,76", tmp_path)))
    assert_filled(read(convert(document, "xlsx", tmp_path)))


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice (tests/install-system-packages)")
def test_libreoffice_opens_the_ods_template_with_its_choices(tmp_path: Path) -> None:
    converted = convert(written(tmp_path, ".ods"), "xlsx", tmp_path)
    book = openpyxl.load_workbook(converted)
    assert book.sheetnames == [SHEET, "Aide"]
    (choices,) = book[SHEET].data_validations.dataValidation
    assert [word in str(choices.formula1) for word in ("gardé", "retiré", "inchangé")] == [True] * 3
    assert [cell.value for cell in book[SHEET][1]] == [column.header for column in columns()]


def test_excel_offers_the_choices(tmp_path: Path) -> None:
    page = openpyxl.load_workbook(written(tmp_path, ".xlsx"))[SHEET]
    (choices,) = page.data_validations.dataValidation
    assert choices.formula1 == '"gardé,retiré,inchangé"'


@pytest.mark.parametrize("name", ["modele.xls", "modele", "modele.xlsx.txt"])
def test_other_extensions_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match=r"a template is \.xlsx, \.ods or \.csv"):
        write_template(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_file_that_exists_is_left_as_it_is(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"modele{extension}"
    path.write_text("precious")
    with pytest.raises(BadInputError, match="exists already"):
        write_template(path)
    assert path.read_text() == "precious"
