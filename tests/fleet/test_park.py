"""Fixed posts and their fate, host names of new machines, entities, missing and replaced machines in a fleet file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit.errors import ProblemsError
from toolkit.fleet import Fleet, load, load_all

FIXED = """\
fixed_posts:
  - {name: PC-ACCUEIL, serial: F1, os: Microsoft Windows 10, service: accueil}
  - {name: PC-MAIRE, fate: kept}
  - {name: PC-ANNA, serial: S3, fate: kept, office_pc: essai-bureau-1}
  - {name: VIEUX, fate: retired, retired_on: "2026-01-31", disposal: don}
replaced:
  - {teleworker: anna, from: essai-portable-0, to: essai-portable-1, date: "2026-02-01", reason: panne}
"""


def loaded(folder: Path, text: str) -> Fleet:
    return load(sample.workspace(folder / "w", essai=text), "essai")


def said(folder: Path, text: str) -> str:
    with pytest.raises(ProblemsError) as error:
        loaded(folder, text)
    return str(error.value)


def test_fixed_posts_and_replacements_are_read(tmp_path: Path) -> None:
    fleet = loaded(tmp_path, sample.FLEET + FIXED)
    assert [post.fate for post in fleet.fixed_posts] == ["unchanged", "kept", "kept", "retired"]
    assert (fleet.replaced[0].former, fleet.replaced[0].to) == ("essai-portable-0", "essai-portable-1")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (', retired_on: "2026-01-31"', "", "needs its date"),
        (", disposal: don", "", "needs its disposal"),
        ("fate: retired,", "", "belong to a retired"),
        ("fate: kept, office_pc", "office_pc", "only a kept fixed post"),
        ("essai-bureau-1}", "essai-bureau-9}", "“essai-bureau-9” is not declared in this file"),
        ("service: accueil", "service: acceuil", "did you mean “accueil”?"),
        ("serial: F1", "serial: S1", "the serial number “S1” is already taken"),
        ("PC-MAIRE, fate: kept", "PC-MAIRE, fate: kept, office_pc: essai-bureau-1", "another fixed post"),
        ('"2026-01-31"', '"2026-02-31"', "is not a date"),
        ('"2026-01-31"', '"hier"', "a date:"),
        ("fate: retired", "fate: retire", "did you mean “retired”?"),
        ("from: essai", "fron: essai", "did you mean “from”?"),
    ],
)
def test_f018_each_mistake_is_told(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in FIXED
    assert message in said(tmp_path, sample.FLEET + FIXED.replace(old, new, 1))


def test_without_management_an_endpoint_is_called_by_its_name(tmp_path: Path) -> None:
    fleet = loaded(tmp_path, sample.changed("management: {address: 192.0.2.31}, ", ""))
    assert (fleet.laptops[0].bench.address, fleet.laptops[0].bench.port) == ("essai-portable-1", 22)
    assert fleet.laptops[1].bench.address == "192.0.2.32"


def test_a_gateway_still_needs_management(tmp_path: Path) -> None:
    assert "“management” is missing" in said(tmp_path, sample.changed("  management: {address: 192.0.2.21}\n", ""))


NAMES = '  insee: "99003"\n'


@pytest.mark.parametrize("pattern", ["pt-{number}", "vals-p{number:03}", "{number}", "{commune}-{number:06}"])
def test_patterns_of_host_names(tmp_path: Path, pattern: str) -> None:
    text = sample.changed(NAMES, f'{NAMES}  host_names: {{laptop: "{pattern}"}}\n')
    assert loaded(tmp_path, text).commune.host_names.laptop == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        *("portable", "PC-{number}", "a_{number}", "-{number}", "{number}-", "a b{number}", "{number}{number}"),
        *("{0}", "{}", "{number!r}", "{number:x}", "{number:9999}", "{commune:>9}-{number}", "{number.real}", "{x"),
        *("{commune.__class__}{number}", "../{number}", "{number}\u202e", "x" * 64 + "{number}"),
    ],
)
def test_f001_f002_patterns_that_make_no_host_names_are_refused(tmp_path: Path, pattern: str) -> None:
    text = sample.changed(NAMES, f'{NAMES}  host_names: {{office_pc: "{pattern}"}}\n')
    message = said(tmp_path, text)
    assert "makes no host names" in message or "not allowed in any text" in message


def test_an_entity_stands_for_one_commune(tmp_path: Path) -> None:
    entity = '  entities: ["{}"]\n'
    texts = {
        "essai": sample.changed(NAMES, NAMES + entity.format("Racine > CIG > Évry")),
        "autre": sample.other("autre", 1).replace(NAMES, NAMES + entity.format("racine>cig > EVRY")),
    }
    workspace = sample.workspace(tmp_path / "w", **texts)
    with pytest.raises(ProblemsError, match="already stands for a commune"):
        load_all(workspace, ["essai", "autre"])
