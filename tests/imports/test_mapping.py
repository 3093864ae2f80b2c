"""Which column says what: recognised, shown, saved, changed by hand, read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.imports.tables import csv_of, english, glpi_csv, reading_of, told, xlsx
from toolkit.errors import BadInputError, ProblemsError
from toolkit.imports.mapping import FIELDS, Mapping
from toolkit.imports.reading import propose, read

pytestmark = pytest.mark.usefixtures(english.__name__)
__all__ = ["english"]

ODD = [
    ["Qui", "Où travaille", "Sa machine", "Étiquette", "Courriel"],
    ["Zoé Aït", "Régie", "PORT-1", "5CG1", "zoe@mairie.example"],
]
MAPPING = """\
columns:
  person: Qui
  service: "OU TRAVAILLE"
  laptop_name: sa machine
  laptop_serial: Étiquette
"""


def mapping_of(folder: Path, text: str) -> Mapping:
    path = folder / "colonnes.yml"
    path.write_text(text)
    return Mapping.load(path)


def test_a_mapping_says_what_no_header_says(tmp_path: Path) -> None:
    (tmp_path / "liste.csv").write_text(csv_of(ODD))
    reading = read(tmp_path / "liste.csv", mapping_of(tmp_path, MAPPING))
    assert reading.problems == ()
    assert [(one.name, one.service) for one in reading.people] == [("Zoé Aït", "Régie")]
    assert [(one.name, one.serial) for one in reading.machines] == [("PORT-1", "5CG1")]
    assert [(one.header, one.field, one.personal) for one in reading.columns] == [
        ("Qui", "person", False),
        ("Où travaille", "service", False),
        ("Sa machine", "laptop_name", False),
        ("Étiquette", "laptop_serial", False),
        ("Courriel", None, True),
    ]


def test_a_mapping_outweighs_what_is_recognised(tmp_path: Path) -> None:
    rows = [["Nom", "Référence", "N° de série"], ["Zoé Aït", "PC-1", "5CG1"]]
    (tmp_path / "liste.csv").write_text(csv_of(rows))
    reading = read(tmp_path / "liste.csv", mapping_of(tmp_path, "columns: {person: Nom, name: Référence}\n"))
    assert [(one.name, one.serial) for one in reading.machines] == [("PC-1", None)]
    assert [one.name for one in reading.people] == ["Zoé Aït"]


def test_without_the_mapping_the_odd_list_says_what_is_missing(tmp_path: Path) -> None:
    assert "no column names machines or people" in told(reading_of(tmp_path, csv_of(ODD)))[0]


@pytest.mark.parametrize(
    "content", [glpi_csv(), csv_of([["Nom", "Prénom", "Portable : n° de série"], ["A", "B", "C"]])]
)
def test_what_is_proposed_reads_the_same_when_it_is_saved_and_loaded(tmp_path: Path, content: bytes | str) -> None:
    direct = reading_of(tmp_path, content)
    proposed = propose(tmp_path / "liste.csv")
    proposed.save(tmp_path / "colonnes.yml")
    loaded = Mapping.load(tmp_path / "colonnes.yml")
    assert dict(loaded.columns) == dict(proposed.columns)
    again = read(tmp_path / "liste.csv", loaded)
    assert (again.machines, again.people, again.pairings) == (direct.machines, direct.people, direct.pairings)


def test_a_mapping_of_one_column_finds_its_sheet(tmp_path: Path) -> None:
    path = tmp_path / "liste.xlsx"
    path.write_bytes(xlsx([["Notes"], ["rien"]], [["Bidule"], ["PC-1"]]))
    reading = read(path, mapping_of(tmp_path, "columns: {name: Bidule}\n"))
    assert reading.problems == ()
    assert [one.name for one in reading.machines] == ["PC-1"]


def test_of_several_sheets_the_fullest_is_proposed(tmp_path: Path) -> None:
    path = tmp_path / "liste.xlsx"
    path.write_bytes(xlsx([["Agent", "Notes"]], [["Nom", "Prénom", "Portable", "Service"], ["A", "B", "C", "D"]]))
    assert dict(propose(path).columns) == {
        "last_name": "Nom",
        "first_name": "Prénom",
        "laptop_name": "Portable",
        "service": "Service",
    }


def test_nothing_recognised_can_still_be_saved_and_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "liste.csv"
    path.write_text(csv_of(ODD).replace("Qui", "Nom du truc").replace("Courriel", "Truc"))
    mapping = propose(path)
    mapping.save(tmp_path / "colonnes.yml")
    assert Mapping.load(tmp_path / "colonnes.yml") == mapping
    assert all(name in mapping.text() for name in FIELDS)


def test_headers_of_several_lines_and_quotation_marks_survive_saving(tmp_path: Path) -> None:
    mapping = Mapping({"name": 'Nom "complet"\ndu\\poste'})
    mapping.save(tmp_path / "colonnes.yml")
    assert dict(Mapping.load(tmp_path / "colonnes.yml").columns) == {"name": 'Nom "complet" du\\poste'}


def test_every_problem_of_a_mapping_file_has_its_place(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as caught:
        mapping_of(tmp_path, "columns:\n  serail: N° de série\n  name: [a]\n  model:\ncolumn: x\n")
    assert [str(problem).rpartition("/")[2] for problem in caught.value.problems] == [
        "colonnes.yml:2:3: unknown field “serail” (did you mean “serial”?)",
        "colonnes.yml:3:9: the header of a column is expected",
        "colonnes.yml:4:9: the header of a column is expected",
        "colonnes.yml:5:1: unknown key “column” (did you mean “columns”?)",
    ]


@pytest.mark.parametrize("text", ["", "[]", "columns: 1\n", "x: 1\n", "columns: {\n", "\x00"])
def test_what_is_no_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInputError):
        mapping_of(tmp_path, text)


def test_a_header_that_the_list_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "liste.csv").write_text(csv_of(ODD))
    reading = read(tmp_path / "liste.csv", mapping_of(tmp_path, MAPPING.replace("sa machine", "La machine")))
    assert told(reading) == [
        "liste.csv:1:1: no column is called “La machine”, which the mapping takes for laptop_name "
        "(did you mean “Sa machine”?)"
    ]
    assert reading.machines == ()


def test_a_file_that_is_no_table_needs_no_mapping(tmp_path: Path) -> None:
    path = tmp_path / "agent.json"
    path.write_text('{"action": "inventory", "deviceid": "x", "content": {}}')
    with pytest.raises(BadInputError, match="no table: it needs no mapping of columns"):
        propose(path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be written"):
        Mapping({}).save(tmp_path / "absent" / "colonnes.yml")
