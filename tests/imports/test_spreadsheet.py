"""Lists that secretaries keep: a row for each teleworker, or for each machine; every problem at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.imports.tables import csv_of, english, ods, reading_of, told, xlsx
from toolkit.imports.fields import meaning_of
from toolkit.imports.model import Chassis, Fate

pytestmark = pytest.mark.usefixtures(english.__name__)
__all__ = ["english"]

Write = Callable[..., bytes | str]
FORMATS: list[tuple[str, Write]] = [("liste.csv", csv_of), ("liste.xlsx", xlsx), ("liste.ods", ods)]

POSTS = [
    [
        "Commune",
        "Nom",
        "Prénom",
        "Service",
        "Fonction",
        "PC portable",
        "N° série portable",
        "PC fixe",
        "Devenir du PC fixe",
    ],
    ["Nogent-l'Abbé", "AÏT", "Zoé", "État civil", "Officier", "PORT-1", "5CG0000001", "UC-1", "gardé"],
    ["L’Haÿ-les-Roses", "LE GOFF-D'HÉRÉ", "Anne-Lise", "Régie", "", "PORT-2", "5CG0000002", "UC-2", "inchangé"],
]


@pytest.mark.parametrize(("name", "write"), FORMATS, ids=[name for name, _write in FORMATS])
def test_a_row_for_each_teleworker(tmp_path: Path, name: str, write: Write) -> None:
    reading = reading_of(tmp_path, write(POSTS), name)
    assert reading.problems == ()
    assert [(one.name, one.entity, one.service, one.duty) for one in reading.people] == [
        ("Zoé AÏT", "Nogent-l'Abbé", "État civil", "Officier"),
        ("Anne-Lise LE GOFF-D'HÉRÉ", "L’Haÿ-les-Roses", "Régie", None),
    ]
    assert [(one.name, one.serial, one.chassis, one.fate) for one in reading.machines] == [
        ("PORT-1", "5CG0000001", Chassis.LAPTOP, None),
        ("UC-1", None, Chassis.DESKTOP, Fate.KEPT),
        ("PORT-2", "5CG0000002", Chassis.LAPTOP, None),
        ("UC-2", None, Chassis.DESKTOP, Fate.UNCHANGED),
    ]
    assert [(one.person, one.laptop, one.office_pc) for one in reading.pairings] == [
        ("Zoé AÏT", "5CG0000001", "UC-1"),
        ("Anne-Lise LE GOFF-D'HÉRÉ", "5CG0000002", "UC-2"),
    ]


def test_a_row_for_each_machine(tmp_path: Path) -> None:
    reading = reading_of(
        tmp_path,
        csv_of(
            [
                ["Nom du poste", "N° de série", "Type de poste", "Marque", "Modèle", "Adresse MAC", "IP", "Agent"],
                ["PORT-1", "5CG1", "Portable", "Dell", "Latitude 5420", "3C-52-82-00-11-22", "", "Zoé Aït"],
                ["UC-1", "CZC1", "PC de bureau", "Dell", "OptiPlex", "3c5282001123", "192.168.1.20", "Zoé Aït"],
            ]
        ),
    )
    assert reading.problems == ()
    assert [(one.chassis, one.model, one.macs, one.address) for one in reading.machines] == [
        (Chassis.LAPTOP, "Dell Latitude 5420", ("3c:52:82:00:11:22",), None),
        (Chassis.DESKTOP, "Dell OptiPlex", ("3c:52:82:00:11:23",), "192.168.1.20"),
    ]
    assert [one.name for one in reading.people] == ["Zoé Aït"]
    assert [(one.laptop, one.office_pc) for one in reading.pairings] == [("5CG1", None), (None, "CZC1")]


def test_decomposed_accents_become_one_sign(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, csv_of([["Agent", "Portable"], ["Zoe\u0301 Ai\u0308t", "P1"]]))
    assert reading.people[0].name == "Zoé Aït"


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("N° de série du PC portable", "laptop_serial"),
        ("Portable : n° de série", "laptop_serial"),
        ("NUMÉRO SÉRIE PORTABLE", "laptop_serial"),
        ("Laptop serial number", "laptop_serial"),
        ("PC de bureau : adresse IP", "office_pc_address"),
        ("Nom du poste fixe", "office_pc_name"),
        ("Office PC", "office_pc_name"),
        ("Nom du PC", "name"),
        ("Type (fixe ou portable)", "chassis"),
        ("Poste occupé", "duty"),
        ("Devenir du poste fixe", "fate"),
        ("Bureau", None),
        ("Étage", None),
        ("Moniteurs - Numéro de série", None),
    ],
)
def test_headers_that_people_write(header: str, field: str | None) -> None:
    assert meaning_of(header).field == field


@pytest.mark.parametrize(
    "header",
    [
        *("Courriel", "Adresse e-mail", "E-mail", "Téléphone", "Tél. portable", "N° portable", "Portable perso"),
        *("Date de naissance", "Né le", "Adresse", "Adresse personnelle", "Code postal", "N° de sécurité sociale"),
        *("NIR", "IBAN", "Matricule", "Mot de passe", "Phone number", "Birth date", "Home address"),
    ],
)
def test_personal_columns_are_known_and_never_read(tmp_path: Path, header: str) -> None:
    reading = reading_of(tmp_path, csv_of([["Agent", header, "Portable"], ["Zoé Aït", "privé-42", "P1"]]))
    assert reading.problems == ()
    assert [(one.header, one.field) for one in reading.columns if one.personal] == [(header, None)]
    assert "privé-42" not in repr((reading.people, reading.machines, reading.pairings, reading.left_aside))


def test_addresses_of_machines_are_not_personal() -> None:
    for header in ("Adresse IP", "Adresse MAC", "Adresse physique"):
        assert not meaning_of(header).personal


@pytest.mark.parametrize(
    ("said", "when", "how", "expected"),
    [
        ("retiré", "31/01/2026", "recyclage", (Fate.RETIRED, date(2026, 1, 31), "recyclage")),
        ("Mis au rebut", "1er mars 2026", "", (Fate.RETIRED, date(2026, 3, 1), "Mis au rebut")),
        ("Conservé", "", "", (Fate.KEPT, None, None)),
        ("kept", "", "", (Fate.KEPT, None, None)),
        ("sans changement", "", "", (Fate.UNCHANGED, None, None)),
        ("", "", "", (None, None, None)),
    ],
)
def test_what_becomes_of_fixed_posts(
    tmp_path: Path, said: str, when: str, how: str, expected: tuple[object, ...]
) -> None:
    rows = [["PC fixe", "Agent", "Devenir", "Date de retrait", "Destination"], ["UC-1", "Zoé Aït", said, when, how]]
    reading = reading_of(tmp_path, csv_of(rows))
    (machine,) = reading.machines
    assert reading.problems == ()
    assert (machine.fate, machine.fate_date, machine.disposal) == expected


def test_a_retired_post_without_date_and_disposal_is_a_problem(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, csv_of([["PC fixe", "Agent", "Devenir"], ["UC-1", "Zoé Aït", "retiré"]]))
    assert told(reading) == [
        "liste.csv:2:3: Devenir: “retiré”: a retired post needs a date (column “Date de retrait”: 31/01/2026)"
    ]


@pytest.mark.parametrize("write", [xlsx, ods], ids=["xlsx", "ods"])
def test_every_sheet_with_known_headers_is_read(tmp_path: Path, write: Write) -> None:
    other = [POSTS[0], ["Nogent", "Dupré", "Jo", "", "", "PORT-9", "5CG0000009", "UC-9", "gardé"]]
    notes = [["À faire : relancer la préfecture"], ["rien"]]
    reading = reading_of(tmp_path, write(POSTS, other, notes), "liste.bin")
    assert reading.problems == ()
    assert [one.name for one in reading.people] == ["Zoé AÏT", "Anne-Lise LE GOFF-D'HÉRÉ", "Jo Dupré"]
    ((place, reason),) = reading.left_aside
    assert (place.file.endswith("liste.bin [Feuille3]"), reason) == (True, "sheet without headers that are known")


def test_notes_with_words_of_headers_are_no_list(tmp_path: Path) -> None:
    notes = [["Portable", "Marque et modèle"], ["voir avec la préfecture", ""]]
    reading = reading_of(tmp_path, xlsx(notes, POSTS), "liste.xlsx")
    assert reading.problems == ()
    assert len(reading.people) == 2
    assert [reason for _place, reason in reading.left_aside] == ["sheet without headers that are known"]


def test_a_list_that_lacks_a_column_is_not_left_aside_beside_a_whole_one(tmp_path: Path) -> None:
    nobodys = [["Portable", "Modèle", "Service", "Commune"], ["P9", "x", "y", "z"]]
    reading = reading_of(tmp_path, xlsx(POSTS, nobodys), "liste.xlsx")
    assert ["no column says whose the machines are" in line for line in told(reading)] == [True]


def test_the_same_machine_in_two_sheets_is_a_problem(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, xlsx(POSTS, [POSTS[0], POSTS[1]]), "liste.xlsx")
    assert told(reading) == [
        "liste.xlsx [Feuille2]:2:6: PC portable: “PORT-1”: the same machine as in row 2 "
        "(each machine once; serial numbers differ)"
    ]


def test_an_office_pc_that_two_people_use_is_one_machine(tmp_path: Path) -> None:
    rows = [["Agent", "Portable", "PC fixe"], ["Zoé Aït", "P1", "UC-1"], ["Jo Dupré", "P2", "UC-1"]]
    reading = reading_of(tmp_path, csv_of(rows))
    assert reading.problems == ()
    assert [one.name for one in reading.machines] == ["P1", "UC-1", "P2"]
    assert [one.office_pc for one in reading.pairings] == ["UC-1", "UC-1"]


def test_a_commune_written_once_for_several_rows_is_a_problem(tmp_path: Path) -> None:
    rows = [
        ["Commune", "Agent", "Portable"],
        ["A", "Zoé", "P1"],
        ["", "Jo", "P2"],
        ["B", "Lou", "P3"],
        ["", "Al", "P4"],
    ]
    reading = reading_of(tmp_path, csv_of(rows))
    assert told(reading) == [
        f"liste.csv:{row}:1: Commune: empty, and filled in in other rows (whose row is it? repeat it in each row)"
        for row in (3, 5)
    ]


def test_a_sheet_without_communes_beside_one_that_names_them(tmp_path: Path) -> None:
    plain = [["Agent", "Portable"], ["Jo", "P8"], ["Al", "P9"]]
    reading = reading_of(tmp_path, xlsx(POSTS, plain), "liste.xlsx")
    assert told(reading) == [
        "liste.xlsx [Feuille2]:1:1: no column names the commune, as other sheets do (add the column “Commune”)"
    ]


def test_a_commune_column_that_is_empty_throughout_is_none(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, csv_of([["Commune", "Agent", "Portable"], ["", "Zoé", "P1"], ["", "Jo", "P2"]]))
    assert reading.problems == ()
    assert [one.entity for one in reading.machines] == [None, None]


def test_all_problems_of_a_file_in_one_run(tmp_path: Path) -> None:
    rows = [
        [
            "Nom du poste",
            "N° de série",
            "Type",
            "Adresse MAC",
            "Adresse IP",
            "Disque chiffré",
            "Devenir",
            "Date de retrait",
        ],
        ["A", "S1", "Portble", "3c:52:82", "192.168.1.300", "peut-être", "on verra", "31/02/2026"],
        ["0612345678", "S2", "", "", "", "", "retiré", "bientôt"],
        ["", "", "Portable", "", "", "", "", ""],
    ]
    reading = reading_of(tmp_path, csv_of(rows))
    assert told(reading) == [
        "liste.csv:2:7: Devenir: “on verra”: no fate of a fixed post that is known (“gardé”, “retiré” or “inchangé”)",
        "liste.csv:2:3: Type: “Portble”: no kind of machine that is known (“portable” or “fixe”)",
        "liste.csv:2:4: Adresse MAC: “3c:52:82”: not a MAC address (twelve digits and letters a-f: 3c:52:82:00:11:22)",
        "liste.csv:2:5: Adresse IP: “192.168.1.300”: not an IPv4 address "
        "(four numbers: 192.168.1.20; leave the cell empty if it changes)",
        "liste.csv:2:6: Disque chiffré: “peut-être”: neither yes nor no (“oui” or “non”)",
        "liste.csv:3:1: Nom du poste: looks like a telephone number (is this the column of the machine's name?)",
        "liste.csv:3:8: Date de retrait: “bientôt”: not a date (day/month/year: 31/01/2026)",
        "liste.csv:3:7: Devenir: “retiré”: a retired post needs what is done with it "
        "(column “Destination”: recycled, given …)",
        "liste.csv:4:2: N° de série: this machine has neither name nor serial number",
    ]
    assert "0612345678" not in " ".join(told(reading))


def test_problems_are_french_by_default(tmp_path: Path) -> None:
    from toolkit.i18n import set_language

    set_language("fr")
    reading = reading_of(tmp_path, csv_of([["Nom du poste", "Type"], ["A", "Portble"]]))
    assert told(reading) == ["liste.csv:2:2: Type: “Portble”: genre de machine inconnu (« portable » ou « fixe »)"]


def test_a_thousand_problems_are_counted_not_told(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, csv_of([["Nom du poste", "Type"], *([f"P{n}", "?!"] for n in range(1000))]))
    assert len(reading.problems) == 201
    assert reading.problems[-1].message == "and 800 more problems"
