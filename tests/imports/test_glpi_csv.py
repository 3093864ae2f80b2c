"""GLPI's computer list, as versions 9.5, 10 and 11 write it in French and English."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.imports.tables import GLPI_ENGLISH, GLPI_FRENCH, GLPI_ROW, english, glpi_csv, ods, reading_of, told, xlsx
from toolkit.imports.model import Chassis, Machine, Reading

pytestmark = pytest.mark.usefixtures(english.__name__)
__all__ = ["english"]

NOT_PERSONAL = [column for column in GLPI_FRENCH if column != "contact_number"]


def only(reading: Reading) -> Machine:
    assert reading.problems == ()
    (machine,) = reading.machines
    return machine


def assert_the_sample(reading: Reading) -> None:
    machine = only(reading)
    assert machine.name == "NOG-P-014"
    assert machine.entity == "Racine > CIG > Nogent-l'Abbé"
    assert machine.serial == "5CG1234ABC"
    assert machine.model == "HP EliteBook 840 G8"
    assert machine.system == "Debian GNU/Linux 12 (bookworm)"
    assert machine.chassis is Chassis.LAPTOP
    assert machine.macs == ("3c:52:82:00:11:22",)
    assert machine.address == "192.168.1.14"
    assert machine.encrypted is True
    (person,) = reading.people
    assert (person.login, person.name) == ("zait", None)
    (pairing,) = reading.pairings
    assert (pairing.person, pairing.laptop, pairing.office_pc) == ("zait", "5CG1234ABC", None)


@pytest.mark.parametrize("headers", [GLPI_FRENCH, GLPI_ENGLISH], ids=["french", "english"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("bom", [True, False], ids=["bom", "plain"])
@pytest.mark.parametrize("empty_first_line", [True, False], ids=["empty_line", "no_empty_line"])
def test_every_form_of_the_same_list_says_the_same(
    tmp_path: Path, headers: dict[str, str], delimiter: str, bom: bool, empty_first_line: bool
) -> None:
    content = glpi_csv(headers=headers, delimiter=delimiter, bom=bom, empty_first_line=empty_first_line)
    reading = reading_of(tmp_path, content, "glpi.csv")
    assert_the_sample(reading)
    assert only(reading).place.row == (3 if empty_first_line else 2)


@pytest.mark.parametrize("line_break", ["\r\n", "<br>", "<br />", "\n"])
def test_several_values_in_a_cell(tmp_path: Path, line_break: str) -> None:
    assert_the_sample(reading_of(tmp_path, glpi_csv(line_break=line_break)))


def test_columns_in_any_order(tmp_path: Path) -> None:
    assert_the_sample(reading_of(tmp_path, glpi_csv(columns=list(reversed(GLPI_FRENCH)))))


def test_glpi_11_writes_spreadsheets_too(tmp_path: Path) -> None:
    rows = [list(GLPI_FRENCH.values()), [GLPI_ROW[column] for column in GLPI_FRENCH]]
    assert_the_sample(reading_of(tmp_path, xlsx(rows), "glpi.xlsx"))
    assert_the_sample(reading_of(tmp_path, ods(rows), "glpi.ods"))


def test_glpi_9_5_keeps_entities_of_html(tmp_path: Path) -> None:
    row = GLPI_ROW | {"entity": "Racine &#62; CIG &gt; Nogent-l&#039;Abb&eacute;"}
    assert_the_sample(reading_of(tmp_path, glpi_csv([row])))


def test_only_the_columns_present_are_used(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, glpi_csv(columns=["entity", "serial", "name"]))
    machine = only(reading)
    assert (machine.name, machine.serial, machine.model, machine.chassis) == (
        "NOG-P-014",
        "5CG1234ABC",
        None,
        Chassis.UNKNOWN,
    )


def test_a_missing_needed_column_is_named(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, glpi_csv(columns=["entity", "model", "place"]))
    assert reading.machines == ()
    (problem,) = told(reading)
    assert problem.startswith("liste.csv:1:1: no column names machines or people (“Nom du poste” or “N° de série”")


def test_a_column_added_to_glpi_changes_nothing_else(tmp_path: Path) -> None:
    headers = GLPI_FRENCH | {"service": "Service"}
    reading = reading_of(tmp_path, glpi_csv([GLPI_ROW | {"service": "État civil", "chassis": "Machin"}], headers))
    assert only(reading).chassis is Chassis.UNKNOWN
    assert [person.service for person in reading.people] == ["État civil"]


def test_a_screen_has_a_serial_number_that_is_not_the_computers(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, glpi_csv(columns=["name", "screen", "entity", "system"]))
    assert only(reading).serial is None


def test_personal_columns_are_told_and_not_read(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, glpi_csv())
    assert [column.header for column in reading.columns if column.personal] == ["Numéro de l'usager"]
    assert "0123456789" not in repr(reading)


def test_what_is_no_telework_post_is_left_aside_with_its_reason(tmp_path: Path) -> None:
    rows = [
        GLPI_ROW,
        GLPI_ROW | {"name": "SRV", "serial": "A1B2C3", "chassis": "Serveur"},
        GLPI_ROW | {"name": "VIEUX", "serial": "A1B2C4", "status": "Au rebut"},
        GLPI_ROW | {"name": "", "serial": "To be filled by O.E.M."},
        GLPI_ROW | {"name": "VM", "serial": "A1B2C5", "chassis": "VMware"},
    ]
    reading = reading_of(tmp_path, glpi_csv(rows))
    assert_the_sample(reading)
    assert [(place.row, reason) for place, reason in reading.left_aside] == [
        (3, "“Serveur” is no telework post"),
        (4, "status “Au rebut”: no longer there"),
        (5, "neither name nor serial number"),
        (6, "“VMware” is no telework post"),
    ]


def test_a_type_that_anybody_made_up_is_unknown_not_guessed(tmp_path: Path) -> None:
    assert only(reading_of(tmp_path, glpi_csv([GLPI_ROW | {"chassis": "Machin"}]))).chassis is Chassis.UNKNOWN


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("Oui", True), ("Non\nNon", False), ("Oui\nNon", None), ("Partiellement", None), ("", None), ("Yes", True)],
)
def test_volumes_are_encrypted_only_when_all_are_said_to_be(tmp_path: Path, cell: str, expected: bool | None) -> None:
    assert only(reading_of(tmp_path, glpi_csv([GLPI_ROW | {"encrypted": cell}]))).encrypted is expected


def test_one_serial_number_twice_is_a_problem(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, glpi_csv([GLPI_ROW, GLPI_ROW | {"name": "NOG-P-015"}]))
    (problem,) = told(reading)
    assert problem == (
        "liste.csv:3:1: Nom: “NOG-P-015”: the same machine as in row 2 (each machine once; serial numbers differ)"
    )


@pytest.mark.parametrize("serial", ["To be filled by O.E.M.", "0", "Default string", "N/A", "System Serial Number"])
def test_a_placeholder_is_no_serial_number(tmp_path: Path, serial: str) -> None:
    rows = [GLPI_ROW | {"serial": serial}, GLPI_ROW | {"serial": serial, "name": "NOG-P-015"}]
    reading = reading_of(tmp_path, glpi_csv(rows))
    assert reading.problems == ()
    assert [machine.serial for machine in reading.machines] == [None, None]


def test_the_account_is_said_without_its_domain(tmp_path: Path) -> None:
    rows = [
        GLPI_ROW | {"user": "", "contact": "MAIRIE\\zait"},
        GLPI_ROW | {"user": "", "contact": "ldupre@mairie.example", "serial": "B2", "name": "B"},
    ]
    reading = reading_of(tmp_path, glpi_csv(rows))
    assert [person.login for person in reading.people] == ["zait", "ldupre"]
    assert "mairie.example" not in repr(reading)


def test_five_thousand_computers_take_a_moment(tmp_path: Path) -> None:
    rows = [GLPI_ROW | {"name": f"PC-{number}", "serial": f"5CG{number:07}"} for number in range(5_000)]
    content = glpi_csv(rows)
    begin = time.process_time()
    reading = reading_of(tmp_path, content)
    spent = time.process_time() - begin
    assert len(reading.machines) == 5_000
    assert spent < 5  # under half a second on an idle processor
