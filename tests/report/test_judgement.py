"""Nothing is shown as compliant that was not checked, and scores carry their denominators."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.report.sample import (
    BOURG,
    BOURG_STATE,
    CATALOGUE,
    FRESHNESS,
    NOW,
    PROFILE,
    VALMONT,
    VALMONT_STATE,
    machine,
    never,
    report,
)
from toolkit.errors import ExitCode
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Severity, Verdict
from toolkit.report.document import build, of_run
from toolkit.report.judgement import exit_code
from toolkit.report.model import ActionKind, Report, State
from toolkit.report.roster import Roster
from toolkit.store import CommuneState, EndpointState


def alone(state: EndpointState | None) -> Report:
    """Return the report of a commune of one laptop."""
    known = {"p1": state} if state else {}
    return report(Roster("val", "Val", {"p1": "laptop"}), CommuneState("val", known))


def laptop(**options: object) -> EndpointState:
    return machine("p1", "laptop", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "state"),
    [
        (laptop(), State.COMPLIANT),
        (laptop(disk_encrypted=Verdict.FAIL), State.URGENT),
        (laptop(password_length=Verdict.FAIL), State.FAILING),
        (laptop(password_length=Verdict.ERROR), State.UNCERTAIN),
        (laptop(attempt=EndpointStatus.UNREACHABLE), State.SILENT),
        (laptop(attempt=EndpointStatus.KEY_CHANGED), State.URGENT),
        (laptop(age=timedelta(days=FRESHNESS, seconds=1)), State.STALE),
        (laptop(age=timedelta(days=FRESHNESS)), State.COMPLIANT),
        (laptop(age=timedelta(days=-2)), State.STALE),
        (laptop(age=timedelta(days=90), password_length=Verdict.FAIL), State.FAILING),
        (never("p1"), State.NEVER),
        (never("p1", EndpointStatus.UNREACHABLE), State.NEVER),
        (None, State.NEVER),
    ],
)
def test_the_state_of_a_machine(known: EndpointState | None, state: State) -> None:
    assert alone(known).machines[0].state is state
    assert alone(known).state is state


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (laptop(), ExitCode.OK),
        (laptop(password_length=Verdict.FAIL), ExitCode.NOT_COMPLIANT),
        (laptop(password_length=Verdict.ERROR), ExitCode.NOT_COMPLIANT),
        (laptop(attempt=EndpointStatus.KEY_CHANGED), ExitCode.UNREACHABLE),
        (laptop(attempt=EndpointStatus.UNREACHABLE), ExitCode.UNREACHABLE),
        (laptop(age=timedelta(days=90)), ExitCode.UNREACHABLE),
        (never("p1", EndpointStatus.UNREACHABLE), ExitCode.NOTHING_EVALUATED),
        (None, ExitCode.NOTHING_EVALUATED),
    ],
)
def test_the_exit_code_follows_the_states(known: EndpointState | None, code: ExitCode) -> None:
    assert exit_code([alone(known)]) is code


def test_no_machine_and_no_commune_are_not_success() -> None:
    empty = report(Roster("val", "Val"), CommuneState("val"))
    assert empty.state is State.NEVER
    assert exit_code([empty]) is ExitCode.NOTHING_EVALUATED
    assert exit_code([]) is ExitCode.NOTHING_EVALUATED


def test_one_silent_laptop_beside_compliant_machines_is_code_4() -> None:
    silent = machine("bourg-portable-02", "laptop", attempt=EndpointStatus.UNREACHABLE)
    state = CommuneState(BOURG.commune, {**BOURG_STATE.endpoints, silent.endpoint: silent})
    assert exit_code([report(BOURG, state)]) is ExitCode.UNREACHABLE
    assert exit_code([report(BOURG, BOURG_STATE)]) is ExitCode.OK


def test_f061_what_does_not_apply_is_apart_and_denominators_are_whole() -> None:
    counts = report().coverage
    assert counts.expected == (
        counts.passed + counts.failed + counts.error + counts.manual + counts.stale + counts.unknown
    )
    assert counts.not_applicable == sum(item.coverage.not_applicable for item in report().machines) > 0
    assert counts.evaluated < counts.expected
    assert (counts.endpoints_evaluated, counts.endpoints) == (10, 12)


def test_f061_controls_that_do_not_apply_never_count_as_met() -> None:
    one = alone(laptop()).machines[0]
    applying = sum("laptop" in control.applies_to for control in CATALOGUE.controls.values())
    assert (one.coverage.passed, one.coverage.expected) == (applying, applying)
    assert one.coverage.not_applicable == len(CATALOGUE.controls) - applying


def test_f063_a_control_that_could_not_be_checked_is_neither_met_nor_evaluated() -> None:
    one = alone(laptop(ssh_no_root_login=Verdict.ERROR)).machines[0]
    assert one.coverage.error == 1
    assert one.coverage.evaluated == one.coverage.expected - 1


def test_f063_a_probe_that_never_ran_leaves_no_compliant_machine() -> None:
    known = laptop()
    assert known.last is not None
    without = replace(known, last=replace(known.last, findings=known.last.findings[1:]))
    found = alone(without).machines[0]
    assert found.state is State.UNCERTAIN
    assert [line.reason for line in found.lines if line.verdict is Verdict.ERROR] == ["not_asked"]


def test_f063_no_finding_at_all_is_not_compliance() -> None:
    known = laptop()
    assert known.last is not None
    assert alone(replace(known, last=replace(known.last, findings=()))).state is State.UNCERTAIN


def test_old_verdicts_are_stale_and_in_no_score() -> None:
    found = alone(laptop(age=timedelta(days=90))).machines[0]
    assert all(line.stale for line in found.lines)
    assert found.coverage.evaluated == 0
    assert found.coverage.stale == found.coverage.expected


def test_a_post_is_only_as_good_as_its_worst_machine() -> None:
    bad_gateway = machine("bourg-passerelle", "gateway", password_length=Verdict.FAIL)
    state = CommuneState(BOURG.commune, {**BOURG_STATE.endpoints, bad_gateway.endpoint: bad_gateway})
    assert {post.state for post in report(BOURG, state).posts} == {State.FAILING}


def test_since_when_a_machine_is_in_its_state() -> None:
    known = laptop(password_length=Verdict.FAIL)
    first, last = NOW - timedelta(days=30), NOW - timedelta(days=3)
    known = replace(known, since={**known.since, "password-length": first, "disk-encrypted": last})
    assert alone(known).machines[0].since == first
    good = replace(laptop(), since={**known.since, "password-length": last})
    assert alone(good).machines[0].since == last


def test_a_silent_machine_counts_from_its_last_evidence() -> None:
    found = alone(laptop(age=timedelta(days=12), attempt=EndpointStatus.UNREACHABLE)).machines[0]
    assert found.since == NOW - timedelta(days=12)


def test_what_to_do_first_is_ordered_by_severity_then_machines_and_declarations_last() -> None:
    actions = report().actions
    assert [action.severity.rank for action in actions[:-1]] == sorted(
        (action.severity.rank for action in actions[:-1]), reverse=True
    )
    assert [remedy.control for remedy in actions[0].remedies] == ["disk-encrypted"]
    assert actions[1].machines == ("valmont-portable-02", "valmont-bureau-02")
    assert actions[-1].kind is ActionKind.DECLARE


def test_a_changed_identity_comes_before_everything() -> None:
    suspect = machine("valmont-portable-06", "laptop", attempt=EndpointStatus.KEY_CHANGED)
    state = CommuneState(VALMONT.commune, {**VALMONT_STATE.endpoints, suspect.endpoint: suspect})
    assert report(state=state).actions[0].kind is ActionKind.IDENTITY


def test_open_controls_of_one_role_are_one_action_with_every_remedy() -> None:
    found = alone(laptop(ssh_no_root_login=Verdict.FAIL, ssh_keys_only=Verdict.FAIL)).actions
    assert len(found) == 1
    assert [remedy.control for remedy in found[0].remedies] == ["ssh-keys-only", "ssh-no-root-login"]
    assert found[0].machines == ("p1",)


def test_machines_of_other_communes_and_retired_ones_are_not_in_the_report() -> None:
    mixed = CommuneState(BOURG.commune, {**VALMONT_STATE.endpoints, **BOURG_STATE.endpoints})
    assert {item.name for item in report(BOURG, mixed).machines} == set(BOURG.machines)


def test_a_run_of_the_audit_is_a_report_without_posts() -> None:
    parts = tuple(state.last for state in BOURG_STATE.endpoints.values() if state.last)
    away = EndpointAudit("bourg-portable-09", "laptop", EndpointStatus.UNREACHABLE, "no answer in 10 s")
    audit = Audit(BOURG.commune, PROFILE, NOW, NOW, CATALOGUE.digest, (*parts, away))
    found = of_run(audit, CATALOGUE, "fr", NOW, FRESHNESS)
    assert found.posts == ()
    assert {item.name: item.state for item in found.machines}["bourg-portable-09"] is State.SILENT
    assert exit_code([found]) is ExitCode.UNREACHABLE


def test_lines_that_machines_of_one_run_share_say_of_each_what_was_found() -> None:
    state = laptop(password_length=Verdict.FAIL).last
    assert state is not None
    odd = replace(state.findings[0], verdict=Verdict.ERROR, reason="timeout", detail="lock held", checks=())
    others = {
        "p2": state.findings,  # the same, down to what was compared
        "p3": (odd, *state.findings[1:]),
        "p4": (replace(odd, detail="another lock"), *state.findings[1:]),
        "p5": (replace(state.findings[0], severity=Severity.LOW), *state.findings[1:]),
    }
    parts = [
        state,
        *(
            replace(state, endpoint=name, findings=tuple(replace(item, endpoint=name) for item in findings))
            for name, findings in others.items()
        ),
    ]
    audit = Audit("val", PROFILE, NOW, NOW, CATALOGUE.digest, tuple(parts))
    found = {item.name: item for item in of_run(audit, CATALOGUE, "fr", NOW, FRESHNESS).machines}
    for part in parts:
        lines = {line.control: line for line in found[part.endpoint].lines}
        for item in part.findings:
            line = lines[item.control]
            assert (line.severity, line.verdict, line.reason) == (item.severity, item.verdict, item.reason)
            assert (line.detail, line.checks) == (item.detail, item.checks)
    assert found["p2"].coverage == found["p1"].coverage != found["p3"].coverage


def test_a_profile_without_applicable_control_is_not_compliance() -> None:
    profile = CATALOGUE.profiles[PROFILE].model_copy(
        update={"select": CATALOGUE.profiles[PROFILE].select.model_copy(update={"all": False})}
    )
    catalogue = replace(CATALOGUE, profiles={PROFILE: profile})
    found = build(BOURG, catalogue, PROFILE, BOURG_STATE, NOW, "fr", FRESHNESS)
    assert State.COMPLIANT not in {item.state for item in found.machines}
    assert exit_code([found]) is ExitCode.NOTHING_EVALUATED


def test_what_nobody_declared_is_not_compliant_and_no_failure() -> None:
    asked = machine("p1", "office_pc", office_locked_room=Verdict.MANUAL)
    found = report(Roster("val", "Val", {"p1": "office_pc"}), CommuneState("val", {"p1": asked}))
    assert Verdict.MANUAL in {line.verdict for line in found.machines[0].lines}
    assert found.machines[0].state is State.UNCERTAIN
    assert exit_code([found]) is ExitCode.OK
