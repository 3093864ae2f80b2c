"""The CIG's page: what is worst comes first, it is for the CIG alone, and nothing of a commune is in another's file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.report.real import keep_real
from tests.report.sample import BOURG, BOURG_STATE, NOW, WAIVERS, report
from tests.report.test_commune import ONE, OTHER, workspace  # noqa: F401 — the fixture of these tests
from tests.report.test_formats import HOSTILE, TAGS, TERMINAL, hostile_report
from toolkit.cli import run
from toolkit.errors import ExitCode
from toolkit.report import fleet_page
from toolkit.report.model import State
from toolkit.workspace import Workspace


def overview(*reports: object) -> fleet_page.Overview:
    return fleet_page.overview("CIG", "fr", NOW, [fleet_page.entry_of(item) for item in reports])  # type: ignore[arg-type]


def test_the_worst_commune_and_the_most_severe_task_come_first() -> None:
    of = overview(report(BOURG, BOURG_STATE), report(waivers=WAIVERS))
    assert [entry.commune for entry in of.entries] == ["valmont-sur-orge", "bourg-les-aulnes"]
    assert of.first[0].title == "Le disque est chiffré"
    ranks = [task.severity.rank for task in of.first]
    assert ranks == sorted(ranks, reverse=True)
    assert of.coverage == report(waivers=WAIVERS).coverage + report(BOURG, BOURG_STATE).coverage


def test_what_is_not_compliant_is_listed_and_what_is_compliant_is_not() -> None:
    page = fleet_page.render(overview(report(), report(BOURG, BOURG_STATE)))
    entry = fleet_page.entry_of(report())
    assert {item.name for item in entry.weak} == {m.name for m in report().machines if m.state is not State.COMPLIANT}
    assert "Paul Girard" in page
    assert "Claire Moreau" not in page
    assert "Toutes les machines sont conformes" in page


def test_every_score_has_its_denominators() -> None:
    text = re.sub(r"<[^>]+>", "", fleet_page.render(overview(report()))).replace("\u00a0", " ")
    assert text.count("contrôles évalués : 88 sur 111, machines : 10 sur 12") == 2  # the whole, and the one commune


@pytest.mark.parametrize("text", [*HOSTILE, TERMINAL])
def test_f057_hostile_texts_are_text_on_the_cig_s_page(text: str) -> None:
    page = fleet_page.render(overview(hostile_report(text)))
    assert sorted(TAGS.findall(page)) == sorted(TAGS.findall(fleet_page.render(overview(hostile_report("texte")))))
    assert "\x1b" not in page


def test_f062_same_data_same_page() -> None:
    assert fleet_page.render(overview(report())) == fleet_page.render(overview(report()))


def test_the_command_keeps_the_page_apart_from_those_of_communes(
    workspace: Workspace,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep_real(workspace, NOW)
    assert run(["report", "commune"]) == ExitCode.OK
    assert run(["report", "fleet"]) == ExitCode.OK
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    page = written[-1].read_text()
    assert written[-1].name == "_cig.html"
    assert 'href="pontlierre.html"' in page
    for path, other in zip(written[:-1], (OTHER, ONE), strict=True):
        assert other not in path.read_text()
    assert run(["report", "fleet", "-f", "json"]) == ExitCode.OK
    shown = json.loads(capsys.readouterr().out)
    assert {item["commune"] for item in shown["communes"]} == {ONE, OTHER}
    assert run(["report", "fleet", "-f", "json", "-c", ONE]) == ExitCode.OK
    assert OTHER not in capsys.readouterr().out
