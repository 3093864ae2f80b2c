"""The yearly review speaks of rules and equipment, of numbers and of nobody."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from tests.report.real import COMMUNE, keep_real
from tests.report.sample import TREND
from tests.report.sample import report as sample_report
from tests.report.test_commune import workspace  # noqa: F401 — the fixture of these tests
from toolkit import review
from toolkit.cli import run
from toolkit.errors import ExitCode
from toolkit.fleet import load
from toolkit.report.model import TrendPoint
from toolkit.workspace import Workspace

NOW = datetime.now(UTC)


def test_the_review_has_the_declared_regime_and_numbers_and_no_name(
    workspace: Workspace,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep_real(workspace, NOW)
    assert run(["report", "review", "--year", str(NOW.year), "-c", COMMUNE, "-f", "json"]) == ExitCode.OK
    text = capsys.readouterr().out
    shown = json.loads(text)
    assert shown["regime"] | {"mode": "normal", "days": 3, "hours": "07:30-19:00"} == shown["regime"]
    assert (shown["posts"], shown["laptops"], shown["office_pcs"]) == (1, 1, 1)
    assert [item["teleworkers"] for item in shown["services"]] == [1, 0]
    assert shown["audits"] == 1
    assert run(["report", "review", "--year", str(NOW.year), "-c", COMMUNE, "-o", "-"]) == ExitCode.OK
    page = capsys.readouterr().out
    assert "au plus 3 jours par semaine" in page
    assert "de 07:30 à 19:00" in page
    fleet = load(workspace, COMMUNE)
    names = [word for person in fleet.teleworkers for word in (person.name, person.login)]
    names += [endpoint.name for endpoint in fleet.endpoints] + [item.name for item in fleet.commune.contacts]
    assert [name for name in names if name in text + page] == []


def test_only_days_of_the_year_count(workspace: Workspace) -> None:  # noqa: F811
    points = (TrendPoint(date(2025, 12, 30), 12, 1, 11, 0, 1, 11), *TREND)
    found = review.of_commune(load(workspace, COMMUNE), sample_report(trend=points), 2026)
    assert (found.first, found.last, found.audits) == (TREND[0], TREND[-1], len(TREND))


def test_a_year_without_audits_is_said_so(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    assert run(["report", "review", "--year", "2019", "-c", COMMUNE, "-o", "-"]) == ExitCode.OK
    assert "Aucun audit de cette année n’est connu" in capsys.readouterr().out
