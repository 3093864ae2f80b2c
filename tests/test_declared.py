"""What people declare: green while it stands, red when it does not, and never green when nobody spoke."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from toolkit.declared import as_of, judge, statement, valid_until
from toolkit.finding import Finding, Severity, Verdict
from toolkit.fleet.declarations import Declaration

DAY = date(2026, 11, 24)


def said(day: str, **more: Any) -> Declaration:
    fields = {"control": "charter-signed", "date": day, "author": "Hugo Marchal"}
    return Declaration.model_validate(fields | more)


def verdict(*declarations: Declaration, months: int = 12, day: date = DAY) -> tuple[Verdict, str]:
    return judge(declarations, months, day)[:2]


def test_nobody_spoke_is_not_green() -> None:
    assert judge((), 12, DAY) == (Verdict.MANUAL, "undeclared", ())


def test_a_valid_word_passes_and_says_whose_it_is() -> None:
    found, reason, checks = judge([said("2026-09-01", document="dossier 12")], 12, DAY)
    assert (found, reason) == (Verdict.PASS, "declared")
    assert statement(checks) == {
        "author": "Hugo Marchal",
        "date": "2026-09-01",
        "valid_until": "2027-09-01",
        "document": "dossier 12",
        "met": True,
    }
    assert [check.met for check in checks] == [True]


@pytest.mark.parametrize(
    ("declarations", "expected"),
    [
        ([said("2025-11-24")], (Verdict.PASS, "declared")),  # its last day
        ([said("2025-11-23")], (Verdict.FAIL, "declaration_expired")),
        ([said("2026-08-01", validity_months=3)], (Verdict.FAIL, "declaration_expired")),
        ([said("2024-02-01", validity_months=36)], (Verdict.PASS, "declared")),
        ([said("2026-09-01", met=False)], (Verdict.FAIL, "declared_unmet")),
        # a word about what was found wrong stands until somebody takes it back
        ([said("2020-01-01", met=False)], (Verdict.FAIL, "declared_unmet")),
        ([said("2026-01-01", met=False), said("2026-02-01")], (Verdict.PASS, "declared")),
        ([said("2026-02-01", met=False), said("2026-01-01")], (Verdict.FAIL, "declared_unmet")),
        # of one machine, against a later word about the whole commune, and the other way round
        ([said("2026-01-01", met=False, endpoint="p1"), said("2026-02-01")], (Verdict.FAIL, "declared_unmet")),
        ([said("2026-01-01", met=False), said("2026-02-01", endpoint="p1")], (Verdict.PASS, "declared")),
        ([said("2026-02-01", met=False), said("2026-01-01", endpoint="p1")], (Verdict.FAIL, "declared_unmet")),
        ([said("2025-01-01", teleworker="anna"), said("2026-02-01")], (Verdict.PASS, "declared")),
        ([said("2026-02-01"), said("2025-01-01", teleworker="anna")], (Verdict.PASS, "declared")),
    ],
)
def test_which_word_counts(declarations: list[Declaration], expected: tuple[Verdict, str]) -> None:
    assert verdict(*declarations) == expected


@pytest.mark.parametrize(
    ("day", "months", "end"),
    [
        ("2026-01-31", 1, date(2026, 2, 28)),
        ("2024-02-29", 12, date(2025, 2, 28)),
        ("2026-11-24", 36, date(2029, 11, 24)),
        ("2026-12-01", 1, date(2027, 1, 1)),
    ],
)
def test_months_are_those_of_the_calendar(day: str, months: int, end: date) -> None:
    assert valid_until(said(day), months) == end


def finding(day: str) -> Finding:
    found, reason, checks = judge([said(day)], 12, DAY)
    return Finding("p1", "charter-signed", Severity.MEDIUM, found, reason, checks)


def test_a_stored_finding_does_not_outlive_its_declaration() -> None:
    stored = finding("2026-09-01")
    assert as_of(stored, date(2027, 9, 1)) == stored
    late = as_of(stored, date(2027, 9, 2))
    assert (late.verdict, late.reason, late.checks[0].met) == (Verdict.FAIL, "declaration_expired", False)
    assert statement(late.checks) == statement(stored.checks)


def test_other_findings_do_not_change_with_the_day() -> None:
    other = Finding("p1", "ssh-keys-only", Severity.HIGH, Verdict.PASS, "compared")
    assert as_of(other, date(2099, 1, 1)) is other
