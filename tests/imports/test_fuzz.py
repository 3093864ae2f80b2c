"""Whatever a file holds, it is read, or refused in words: no other exception, nothing in doubt taken for a fact."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.imports.tables import GLPI_FRENCH, csv_of, glpi_csv, ods, xlsx
from toolkit.errors import NomadeError
from toolkit.fleet.text import forbidden
from toolkit.imports import reading as module
from toolkit.imports.field_names import BASE
from toolkit.imports.fields import meaning_of
from toolkit.imports.mapping import FIELDS, Mapping
from toolkit.imports.model import Reading
from toolkit.imports.readers import HEAD, reader_of

quick = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

HEADERS = sorted({header for headers in BASE.values() for header in headers} | set(GLPI_FRENCH.values()))
headers = st.one_of(
    st.sampled_from([*HEADERS, "Nom", "Name", "Portable", "PC fixe", "N° série portable", "Courriel"]),
    st.text(max_size=20),
)
cells = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "Portable", "retiré", "31/02/2026", "5CG1", "3c:52:82:00:11:22", "999.1.1.1", "{{ x }}", "oui"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=30),
)
tables = st.lists(st.lists(cells, max_size=8), max_size=8)


def outcome(data: bytes, mapping: Mapping | None = None) -> Reading | None:
    """Return what is read of these bytes; None when they are refused."""
    reader = reader_of(data[:HEAD], Path("x"))
    if reader is None:
        return None
    try:
        reading = reader.read(data, "x", mapping)
    except NomadeError as error:
        said = str(error)
    else:
        assert_clean(reading)
        return reading
    assert said.strip()
    assert all(line.isprintable() for line in said.splitlines())
    return None


def assert_clean(reading: Reading) -> None:
    for machine in reading.machines:
        texts = (machine.name, machine.serial, machine.model, machine.system, machine.entity, machine.disposal)
        assert machine.name or machine.serial
        assert all(text is None or (text.strip() == text != "" and forbidden(text) is None) for text in texts)
    for person in reading.people:
        assert person.name or person.login
        texts = (person.name, person.login, person.entity, person.service, person.duty, None)
        assert all(text is None or (text.strip() == text != "" and forbidden(text) is None) for text in texts)
    assert all(column.header.isprintable() for column in reading.columns)
    assert all(place.file.isprintable() and reason.isprintable() for place, reason in reading.left_aside)
    assert all(str(problem).isprintable() and problem.line >= 1 and problem.column >= 1 for problem in reading.problems)


@quick
@given(st.binary(max_size=400))
@example(b"PK\x03\x04")
@example(b"\xff\xfe\x00")
@example(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
def test_any_bytes(data: bytes) -> None:
    outcome(data)


@quick
@given(st.lists(headers, min_size=1, max_size=8), tables, st.sampled_from([";", ",", "\t", "|"]))
def test_any_table_as_csv(head: list[str], rows: list[list[str]], delimiter: str) -> None:
    outcome(csv_of([head, *rows], delimiter).encode("utf-8", "replace"))


@quick
@given(st.lists(headers, min_size=1, max_size=8), tables)
def test_any_table_as_opendocument(head: list[str], rows: list[list[str]]) -> None:
    legal = [["".join(sign for sign in cell if sign >= " ") for cell in row] for row in (head, *rows)]
    outcome(ods(legal))


@settings(quick, max_examples=40)
@given(st.lists(headers, min_size=1, max_size=8), tables)
def test_any_table_as_workbook(head: list[str], rows: list[list[str]]) -> None:
    legal = [
        ["".join(sign for sign in cell if sign >= " " and sign.isprintable()) for cell in row] for row in (head, *rows)
    ]
    outcome(xlsx(legal))


@quick
@given(st.dictionaries(st.sampled_from(list(GLPI_FRENCH)), st.text(max_size=40)), st.booleans())
def test_any_row_of_glpi(row: dict[str, str], bom: bool) -> None:
    reading = outcome(glpi_csv([row], bom=bom).decode("utf-8", "replace").encode())
    assert reading is None or len(reading.machines) <= 1


@quick
@given(st.data())
def test_any_byte_changed_in_a_spreadsheet(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([WORKBOOK, DOCUMENT, LIST])))
    for _again in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    outcome(bytes(content))


@quick
@given(st.data())
def test_any_part_of_a_spreadsheet_changed(data: st.DataObject) -> None:
    """As before, inside the archive, whose checksums are right again."""
    source = zipfile.ZipFile(io.BytesIO(data.draw(st.sampled_from([WORKBOOK, DOCUMENT]))))
    part = data.draw(st.sampled_from(source.namelist()))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            archive.writestr(name, _changed(data, source.read(name)) if name == part else source.read(name))
    outcome(content.getvalue())


def _changed(data: st.DataObject, text: bytes) -> bytes:
    place = data.draw(st.integers(0, len(text)))
    return text[:place] + data.draw(st.binary(max_size=12)) + text[place + data.draw(st.integers(0, 12)) :]


@quick
@given(st.dictionaries(st.sampled_from(FIELDS), headers, max_size=6), st.lists(headers, min_size=1, max_size=6), tables)
def test_any_mapping(columns: dict[str, str], head: list[str], rows: list[list[str]]) -> None:
    outcome(csv_of([head, *rows]).encode("utf-8", "replace"), Mapping(columns))


@quick
@given(st.text(max_size=300))
def test_any_header(header: str) -> None:
    meaning = meaning_of(header)
    assert not (meaning.personal and meaning.field)


ROWS = [["Nom", "Prénom", "Portable", "Date de retrait"], ["AÏT", "Zoé", "PORT-1", "31/01/2026"]]
WORKBOOK, DOCUMENT, LIST = xlsx(ROWS), ods(ROWS), csv_of(ROWS).encode()
assert module.HEAD == HEAD
