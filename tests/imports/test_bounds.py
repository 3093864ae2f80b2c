"""Files that are too much: each ends in one clear line, within bounded memory and time."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.imports.tables import english, ods_cell, ods_with, reading_of, xlsx
from toolkit.errors import BadInputError
from toolkit.imports import bounds
from toolkit.imports.reading import read

pytestmark = pytest.mark.usefixtures(english.__name__)
__all__ = ["english"]

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "0123456789"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
)
MEMORY = 1536 * bounds.MEBIBYTE
SECONDS = 120


def with_part(name: str, content: bytes | str) -> bytes:
    """Return a workbook with one part replaced."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx([["Nom du poste"]]))) as old, zipfile.ZipFile(changed, "w") as new:
        for part in old.namelist():
            new.writestr(part, content if part == name else old.read(part), zipfile.ZIP_DEFLATED)
    return changed.getvalue()


def with_sheet(body: str, prolog: str = "") -> bytes:
    return with_part("xl/worksheets/sheet1.xml", f'{prolog}<worksheet xmlns="{NAMESPACE}">{body}</worksheet>')


def refused_within_bounds(path: Path) -> str:
    """Read a file in a process that may not take more memory and time; return the one line it is refused with."""
    program = (
        "import sys; from pathlib import Path; from toolkit.errors import NomadeError\n"
        "from toolkit.imports.reading import read\n"
        "try: read(Path(sys.argv[1])); print('accepted')\n"
        "except NomadeError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={"LC_ALL": "en_GB.UTF-8", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return line


def test_a_file_of_100_megabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "liste.csv"
    with path.open("wb") as stream:
        stream.write("Nom;N° de série\r\n".encode())
        stream.truncate(100 * bounds.MEBIBYTE)
    assert refused_within_bounds(path).endswith("larger than 32 MiB: this is no list of machines")


def test_a_list_of_a_million_rows(tmp_path: Path) -> None:
    path = tmp_path / "liste.csv"
    path.write_bytes("Nom;N° de série\r\n".encode() + b"".join(b"PC%d;S%d\r\n" % (n, n) for n in range(1_000_000)))
    line = refused_within_bounds(path)
    assert line.endswith("liste.csv:100001:1: more than 100000 rows: this is no list of machines")


def test_a_zip_bomb_in_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "liste.xlsx"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        zipfile.ZipFile(io.BytesIO(xlsx([["Nom"]]))) as plain,
    ):
        for part in plain.namelist():
            archive.writestr(part, plain.read(part))
        with archive.open("xl/sharedStrings.xml", "w", force_zip64=True) as stream:
            for _again in range(70):
                stream.write(bytes(bounds.MEBIBYTE))
    assert path.stat().st_size < bounds.MEBIBYTE
    assert "unpacks to far more than a list of machines holds (limit: 64 MiB)" in refused_within_bounds(path)


def test_a_bomb_below_the_limit_is_known_by_its_ratio(tmp_path: Path) -> None:
    content = with_part("xl/styles.xml", bytes(8 * bounds.MEBIBYTE))
    with pytest.raises(BadInputError, match="unpacks to far more"):
        reading_of(tmp_path, content, "liste.xlsx")


def test_a_directory_that_lies_about_sizes(tmp_path: Path) -> None:
    content = bytearray(with_sheet("<sheetData>" + " " * 3_000_000 + "</sheetData>"))
    size = (len(f'<worksheet xmlns="{NAMESPACE}"><sheetData></sheetData></worksheet>') + 3_000_000).to_bytes(
        4, "little"
    )
    assert content.count(size) == 2
    with pytest.raises(BadInputError, match="a damaged spreadsheet"):
        reading_of(tmp_path, bytes(content.replace(size, (100).to_bytes(4, "little"))), "liste.xlsx")


@pytest.mark.parametrize(
    "sheet",
    [
        '<sheetData><row r="1048577"><c r="A1048577" t="inlineStr"><is><t>x</t></is></c></row></sheetData>',
        '<sheetData><row r="4000000000"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row></sheetData>',
        '<sheetData><row r="100001"><c r="A100001" t="inlineStr"><is><t>x</t></is></c></row></sheetData>',
    ],
    ids=["after_the_last_row", "four_billion", "after_the_last_that_is_read"],
)
def test_a_workbook_with_a_cell_far_away(tmp_path: Path, sheet: str) -> None:
    path = tmp_path / "liste.xlsx"
    path.write_bytes(with_sheet(sheet))
    assert "more than 100000 rows" in refused_within_bounds(path)


