"""Which commune an entity stands for: whole segments, the longest run, never a piece of a word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fleet import sample
from tests.fleet.conftest import _english as _english
from toolkit.fleet import Fleet, load
from toolkit.imports.model import Place
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
    from toolkit.fleet.text import folded

    whole = {folded(part) for part in entity.split(">")}
    expected = {f"c{number}" for number, name in enumerate(NAMES, 1) if folded(name) in whole}
    assert Split(fleets).owners(entity) == expected


def test_unknown_entities_are_counted_and_the_nearest_is_named(fleets: list[Fleet]) -> None:
    rows = [(entity, Place("l.csv", row)) for row, entity in enumerate(["CIG > Evryy", "x", "CIG > Evryy", "Évry"], 2)]
    first, second = Split(fleets).unknown(rows)
    assert (first.entity, first.place.row, first.rows, first.suggestion) == ("CIG > Evryy", 2, 2, "c1")
    assert (second.entity, second.rows, second.suggestion) == ("x", 1, None)
