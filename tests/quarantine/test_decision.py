"""Who belongs in quarantine: never kinder than the evidence, never changed by what cannot be judged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import sample
from toolkit.errors import BadInputError, ProblemsError
from toolkit.finding import (
    EndpointAudit,
    EndpointStatus,
    Evidence,
    Finding,
    Severity,
    Verdict,
)
from toolkit.fleet import Fleet, load
from toolkit.policy import Policy
from toolkit.quarantine import register
from toolkit.quarantine.decision import Decision, Doubt, decide
from toolkit.quarantine.register import Cause, Held, Register
from toolkit.store.state import CommuneState, EndpointState
from toolkit.waivers import Waiver

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
FIRST, SECOND, PC = "essai-portable-1", "essai-portable-2", "essai-bureau-1"
FLEET = sample.FLEET.replace("everyone: true}", "everyone: true, maintenance: true}") + "quarantine: true\n"
POLICY = Policy((), 30)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return load(sample.workspace(tmp_path, essai=FLEET), "essai")


def finding(verdict: Verdict, severity: Severity = Severity.CRITICAL) -> Finding:
    return Finding("x", f"{severity.value}-{verdict.value}", severity, verdict, "compared")


GOOD = (finding(Verdict.PASS), finding(Verdict.FAIL, Severity.HIGH), finding(Verdict.ERROR, Severity.LOW))


def known(*findings: Finding, days: float = 1, attempt: EndpointStatus = EndpointStatus.COLLECTED) -> dict[str, Any]:
    """Return what makes up one endpoint's state: these findings on evidence of some days ago."""
    evidence = Evidence("x", NOW - timedelta(days=days), {})
    part = EndpointAudit("x", "laptop", EndpointStatus.COLLECTED, "", evidence, findings)
    return {"attempt": attempt, "attempted_at": NOW, "last": part}


NEVER: dict[str, Any] = {"attempt": EndpointStatus.UNREACHABLE, "attempted_at": NOW}


def decided(
    fleet: Fleet, first: dict[str, Any] | None, *, before: dict[str, Held] | None = None, **rest: Any
) -> Decision:
    """Return the decision where the first laptop is in a state of its own and all others are well."""
    states = {SECOND: known(*GOOD), PC: known(*GOOD)} | ({FIRST: first} if first else {})
    state = CommuneState("essai", {name: EndpointState(name, **values) for name, values in states.items()})
    return decide(fleet, state, rest.get("policy", POLICY), before or {}, rest.get("now", NOW))


HELD = Held(Cause.CRITICAL, NOW - timedelta(days=3), ("critical-fail",), told=True)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (known(*GOOD), None),
        (known(*GOOD, finding(Verdict.FAIL)), Cause.CRITICAL),
        (known(finding(Verdict.FAIL), finding(Verdict.ERROR)), Cause.CRITICAL),
        (known(*GOOD, attempt=EndpointStatus.UNREACHABLE), None),  # off since: what it showed last counts
        (known(*GOOD, days=31), Cause.STALE),
        (known(*GOOD, days=29.9), None),
        (NEVER, Cause.NEVER),
        (None, Cause.NEVER),
    ],
)
def test_a_laptop_is_held_for_what_its_last_audit_shows(
    fleet: Fleet, state: dict[str, Any] | None, expected: Cause | None
) -> None:
    decision = decided(fleet, state)
    assert {name: item.cause for name, item in decision.held.items()} == ({FIRST: expected} if expected else {})
    assert decision.doubts == {}


@pytest.mark.parametrize(
    ("state", "doubt"),
    [
        (known(finding(Verdict.PASS), finding(Verdict.ERROR)), Doubt.UNJUDGED),
        (known(finding(Verdict.PASS, Severity.HIGH)), Doubt.UNJUDGED),  # no critical control was judged at all
        (known(), Doubt.UNJUDGED),
        (known(*GOOD, days=-2), Doubt.CLOCK),
        ({"attempt": EndpointStatus.COLLECTED, "attempted_at": NOW}, Doubt.PROFILE),
    ],
)
@pytest.mark.parametrize("before", [{}, {FIRST: HELD}])
def test_without_a_verdict_everybody_stays_as_they_were(
    fleet: Fleet, state: dict[str, Any], doubt: Doubt, before: dict[str, Held]
) -> None:
    decision = decided(fleet, state, before=before)
    assert decision.held == before
    assert decision.doubts == {FIRST: doubt}


