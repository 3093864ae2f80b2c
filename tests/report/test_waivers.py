"""Waivers in reports: they cover a failure, never hide it, and end at midnight in Paris."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from tests.report.sample import BOURG, BOURG_STATE, NOW, TREND, WAIVERS, machine, report
from toolkit.errors import ExitCode
from toolkit.finding import Verdict
from toolkit.report import Look, json_document, render
from toolkit.report.judgement import exit_code
from toolkit.report.model import Line, Report, State
from toolkit.store import CommuneState
from toolkit.waivers import Standing, Waiver

SCHEMA = json.loads(Path(json_document.__file__).with_name("report.schema.json").read_text(encoding="utf-8"))


def waiver(**fields: object) -> Waiver:
    common = {
        "control": "password-length",
        "reason": "r",
        "approver": "a",
        "since": "2026-11-01",
        "until": "2026-11-30",
    }
    return Waiver.model_validate(common | fields)


def of(found: Report, name: str, control: str) -> Line:
    lines = next(item for item in found.machines if item.name == name).lines
    return next(line for line in lines if line.control == control)


def test_a_waiver_covers_the_failure_and_the_verdict_stays() -> None:
    line = of(report(waivers=WAIVERS), "valmont-bureau-02", "password-length")
    assert (line.verdict, line.waived, line.is_open) == (Verdict.FAIL, True, False)
    assert line.waiver is WAIVERS[0]


def test_a_machine_out_of_scope_is_not_covered() -> None:
    line = of(report(waivers=WAIVERS), "valmont-portable-03", "password-length")
    assert (line.waived, line.waiver) == (False, None)


def test_what_could_not_be_checked_is_not_covered() -> None:
    found = report(waivers=WAIVERS)
    line = of(found, "valmont-bureau-03", "security-updates-recent")
    assert (line.verdict, line.waived) == (Verdict.ERROR, False)
    assert line.waiver is WAIVERS[1]
    assert next(item for item in found.machines if item.name == "valmont-bureau-03").state is not State.COMPLIANT


def test_an_expired_waiver_covers_nothing_and_is_listed() -> None:
    found = report(waivers=WAIVERS)
    assert of(found, "valmont-portable-02", "ssh-no-root-login").is_open
    assert [use.waiver for use in found.waivers] == [WAIVERS[1], WAIVERS[0]]
    assert [(use.waiver, use.machines) for use in found.expired_waivers] == [
        (WAIVERS[2], ("valmont-bureau-02", "valmont-portable-02"))
    ]


def test_the_exit_code_respects_waivers_only_while_they_last() -> None:
    roster_state = CommuneState(
        BOURG.commune,
        {
            name: machine(name, kind, **({"password_length": Verdict.FAIL} if kind == "office_pc" else {}))
            for name, kind in BOURG.machines.items()
        },
    )
    covered = (waiver(kind="office_pc", until="2026-11-24"),)
    assert exit_code([report(BOURG, roster_state)]) is ExitCode.NOT_COMPLIANT
    assert exit_code([report(BOURG, roster_state, waivers=covered)]) is ExitCode.OK
    next_day = NOW + timedelta(days=1)
    assert exit_code([report(BOURG, roster_state, waivers=covered, now=next_day)]) is ExitCode.NOT_COMPLIANT


@pytest.mark.parametrize(
    ("until", "last", "over"),
    [
        ("2026-11-30", datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC)),  # +01
        ("2026-07-14", datetime(2026, 7, 14, 21, 59, 59, tzinfo=UTC), datetime(2026, 7, 14, 22, tzinfo=UTC)),  # +02
        # clocks go back in the night after this day: 25 October has 25 hours
        ("2026-10-25", datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)),
        ("2026-03-29", datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
    ],
)
def test_it_ends_with_its_last_day_in_paris(until: str, last: datetime, over: datetime) -> None:
    item = waiver(since="2026-01-01", until=until)
    assert item.standing(last) is Standing.ACTIVE
    assert item.standing(over) is Standing.EXPIRED


def test_it_covers_nothing_before_its_first_day_nor_from_the_day_it_was_revoked() -> None:
    item = waiver(revoked={"date": "2026-11-10", "by": "a"})
    assert item.standing(datetime(2026, 10, 31, 22, 59, tzinfo=UTC)) is Standing.FUTURE
    assert item.standing(datetime(2026, 10, 31, 23, tzinfo=UTC)) is Standing.ACTIVE
    assert item.standing(datetime(2026, 11, 9, 23, tzinfo=UTC)) is Standing.REVOKED


@pytest.mark.parametrize(
    "fields",
    [{"until": "2026-10-31"}, {"until": "2036-10-31"}, {"until": "30/11/2026"}, {"until": "20261130"}, {"until": 1}],
)
def test_a_waiver_without_a_sensible_end_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        waiver(**fields)
    with pytest.raises(ValidationError):
        Waiver.model_validate({"control": "x", "reason": "r", "approver": "a", "since": "2026-11-01"})


def test_of_two_waivers_the_one_that_lasts_longest_is_shown() -> None:
    both = (waiver(until="2026-12-31"), waiver(until="2026-11-30"))
    assert of(report(waivers=both), "valmont-bureau-02", "password-length").waiver is both[0]


def test_the_json_document_carries_them_as_its_schema_says() -> None:
    document = json.loads(render([report(waivers=WAIVERS, trend=TREND)], "json"))
    Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)
    found = document["reports"][0]
    assert [item["until"] for item in found["waivers"]] == ["2026-11-30", "2026-12-31"]
    assert found["expired_waivers"][0]["machines"] == ["valmont-bureau-02", "valmont-portable-02"]
    assert found["trend"][0] == {
        **{"day": "2026-11-02", "endpoints": 12, "compliant": 3, "failing": 6, "unknown": 3},
        **{"passed": 33, "failed": 7, "waived": 0},
    }


def test_the_terminal_and_the_sheet_show_what_is_accepted_and_what_no_longer_is() -> None:
    found = report(waivers=WAIVERS, language="fr")
    shown = " ".join(str(render([found], "table", Look(width=200))).split())
    for item in WAIVERS:
        assert item.reason in shown
        assert item.approver in shown
    assert "23 novembre 2026" in shown
    assert "31 décembre 2026" in shown
    rows = bytes(render([found], "csv")).decode("utf-8-sig").splitlines()
    (covered,) = (row for row in rows if "valmont-bureau-02;" in row and "password-length" in row)
    assert WAIVERS[0].reason in covered


def test_the_terminal_says_when_it_is_not_about_today() -> None:
    past = replace(report(), as_of=True, partial=True)
    known = next(iter(BOURG_STATE.endpoints.values()))
    assert known.last is not None
    again = replace(known, last=replace(known.last, rejudged_at=NOW))
    rejudged = report(BOURG, CommuneState(BOURG.commune, {known.endpoint: again}))
    texts = [str(render([item], "table", Look(width=200))) for item in (report(), past, rejudged)]
    assert ["connu alors" in text for text in texts] == [False, True, False]
    assert ["une partie de la commune" in text for text in texts] == [False, True, False]
    assert ["Jugé de nouveau" in text for text in texts] == [False, False, True]