def test_formats_down_to_the_last_row_are_not_rows(tmp_path: Path) -> None:
    text = '<c r="{0}" t="inlineStr"><is><t>{1}</t></is></c>'
    head = text.format("A1", "Nom du poste") + text.format("B1", "Modèle")
    body = text.format("A2", "PC-1")
    reading = reading_of(
        tmp_path,
        with_sheet(
            f'<sheetData><row r="1">{head}</row><row r="2">{body}<c r="XFD2"/></row>'
            '<row r="1048576"><c r="A1048576"/></row></sheetData>'
        ),
        "liste.xlsx",
    )
    assert [machine.name for machine in reading.machines] == ["PC-1"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('<table:table-row table:number-rows-repeated="4000000000">' + ods_cell("x"), "more than 100000 rows"),
        (
            '<table:table-row table:number-rows-repeated="1048576">'
            + ods_cell("x").replace("<table:table-cell", '<table:table-cell table:number-columns-repeated="1024"'),
            "too many columns",
        ),
    ],
    ids=["rows", "cells"],
)
def test_an_opendocument_that_repeats_without_end(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "liste.ods"
    path.write_bytes(ods_with(f'<table:table table:name="F">{row}</table:table-row></table:table>'))
    assert message in refused_within_bounds(path)


def test_empty_rows_and_cells_repeated_to_the_end_of_the_sheet(tmp_path: Path) -> None:
    far = '<table:table-cell table:number-columns-repeated="16382"/>'
    body = (
        f"<table:table-row>{ods_cell('Nom du poste')}{ods_cell('Modèle')}{far}</table:table-row>"
        '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
        f"<table:table-row>{ods_cell('PC-1')}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="1048571">{far}</table:table-row>'
    )
    reading = reading_of(tmp_path, ods_with(f'<table:table table:name="F">{body}</table:table>'), "liste.ods")
    assert [(machine.name, machine.place.row) for machine in reading.machines] == [("PC-1", 5)]


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    cell = '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&c;</t></is></c></row></sheetData>'
    for content in (
        with_sheet(cell, ENTITIES),
        with_part("xl/workbook.xml", f'{ENTITIES}<workbook xmlns="{NAMESPACE}"/>'),
        ods_with('<table:table table:name="F"/>', ENTITIES),
    ):
        with pytest.raises(BadInputError, match="a damaged spreadsheet"):
            reading_of(tmp_path, content, "liste")


def test_external_entities_are_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    prolog = f'<!DOCTYPE x [<!ENTITY c SYSTEM "file://{tmp_path}/secret">]>'
    cell = '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&c;</t></is></c></row></sheetData>'
    for content in (with_sheet(cell, prolog), ods_with('<table:table table:name="F"/>', prolog)):
        with pytest.raises(BadInputError, match="a damaged spreadsheet"):
            reading_of(tmp_path, content, "liste")


def test_a_password(tmp_path: Path) -> None:
    content = bytearray(xlsx([["Nom"]]))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    with pytest.raises(BadInputError, match="protected by a password"):
        reading_of(tmp_path, bytes(content), "liste.xlsx")


def test_a_workbook_cut_short(tmp_path: Path) -> None:
    content = xlsx([["Nom du poste"], ["PC-1"]])
    for length in range(4, len(content), 397):
        with pytest.raises(BadInputError):
            reading_of(tmp_path, content[:length], "liste.xlsx")


def test_a_zip_that_is_no_spreadsheet(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../../etc/passwd", "x")
    with pytest.raises(BadInputError, match="a damaged spreadsheet"):
        reading_of(tmp_path, content.getvalue(), "liste.xlsx")


@pytest.mark.parametrize("width", [bounds.COLUMNS + 1, 16_384])
def test_too_many_columns(tmp_path: Path, width: int) -> None:
    with pytest.raises(BadInputError, match="too many columns"):
        reading_of(tmp_path, ";".join(f"c{number}" for number in range(width)))


def test_a_cell_without_end(tmp_path: Path) -> None:
    for length in (40_000, 400_000):
        with pytest.raises(BadInputError, match=r"a cell of more than 32767 characters|quotation marks"):
            reading_of(tmp_path, f"Nom;Modèle\r\nA;{'x' * length}\r\n")


def test_f017_five_hundred_laptops_and_none(tmp_path: Path) -> None:
    rows = "".join(f"P{number};S{number}X\r\n" for number in range(500))
    assert len(reading_of(tmp_path, f"Nom du poste;N° de série\r\n{rows}").machines) == 500
    assert reading_of(tmp_path, "Nom du poste;N° de série\r\n").machines == ()


def test_a_device_is_not_read() -> None:
    with pytest.raises(BadInputError, match="larger than"):
        read(Path("/dev/zero"))
