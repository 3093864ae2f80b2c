"""The drawing of a commune: well-formed, escaped, with everything in it, inside its frame."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.generate import fleet_of
from tests.fleet import sample
from toolkit import graph
from toolkit.cli import run
from toolkit.errors import ExitCode
from toolkit.fleet import Fleet, load, tree

_SVG = "{http://www.w3.org/2000/svg}"


def drawn(fleet: Fleet) -> ElementTree.Element:
    return ElementTree.fromstring(graph.svg(fleet))  # noqa: S314 — made here


def words(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{_SVG}text")]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return load(sample.workspace(tmp_path, essai=sample.FLEET), "essai")


def test_commune_services_posts_and_spare_machines_are_there(fleet: Fleet) -> None:
    said = words(drawn(fleet))
    for text in ("Anna Petit", "Bruno Grand", "Rédacteur", *(endpoint.name for endpoint in fleet.endpoints)):
        assert text in said
    assert any(text.startswith("Accueil") and "2" in text for text in said)


def test_it_has_a_name_and_a_description_for_who_does_not_see_it(fleet: Fleet) -> None:
    root = drawn(fleet)
    assert root.get("role") == "img"
    named = {element.get("id"): element.text or "" for element in root if element.get("id")}
    assert (root.get("aria-labelledby") or "").split() == list(named)
    assert "Essai-le-Petit" in named["title"]
    assert "essai-passerelle" in named["desc"]
    assert "Accueil" in named["desc"]


def test_f015_text_of_the_fleet_is_escaped(tmp_path: Path) -> None:
    hostile = '</text><script>alert(1)</script> & \\"x\\" ]]>'
    text = sample.FLEET.replace("Anna Petit", f'"{hostile}"').replace("Essai-le-Petit", f'"{hostile}"')
    root = drawn(load(sample.workspace(tmp_path, essai=text), "essai"))
    assert not [element for element in root.iter() if "script" in element.tag]
    assert any("</text><script>" in text for text in words(root))


def test_two_hundred_posts_and_long_names_stay_in_their_frame(tmp_path: Path) -> None:
    text = fleet_of(200).replace("portable-17\n", "portable-du-service-de-l-urbanisme-et-du-patrimoine-17\n")
    text = re.sub(r"portable-17,", "portable-du-service-de-l-urbanisme-et-du-patrimoine-17,", text)
    root = drawn(load(sample.workspace(tmp_path, grande=text.replace("Personne 5,", f"{'W' * 190},")), "grande"))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for box in root.iter(f"{_SVG}rect"):
        assert float(box.get("x", 0)) + float(box.get("width", 0)) <= width
        assert float(box.get("y", 0)) + float(box.get("height", 0)) <= height
    said = words(root)
    assert len([text for text in said if text.startswith("bureau-")]) == 200
    assert max(len(text) for text in said) < 60
    titles = [element.text or "" for element in root.iter(f"{_SVG}title")]
    assert any("urbanisme-et-du-patrimoine-17" in title for title in titles)
    assert any("W" * 190 in title for title in titles)


def test_a_commune_without_posts_is_drawn(tmp_path: Path) -> None:
    text = sample.FLEET[: sample.FLEET.index("teleworkers:")]
    assert "essai-passerelle" in words(drawn(load(sample.workspace(tmp_path, essai=text), "essai")))


def test_the_terminal_has_the_same_levels(fleet: Fleet) -> None:
    drawn = tree.lines(tree.branches(fleet))
    assert drawn[0] == "Essai-le-Petit [essai]"
    (service,) = [line for line in drawn if line.startswith("├── Accueil")]
    after = drawn[drawn.index(service) + 1 :]
    assert after[0] == "│   ├── Anna Petit (anna), Rédacteur"
    assert after[1].startswith("│   │   ├── ")
    assert "essai-portable-1 (Debian 13)" in after[1]


def test_command_line_writes_one_file_or_one_per_commune(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = sample.workspace(tmp_path / "w", essai=sample.FLEET, voisin=sample.other("voisin", 1))
    monkeypatch.chdir(workspace.root)
    assert run(["inventory", "graph", "-f", "svg"]) == ExitCode.USAGE
    assert run(["inventory", "graph", "-f", "svg", "-o", str(tmp_path / "all")]) == ExitCode.OK
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["essai.svg", "voisin.svg"]
    assert run(["inventory", "graph", "-c", "essai", "-f", "svg", "-o", str(tmp_path / "one.svg")]) == ExitCode.OK
    assert (tmp_path / "one.svg").read_text() == (tmp_path / "all" / "essai.svg").read_text()
    assert run(["inventory", "graph", "-c", "essai", "-f", "svg", "-o", str(tmp_path / "no" / "x.svg")]) == 5
    capsys.readouterr()
    assert run(["inventory", "graph", "-c", "essai", "-f", "svg"]) == ExitCode.OK
    assert capsys.readouterr().out == (tmp_path / "one.svg").read_text()
    assert run(["inventory", "graph"]) == ExitCode.OK
    assert "voisin-portable-1" in capsys.readouterr().out
