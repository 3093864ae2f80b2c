"""What was declared is shown as somebody's word in every format, and not longer than it stands."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.report.sample import CATALOGUE, NOW, machine, report
from toolkit import declared
from toolkit.finding import EndpointStatus, Finding, Severity, Verdict
from toolkit.fleet.declarations import Declaration
from toolkit.report import Look, render
from toolkit.report.judgement import machine_state
from toolkit.report.model import Report, State
from toolkit.report.roster import Roster
from toolkit.store import CommuneState, EndpointState

CONTROL = "office-locked-room"
ROSTER = Roster("val", "Val", {"p1": "office_pc"})


def of_pc(now: datetime = NOW, **said: object) -> Report:
    """Return the report of one office PC that is in order, with one word about its room (valid for a year)."""
    fields = {"control": CONTROL, "date": "2026-03-02", "author": "Hugo <Marchal>", "document": "PV 7"}
    word = Declaration.model_validate(fields | said)
    verdict, reason, checks = declared.judge([word], 12, date(2026, 11, 24))
    known = machine("p1", "office_pc", age=timedelta(hours=2))
    assert known.last is not None
    finding = Finding("p1", CONTROL, Severity.MEDIUM, verdict, reason, checks)
    others = tuple(item for item in known.last.findings if item.control != CONTROL)
    known = replace(known, last=replace(known.last, findings=(*others, finding)))
    return report(ROSTER, CommuneState("val", {"p1": known}), now=now, freshness_days=None)


def shown(of: Report, format: str) -> str:
    text = render([of], format, Look(full=True))
    return (text.decode("utf-8-sig") if isinstance(text, bytes) else text).replace("\u00a0", " ")


@pytest.mark.parametrize("format", ["table", "csv", "html"])
def test_a_word_is_not_shown_as_a_measure(format: str) -> None:
    text = " ".join(shown(of_pc(), format).split())
    assert "déclaré satisfait" in text
    author = "Hugo &lt;Marchal&gt;" if format == "html" else "Hugo <Marchal>"
    assert f"déclaré par {author} le 2 mars 2026, valable jusqu’au 2 mars 2027 (PV 7)" in text
    assert "valid_on" not in text


def test_json_has_the_word_apart_from_what_was_compared() -> None:
    [found] = [
        item
        for item in json.loads(shown(of_pc(), "json"))["reports"][0]["endpoints"][0]["findings"]
        if item["control"] == CONTROL
    ]
    assert found["verdict"] == "pass"
    assert found["checks"] == []
    assert found["declaration"]["valid_until"] == "2027-03-02"


def test_it_counts_as_met_and_is_counted_apart() -> None:
    of = of_pc()
    assert (of.state, of.coverage.declared) == (State.COMPLIANT, 1)
    assert "dont satisfaits sur simple déclaration : 1" in " ".join(shown(of, "table").split())


def test_a_report_after_the_end_is_not_green() -> None:
    late = of_pc(datetime(2027, 3, 3, 12, tzinfo=UTC))
    assert (late.state, late.coverage.declared) == (State.FAILING, 0)
    assert "déclaration expirée" in shown(late, "table")
    assert of_pc(datetime(2027, 3, 2, 12, tzinfo=UTC)).state is State.COMPLIANT


def test_a_word_that_says_no_is_a_failure_to_be_mended() -> None:
    bad = of_pc(met=False)
    assert bad.state is State.FAILING
    assert "déclaré non satisfait par Hugo" in " ".join(shown(bad, "table").split())
    assert [action.title for action in bad.actions] == [CATALOGUE.controls[CONTROL].title.fr]


def test_nobody_asked_is_still_to_be_declared() -> None:
    known = machine("p1", "office_pc")
    assert known.last is not None
    finding = Finding("p1", CONTROL, Severity.MEDIUM, Verdict.MANUAL, "undeclared")
    others = tuple(item for item in known.last.findings if item.control != CONTROL)
    known = replace(known, last=replace(known.last, findings=(*others, finding)))
    of = report(ROSTER, CommuneState("val", {"p1": known}))
    assert of.state is State.UNCERTAIN
    assert "à déclarer" in shown(of, "table")


def test_words_alone_make_no_machine_compliant() -> None:
    known = of_pc()
    lines = tuple(line for item in known.machines for line in item.lines if line.control == CONTROL)
    assert all(line.verdict is Verdict.PASS for line in lines)
    attempt = EndpointState("p1", EndpointStatus.COLLECTED, NOW, last=machine("p1", "office_pc").last)
    assert machine_state(attempt, lines, stale=False) is State.UNCERTAIN
