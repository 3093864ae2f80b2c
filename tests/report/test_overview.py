"""`nomade status`: one screen, whatever the size; what is worst is shown, the rest is counted."""

from __future__ import annotations

from dataclasses import replace

from tests.report.sample import BOURG, BOURG_STATE, WAIVERS, machine, report
from toolkit.finding import Verdict
from toolkit.report import Look
from toolkit.report.roster import Roster, RosterPost
from toolkit.report.table_text import overview
from toolkit.store import CommuneState


def large(posts: int) -> Roster:
    machines = {f"portable-{number:03}": "laptop" for number in range(posts)}
    return Roster("val", "Val", machines, tuple(RosterPost(f"Personne {name}", name, None, None) for name in machines))


def state_of(roster: Roster, bad: int) -> CommuneState:
    known = {
        name: machine(name, "laptop", password_length=Verdict.FAIL if index < bad else Verdict.PASS)
        for index, name in enumerate(roster.machines)
    }
    return CommuneState(roster.commune, known)


def test_a_commune_of_two_hundred_posts_fits_one_screen_with_the_worst_on_it() -> None:
    roster = large(200)
    shown = overview([report(roster, state_of(roster, 3))], Look(width=100))
    assert len(shown.splitlines()) <= 40
    for name in ("portable-000", "portable-001", "portable-002"):
        assert f"Personne {name}" in shown
    assert "… et 188 autres postes : 188 conforme" in shown
    assert "197 postes sur 200 conformes" in shown
    assert "machines : 200 sur 200" in shown


def test_the_screen_says_coverage_accepted_and_silent_apart() -> None:
    shown = " ".join(overview([report(waivers=WAIVERS)], Look(width=200)).split())
    assert "contrôles évalués : 88 sur 111, machines : 10 sur 12" in shown
    assert "dont acceptés : 1" in shown
    assert "contrôlés il y a trop longtemps : 10" in shown
    assert "1 sans nouvelles depuis le 12 novembre 2026" in shown
    assert len(overview([report(waivers=WAIVERS)], Look(width=100)).splitlines()) <= 48


def test_many_communes_are_one_line_each_the_worst_first() -> None:
    many = [replace(report(BOURG, BOURG_STATE), name=f"Commune {number}") for number in range(30)]
    shown = overview([*many, report()], Look(width=120)).splitlines()
    assert len(shown) <= 40
    assert "Valmont-sur-Orge" in shown[2]
    assert "88 / 111" in shown[2]
    assert "10 / 12" in shown[2]
