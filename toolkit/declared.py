"""Judge a control that no command can check by what people declared of it. Pure: the day comes in."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from toolkit.finding import Check, Finding, Verdict
from toolkit.fleet.declarations import Declaration

DECLARED, UNMET, EXPIRED, UNDECLARED = "declared", "declared_unmet", "declaration_expired", "undeclared"
REASONS = (DECLARED, UNMET, EXPIRED)  # of a finding that rests on a declaration


def judge(declarations: Iterable[Declaration], months: int, day: date) -> tuple[Verdict, str, tuple[Check, ...]]:
    """Return verdict, reason and what it rests on, as of `day`; `months` is how long a declaration stands by default.

    A declaration replaces older ones of the same or a wider scope, never a more particular one: what was found wrong
    on one machine is not mended by a word about the whole commune. Of those that stand, one that says “not met”
    decides; then one that is valid; then the one that expired last.
    """
    standing = _standing(list(declarations))
    if not standing:
        return Verdict.MANUAL, UNDECLARED, ()
    unmet = [item for item in standing if not item.met]
    chosen = max(unmet or standing, key=lambda item: (valid_until(item, months), item.breadth))
    valid = valid_until(chosen, months) >= day
    check = Check("declaration", "valid_on", day.isoformat(), _shown(chosen, months), chosen.met and valid)
    if unmet:
        return Verdict.FAIL, UNMET, (check,)
    return (Verdict.PASS, DECLARED, (check,)) if valid else (Verdict.FAIL, EXPIRED, (check,))


def as_of(finding: Finding, day: date) -> Finding:
    """Return the finding as it is on a later day: a declaration that has expired since is not met any more."""
    if finding.reason != DECLARED or finding.verdict is not Verdict.PASS:
        return finding
    said = statement(finding.checks)
    if said and date.fromisoformat(said["valid_until"]) >= day:
        return finding
    checks = tuple(replace(check, expected=day.isoformat(), met=False) for check in finding.checks)
    return replace(finding, verdict=Verdict.FAIL, reason=EXPIRED, checks=checks)


def statement(checks: Iterable[Check]) -> dict[str, Any]:
    """Return author, date, valid_until and document of the declaration that a finding rests on; empty when on none."""
    found = next((check.actual for check in checks if check.operator == "valid_on"), None)
    return found if isinstance(found, dict) else {}


def valid_until(item: Declaration, months: int) -> date:
    """Return the last day on which the declaration stands: the same day of the month, or the month's last."""
    start = date.fromisoformat(item.date)
    year, month = divmod(start.month - 1 + (item.validity_months or months), 12)
    year, month = start.year + year, month + 1
    return date(year, month, min(start.day, monthrange(year, month)[1]))


def _standing(items: list[Declaration]) -> list[Declaration]:
    return [item for item in items if not any(_replaces(other, item) for other in items if other is not item)]


def _replaces(newer: Declaration, older: Declaration) -> bool:
    return newer.date > older.date and newer.breadth >= older.breadth


def _shown(item: Declaration, months: int) -> dict[str, Any]:
    return {
        "author": item.author,
        "date": item.date,
        "valid_until": valid_until(item, months).isoformat(),
        "document": item.document,
        "met": item.met,
    }
