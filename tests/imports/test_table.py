"""Bytes of a CSV file → rows: encodings, delimiters, quotation marks, what is no list at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.imports.tables import csv_of, english, reading_of, told
from toolkit.errors import BadInputError
from toolkit.imports.delimited import decode, read_delimited
from toolkit.imports.reading import read

pytestmark = pytest.mark.usefixtures(english.__name__)
__all__ = ["english"]

ROWS = [
    ["Nom", "Prénom", "Service", "Commune", "Portable"],
    ["AÏT", "Zoé", "État civil", "Nogent-l'Abbé", "PORT-1"],
    ["D’Hœne", "Marie-Ève", "Régie", "L’Haÿ-les-Roses", "PORT-2"],
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_accents_and_apostrophes_whatever_the_encoding(encoding: str, delimiter: str) -> None:
    table = read_delimited(csv_of(ROWS, delimiter).encode(encoding), "liste.csv")
    assert [list(cells) for _number, cells in table.rows] == ROWS


def test_utf_16_big_endian_with_its_mark() -> None:
    table = read_delimited(b"\xfe\xff" + csv_of(ROWS).encode("utf-16-be"), "liste.csv")
    assert table.rows[1][1][0] == "AÏT"


def test_the_line_that_excel_takes_for_the_delimiter() -> None:
    table = read_delimited(("sep=|\r\n" + csv_of(ROWS, "|")).encode(), "liste.csv")
    assert table.rows[0] == (1, tuple(ROWS[0]))


def test_commas_in_cells_do_not_make_columns() -> None:
    rows = [["Agent", "Portable"], ["AÏT, Zoé", "A,B"], ["Dupré, Jean, dit Jo", "C,D"]]
    assert [list(cells) for _number, cells in read_delimited(csv_of(rows).encode(), "x").rows] == rows


def test_rows_are_counted_as_a_spreadsheet_shows_them() -> None:
    text = '\r\n"Nom";"Service"\r\n"AÏT";"État\r\ncivil"\r\n\r\n;\r\n"Dupré";"Régie"\r\n'
    assert read_delimited(text.encode(), "x").rows == (
        (2, ("Nom", "Service")),
        (3, ("AÏT", "État\r\ncivil")),
        (6, ("Dupré", "Régie")),
    )


def test_a_title_may_stand_above_the_headers(tmp_path: Path) -> None:
    text = "Télétravailleurs de Nogent;;;;\r\nmis à jour le 1er mars;;;;\r\n" + csv_of(ROWS)
    reading = reading_of(tmp_path, text)
    assert [person.name for person in reading.people] == ["Zoé AÏT", "Marie-Ève D’Hœne"]
    assert reading.people[0].place.row == 4


def test_quotation_marks_that_are_not_in_pairs_are_told_with_their_row() -> None:
    text = 'Nom;Portable\r\nAÏT;A1\r\n"Dupré;B2\r\nLe Goff;C3\r\n'
    with pytest.raises(BadInputError, match=r"x\.csv:3:1: quotation marks are not in pairs"):
        read_delimited(text.encode(), "x.csv")


def test_damaged_utf_8_is_not_taken_for_windows() -> None:
    damaged = "Nom;Prénom\r\nAÏT;Zoé\r\nDupré;Hélène\r\n".encode().replace("Hélène".encode(), b"H\xc3l\xc3\xa8ne")
    with pytest.raises(BadInputError, match=r"x\.csv:3:1: not UTF-8 text, as the rest of the file is"):
        decode(damaged, "x.csv")


def test_utf_16_cut_in_the_middle_of_a_letter() -> None:
    with pytest.raises(BadInputError, match="not UTF-16-LE text"):
        decode(csv_of(ROWS).encode("utf-16")[:-1], "x.csv")


@pytest.mark.parametrize(
    "content",
    [bytes(range(256)) * 40, b"\x7fELF\x02\x01\x01" + bytes(5000), bytes(5000)],
    ids=["all_bytes", "program", "zeros"],
)
def test_a_binary_file_ends_in_one_line(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadInputError, match=r"not a list that can be read|not a text file"):
        reading_of(tmp_path, content)


def test_nothing_in_it(tmp_path: Path) -> None:
    for content in (b"", b"\xef\xbb\xbf", b"\r\n\r\n", b";;;\r\n;;;\r\n", b" \n"):
        with pytest.raises(BadInputError, match=r"is empty|no row holds anything"):
            reading_of(tmp_path, content)


def test_headers_only_is_an_empty_list(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, csv_of(ROWS[:1]))
    assert (reading.people, reading.machines, reading.problems) == ((), (), ())


def test_f002_a_zero_byte_in_a_name_is_told_with_row_and_column(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, csv_of([*ROWS, ["Du\x00pré", "Jo", "", "Nogent", "PORT-3"]]))
    assert told(reading) == ["liste.csv:4:1: Nom: “Du?pré”: not allowed in any text: U+0000"]


def test_what_is_no_file(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "absent.csv", tmp_path / "pipe", Path("x\0y")):
        with pytest.raises(BadInputError):
            read(path)


def test_other_formats_have_a_name(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"old or protected Excel file: save it as \.xlsx"):
        reading_of(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "liste.xls")
    with pytest.raises(BadInputError, match="not a list that can be read"):
        reading_of(tmp_path, b"%PDF-1.7\n", "liste.pdf")