@pytest.mark.parametrize("before", [{}, {FIRST: HELD}])
def test_a_store_that_knows_nothing_of_the_commune_holds_and_releases_nobody(
    fleet: Fleet, before: dict[str, Held]
) -> None:
    for states in ({}, {FIRST: EndpointState(FIRST, **NEVER)}):
        decision = decide(fleet, CommuneState("essai", states), POLICY, before, NOW)
        assert decision.held == before
        assert set(decision.doubts) == {FIRST, SECOND, PC}


def test_a_failure_that_is_waived_does_not_count_until_the_waiver_ends(fleet: Fleet) -> None:
    waiver = Waiver.model_validate(
        {
            "control": "critical-fail",
            "endpoints": [FIRST],
            "reason": "r",
            "approver": "a",
            "since": "2026-11-01",
            "until": "2026-11-24",
        }
    )
    failing, policy = known(*GOOD, finding(Verdict.FAIL)), Policy((waiver,), 30)
    assert decided(fleet, failing, policy=policy).held == {}
    assert set(decided(fleet, failing, policy=policy, now=NOW + timedelta(days=1)).held) == {FIRST}


def test_the_first_day_stays_and_a_new_reason_is_told_again(fleet: Fleet) -> None:
    again = decided(fleet, known(*GOOD, finding(Verdict.FAIL)), before={FIRST: HELD}).held[FIRST]
    assert again == HELD
    other = decided(fleet, known(*GOOD, days=40), before={FIRST: HELD}).held[FIRST]
    assert (other.cause, other.since, other.told) == (Cause.STALE, HELD.since, False)
    assert decided(fleet, known(*GOOD), before={FIRST: HELD}).held == {}


def test_a_release_covers_to_the_end_of_its_day_in_paris(tmp_path: Path) -> None:
    line = (
        f"quarantine_releases:\n  - {{endpoint: {FIRST}, date: '2026-11-20', until: '2026-11-24', reason: élections}}\n"
    )
    fleet = load(sample.workspace(tmp_path, essai=FLEET + line), "essai")
    failing = known(*GOOD, finding(Verdict.FAIL))
    assert decided(fleet, failing, now=datetime(2026, 11, 24, 22, 59, tzinfo=UTC)).held == {}
    assert set(decided(fleet, failing, now=datetime(2026, 11, 24, 23, 0, tzinfo=UTC)).held) == {FIRST}


def test_it_is_off_by_default_and_whoever_is_shut_out_needs_none(tmp_path: Path) -> None:
    revoked = f"revoked:\n  - {{endpoint: {FIRST}, date: '2026-11-20', reason: départ}}\n"
    off = load(sample.workspace(tmp_path / "off", essai=sample.FLEET), "essai")
    assert decided(off, known(finding(Verdict.FAIL)), before={FIRST: HELD}) == Decision({}, {})
    out = load(sample.workspace(tmp_path / "out", essai=FLEET + revoked), "essai")
    assert decided(out, known(finding(Verdict.FAIL))).held == {}


@pytest.mark.parametrize(
    "text",
    [
        sample.FLEET + "quarantine: true\n",  # nothing to mend with
        FLEET + "quarantine_releases:\n  - {endpoint: nobody, date: '2026-11-20', until: '2026-11-24', reason: r}\n",
        FLEET
        + f"quarantine_releases:\n  - {{endpoint: {FIRST}, date: '2026-11-20', until: '2027-11-24', reason: r}}\n",
    ],
)
def test_a_quarantine_that_cannot_work_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProblemsError, match="quarantine"):
        load(sample.workspace(tmp_path, essai=text), "essai")


def test_the_register_is_read_as_it_was_written_and_damage_releases_nobody(tmp_path: Path) -> None:
    folder = sample.workspace(tmp_path, essai=FLEET).commune("essai")
    assert register.load(folder) == Register()
    kept = Register({FIRST: HELD, SECOND: replace(HELD, told=False)}, (FIRST,), (PC,))
    register.save(folder, kept)
    assert register.load(folder) == kept
    whole = folder.quarantine.read_text(encoding="utf-8")
    for damage in (whole[:-9], "", "[]", "{}", whole.replace('"critical"', '"other"'), whole.replace("2026-", "x")):
        folder.quarantine.write_text(damage, encoding="utf-8")
        with pytest.raises(BadInputError, match="damaged"):
            register.load(folder)
