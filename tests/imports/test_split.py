"""Which commune an entity stands for: whole segments, the longest run, never a piece of a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fleet import sample
from tests.fleet.conftest import _english as _english
from tests.imports.lists import Town, laptop, named, pairing, person, two_towns
from toolkit.fleet import Fleet, load
from toolkit.fleet.text import folded
from toolkit.imports.model import Place
from toolkit.imports.plan import Sign
from toolkit.imports.split import Split

NAMES = ("Évry", "Saint-Évry", "Val d’Oise")


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> list[Fleet]:
    texts = {}
    for block, name in enumerate(NAMES, 1):
        text = sample.other(f"c{block}", block).replace("Essai-le-Petit", name).replace("99003", f"9900{block + 3}")
        texts[f"c{block}"] = text
    texts["c1"] = texts["c1"].replace(
        '  insee: "99004"\n', '  insee: "99004"\n  entities: ["Racine > CIG > Évry", "Écoles d’Évry"]\n'
    )
    workspace = sample.workspace(tmp_path_factory.mktemp("split") / "w", **texts)
    return [load(workspace, commune) for commune in texts]


@pytest.mark.parametrize(
    ("entity", "owners"),
    [
        ("Racine > CIG > Évry", {"c1"}),
        ("racine>cig>EVRY", {"c1"}),
        ("Racine > CIG > Évry > Services techniques", {"c1"}),
        ("Évry", {"c1"}),
        ("Racine > Saint-Évry", {"c2"}),
        ("SAINT-EVRY", {"c2"}),
        ("Racine > Val d'Oise", {"c3"}),
        ("écoles d'évry", {"c1"}),
        ("99006", {"c3"}),
        ("c2", {"c2"}),
        ("Racine > CIG > Évry-les-Bains", set()),
        ("Évry Sud", set()),
        ("Racine > CIG", set()),
        ("Racine", set()),
        ("", set()),
        (" > > ", set()),
        ("Saint-Évry > Évry", {"c1", "c2"}),
        ("Racine > CIG > Évry > Saint-Évry", {"c1"}),
    ],
)
def test_f007_an_entity_is_matched_by_whole_segments(fleets: list[Fleet], entity: str, owners: set[str]) -> None:
    assert Split(fleets).owners(entity) == owners


@settings(max_examples=100)
@given(st.text(alphabet="Évryevrystain- >’", max_size=30))
def test_f007_no_piece_of_a_segment_is_enough(fleets: list[Fleet], entity: str) -> None:
    whole = {folded(part) for part in entity.split(">")}
    expected = {f"c{number}" for number, name in enumerate(NAMES, 1) if folded(name) in whole}
    assert Split(fleets).owners(entity) == expected


def test_unknown_entities_are_counted_and_the_nearest_is_named(fleets: list[Fleet]) -> None:
    rows = [(entity, Place("l.csv", row)) for row, entity in enumerate(["CIG > Evryy", "x", "CIG > Evryy", "Évry"], 2)]
    first, second = Split(fleets).unknown(rows)
    assert (first.entity, first.place.row, first.rows, first.suggestion) == ("CIG > Evryy", 2, 2, "c1")
    assert (second.entity, second.rows, second.suggestion) == ("x", 1, None)


def test_one_export_is_split_into_communes(tmp_path: Path) -> None:
    town = two_towns(tmp_path)
    town.take(
        laptop(2, "A", "N1", entity="CIG > Essai-le-Petit"),
        laptop(3, "B", "N2", entity="CIG > AUTRE > Voirie"),
        partial=True,
    )
    assert town.data("laptops")[-1]["serial"] == "N1"
    assert town.data("laptops", "autre")[-1]["serial"] == "N2"


def test_f007_a_machine_of_another_commune_is_refused_and_both_are_named(tmp_path: Path) -> None:
    said = two_towns(tmp_path).refuses(laptop(2, "A", "T11", entity="essai"))
    assert said.startswith(
        "liste.csv:2:1: this machine (T11) is autre-portable-1 of commune autre: it cannot be essai’s"
    )


def test_f007_one_serial_number_in_two_communes_is_refused(tmp_path: Path) -> None:
    said = two_towns(tmp_path).refuses(laptop(2, "A", "N1", entity="essai"), laptop(3, "B", "N1", entity="autre"))
    assert "is in autre here and in essai in row 2" in said or "is in essai here and in autre in row 3" in said


def test_f007_an_office_pc_of_another_commune_is_refused(tmp_path: Path) -> None:
    said = two_towns(tmp_path).refuses(
        laptop(2, "A", "N1", entity="essai"),
        person(2, "Zoé", entity="essai", duty="Rédacteur"),
        pairing(2, "Zoé", "N1", "T13"),
    )
    assert "“T13” is autre-bureau-1 of commune autre: nobody of essai can use it" in said


def test_an_unknown_entity_is_refused_once_with_its_rows_or_skipped(tmp_path: Path) -> None:
    town = two_towns(tmp_path)
    rows = (
        laptop(2, "A", "N1", entity="autr"),
        laptop(3, "B", "N2", entity="autr"),
        laptop(4, "C", "N3", entity="essai"),
    )
    assert town.refuses(*rows).startswith("liste.csv:2:1: no commune has the entity “autr” (rows: 2) (autre’s?")
    prepared = town.prepare(*rows, skip_unknown=True, partial=True)
    assert [(one.entity, one.rows) for one in prepared.plan.skipped] == [("autr", 2)]
    assert [file.commune for file in prepared.files] == ["essai"]


def test_rows_of_communes_not_asked_for_are_counted_and_left(tmp_path: Path) -> None:
    town = two_towns(tmp_path)
    rows = (laptop(2, "A", "N1", entity="autre"), laptop(3, "B", "N2", entity="essai"))
    prepared = town.prepare(*rows, selected=["essai"], partial=True)
    assert prepared.plan.elsewhere == 1
    assert [file.commune for file in prepared.files] == ["essai"]


def test_rows_without_an_entity_need_a_commune(tmp_path: Path) -> None:
    town = two_towns(tmp_path)
    assert town.refuses(laptop(2, "A", "N1"), laptop(3, "B", "N2")).startswith(
        "liste.csv:2:1: no commune in this row (rows like it: 2)"
    )
    assert named(town.take(laptop(2, "A", "N1"), selected=["essai"], partial=True), Sign.ADDED) == {"essai-portable-3"}


def test_new_names_are_unique_across_communes(tmp_path: Path) -> None:
    pattern = '  insee: "{}"\n  host_names: {{laptop: "p{{number:03}}"}}\n'
    other = (
        sample.other("autre", 1)
        .replace("Essai-le-Petit", "Autre")
        .replace('  insee: "99003"\n', pattern.format("99004"))
    )
    town = Town(tmp_path, essai=sample.changed('  insee: "99003"\n', pattern.format("99003")), autre=other)
    town.take(laptop(2, "A", "N1", entity="essai"), laptop(3, "B", "N2", entity="autre"), partial=True)
    names = {town.data("laptops", commune)[-1]["name"] for commune in ("essai", "autre")}
    assert names == {"p001", "p002"}
