"""What people declare of controls: read, refused where it cannot be true, and brought to the right endpoints."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit.errors import ProblemsError
from toolkit.fleet import declarations, load
from toolkit.fleet.declarations import declarations_for
from toolkit.fleet.document import parse
from toolkit.fleet.model import Fleet

SCOPES = """\
declarations:
  - {control: incident-procedure-known, date: "2026-01-05", author: Hugo Marchal}
  - {control: charter-signed, date: "2026-01-06", author: Hugo Marchal, teleworker: anna, document: dossier 12}
  - {control: awareness-done, date: "2026-01-07", author: Hugo Marchal, service: accueil, validity_months: 6}
  - {control: room-locked, date: "2026-01-08", author: Hugo Marchal, endpoint: essai-bureau-2, met: false}
"""


def fleet(folder: Path, text: str) -> Fleet:
    return load(sample.workspace(folder, essai=sample.FLEET + text), "essai")


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        fleet(folder, text)
    return [f"{item.line}:{item.column}: {item.message}" for item in caught.value.problems]


@pytest.mark.parametrize(
    ("endpoint", "controls"),
    [
        ("essai-passerelle", ["incident-procedure-known"]),
        ("essai-portable-1", ["incident-procedure-known", "awareness-done", "charter-signed"]),
        ("essai-bureau-1", ["incident-procedure-known", "awareness-done", "charter-signed"]),
        ("essai-portable-2", ["incident-procedure-known", "awareness-done"]),
        ("essai-bureau-2", ["incident-procedure-known", "room-locked"]),
    ],
)
def test_a_declaration_is_for_its_scope_only(tmp_path: Path, endpoint: str, controls: list[str]) -> None:
    known = fleet(tmp_path / "w", SCOPES)
    assert [item.control for item in declarations_for(known, known.endpoint(endpoint))] == controls


def test_breadth_rises_from_commune_to_endpoint(tmp_path: Path) -> None:
    assert [item.breadth for item in fleet(tmp_path / "w", SCOPES).declarations] == [0, 2, 1, 3]


FIRST = sample.FLEET.count("\n") + 2  # the line of the first declaration
GOOD = 'control: charter-signed, date: "2026-01-06", author: Hugo'


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ('{control: charter-singed, date: "2026-01-06", author: H}', "charter-singed", "charter-singed"),
        ('{control: ssh-keys-only, date: "2026-01-06", author: H}', "ssh-keys-only", "cannot be declared"),
        (f"{{{GOOD}, teleworker: annna}}", "annna", "annna"),
        (f"{{{GOOD}, endpoint: essai-portable-9}}", "essai-portable-9", "essai-portable-9"),
        (f"{{{GOOD}, service: accueille}}", "accueille", "accueille"),
        (f"{{{GOOD}, teleworker: anna, endpoint: essai-bureau-1}}", "essai-bureau-1", "one endpoint"),
        (f"{{{GOOD}, validity_months: 37}}", "37", "at most 36"),
        ('{control: charter-signed, date: "2026-02-30", author: H}', '"2026', "2026-02-30"),
        ('{control: charter-signed, date: "9999-01-01", author: H}', '"9999', "future"),
        ('{control: charter-signed, date: "2026-01-06"}', "{", "author"),
    ],
)
def test_what_cannot_be_true_is_refused_in_its_place(tmp_path: Path, text: str, place: str, said: str) -> None:
    line = f"  - {text}"
    [problem] = problems(tmp_path / "w", f"declarations:\n{line}\n")
    assert problem.startswith(f"{FIRST}:{line.index(place) + 1}: "), problem
    assert said in problem


def test_twice_on_one_day_is_refused_but_not_for_two_people(tmp_path: Path) -> None:
    once = f"  - {{{GOOD}, teleworker: anna}}\n"
    found = problems(tmp_path / "w", f"declarations:\n{once}{once.replace('anna', 'bruno')}{once}")
    assert [line.split(": ")[0] for line in found] == [f"{FIRST + 2}:5"]


def test_today_is_not_in_the_future(tmp_path: Path) -> None:
    known = fleet(tmp_path / "w", SCOPES)
    document = parse((sample.FLEET + SCOPES).encode(), "fleet.yml")
    declarations.check(document, known, (), date(2026, 1, 8))
    assert document.problems == []
    declarations.check(document, known, (), date(2026, 1, 7))
    assert [problem.line for problem in document.problems] == [FIRST + 3]


def test_a_broken_section_is_not_held_against_a_declaration(tmp_path: Path) -> None:
    text = sample.changed("login: anna", "login: Anna") + SCOPES
    with pytest.raises(ProblemsError) as caught:
        load(sample.workspace(tmp_path / "w", essai=text), "essai")
    assert {problem.line for problem in caught.value.problems} < set(range(FIRST - 1))
