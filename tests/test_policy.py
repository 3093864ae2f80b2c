"""What is accepted and what is too old is laid over findings, never hides them, and decides the exit code."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit.audit import exit_code
from toolkit.errors import ExitCode, ProblemsError
from toolkit.finding import (
    Audit,
    EndpointAudit,
    EndpointStatus,
    Evidence,
    Finding,
    Section,
    SectionStatus,
    Severity,
    Verdict,
)
from toolkit.policy import Policy, overlaid, policies
from toolkit.waivers import Waiver

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
WAIVER = Waiver.model_validate(
    {"control": "fails", "kind": "laptop", "reason": "r", "approver": "a", "since": "2026-11-01", "until": "2026-11-24"}
)


def audit(*verdicts: Verdict, days: float = 1, kind: str = "laptop") -> Audit:
    """Return an audit of one machine, collected some days ago: one control for each verdict, named after it."""
    at = NOW - timedelta(days=days)
    evidence = Evidence("p1", at, {"x": Section("x", SectionStatus.OK, 0, "x")})
    findings = tuple(Finding("p1", f"{item.value}s", Severity.HIGH, item, "compared") for item in verdicts)
    part = EndpointAudit("p1", kind, EndpointStatus.COLLECTED, "", evidence, findings)
    return Audit("essai", "nomade", NOW, NOW, "0" * 64, (part,))


def code(found: Audit, policy: Policy, now: datetime = NOW) -> ExitCode:
    return exit_code([overlaid(found, policy, now)])


@pytest.mark.parametrize(
    ("found", "policy", "expected"),
    [
        (audit(Verdict.PASS), Policy((), 30), ExitCode.OK),
        (audit(Verdict.PASS, days=31), Policy((), 30), ExitCode.UNREACHABLE),
        (audit(Verdict.PASS, days=31), Policy((), None), ExitCode.OK),
        (audit(Verdict.PASS, days=-2), Policy((), 30), ExitCode.UNREACHABLE),  # of a day to come: no better than old
        (audit(Verdict.PASS, Verdict.FAIL, days=31), Policy((), 30), ExitCode.NOT_COMPLIANT),  # old, and still accuses
        (audit(Verdict.PASS, Verdict.FAIL), Policy((WAIVER,), 30), ExitCode.OK),
        (audit(Verdict.PASS, Verdict.FAIL, kind="gateway"), Policy((WAIVER,), 30), ExitCode.NOT_COMPLIANT),
        (audit(Verdict.PASS, Verdict.FAIL, days=31), Policy((WAIVER,), 30), ExitCode.UNREACHABLE),
        (audit(Verdict.PASS, Verdict.ERROR), Policy((WAIVER,), 30), ExitCode.NOT_COMPLIANT),
    ],
)
def test_the_exit_code_respects_age_and_waivers(found: Audit, policy: Policy, expected: ExitCode) -> None:
    assert code(found, policy) is expected


def test_a_waiver_covers_until_midnight_in_paris() -> None:
    found, policy = audit(Verdict.PASS, Verdict.FAIL), Policy((WAIVER,), 30)
    assert code(found, policy, datetime(2026, 11, 24, 22, 59, tzinfo=UTC)) is ExitCode.OK
    assert code(found, policy, datetime(2026, 11, 24, 23, 0, tzinfo=UTC)) is ExitCode.NOT_COMPLIANT


def test_verdicts_stay_what_they_are() -> None:
    found = audit(Verdict.PASS, Verdict.FAIL, days=31)
    (part,) = overlaid(found, Policy((WAIVER,), 30), NOW).endpoints
    assert [item.verdict for item in part.findings] == [Verdict.PASS, Verdict.FAIL]
    assert [(item.waived, item.stale) for item in part.findings] == [(False, True), (True, True)]


def test_an_absent_laptop_neither_fails_the_run_nor_counts_as_compliant() -> None:
    silent = EndpointAudit("p2", "laptop", EndpointStatus.UNREACHABLE, "no answer")
    found = audit(Verdict.PASS)
    both = replace(found, endpoints=(*found.endpoints, silent))
    assert code(both, Policy((), 30)) is ExitCode.UNREACHABLE


def test_the_policy_of_a_commune_is_its_own(tmp_path: Path) -> None:
    workspace = sample.workspace(
        tmp_path / "ws",
        essai=sample.changed('insee: "99003"', 'insee: "99003"\n  freshness_days: 7'),
        autre=sample.other("autre", 4),
    )
    found = policies(workspace, ["essai", "autre"], NOW)
    assert {name: item.freshness_days for name, item in found.items()} == {"essai": 7, "autre": 30}
    assert policies(workspace, ["essai"], NOW, max_age=3)["essai"].freshness_days == 3
    workspace.commune("autre").waivers.write_text("waivers: [{control: x}]\n", encoding="utf-8")
    assert policies(workspace, ["essai"], NOW)["essai"].waivers == ()
    with pytest.raises(ProblemsError):
        policies(workspace, ["autre"], NOW)
