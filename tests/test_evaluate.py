"""Judging: facts that were read and compared, or an error that says why not. Nothing else passes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.catalogue import load
from toolkit.evaluate import Subject, applicable, evaluate, holds, judge_text, probes_for
from toolkit.finding import Evidence, Finding, Section, SectionStatus, Verdict
from toolkit.fleet.declarations import Declaration
from toolkit.fleet.roles import role_variables
from toolkit.probes import registry

CATALOGUE = load()
SETTINGS = {name: variable.default for name, variable in role_variables().items()}
FLEET = {
    "name": "poste",
    "management_account": "nomade",
    "teleworker": "camille",
    "laptop_address": "10.77.1.2",
    "office_pc_address": "198.18.10.20",
    "office_pc_name": "bureau",
    "peer_networks": ["10.77.1.2/32"],
    "jump_targets": ["10.77.1.2:22"],
    "vpn_door": "udp/51820",
    "escrow_recipients": ["age1x", "age1y"],
}
KINDS = ("laptop", "office_pc", "gateway")


def subject(kind: str = "laptop", **changes: Any) -> Subject:
    return Subject("poste", kind, **({"settings": SETTINGS, "fleet": FLEET} | changes))


def evidence(**sections: Section) -> Evidence:
    return Evidence("poste", datetime(2026, 11, 24, tzinfo=UTC), sections)


def section(probe: str, text: str, status: SectionStatus = SectionStatus.OK, code: int | None = 0) -> Section:
    return Section(probe, status, code, text)


def findings(given_evidence: Evidence, who: Subject | None = None, profile: str = "nomade") -> dict[str, Finding]:
    return {item.control: item for item in evaluate(CATALOGUE, profile, given_evidence, who or subject())}


ROOT_REFUSED = "permitrootlogin no\npasswordauthentication no\n"


def test_every_control_of_the_profile_gets_one_finding_in_order() -> None:
    found = evaluate(CATALOGUE, "nomade", evidence(), subject())
    assert [item.control for item in found] == sorted(CATALOGUE.controls)


def test_nothing_collected_is_error_everywhere_and_never_pass() -> None:
    for kind in KINDS:
        for control, finding in findings(evidence(), subject(kind)).items():
            automatic = CATALOGUE.controls[control].audit and applicable(CATALOGUE.controls[control], subject(kind))
            assert finding.verdict is not Verdict.PASS
            if automatic:
                assert (finding.verdict, finding.reason) == (Verdict.ERROR, "missing")


def test_facts_that_meet_the_control_pass_and_say_what_was_compared() -> None:
    finding = findings(evidence(sshd=section("sshd", ROOT_REFUSED)))["ssh-root-login-refused"]
    assert (finding.verdict, finding.reason, finding.probe) == (Verdict.PASS, "compared", "sshd")
    [check] = finding.checks
    assert (check.key, check.operator, check.expected, check.actual, check.met) == (
        "permitrootlogin", "equals", "no", "no", True,
    )  # fmt: skip


@pytest.mark.parametrize("status", [item for item in SectionStatus if item is not SectionStatus.OK])
def test_a_section_that_did_not_end_well_never_passes(status: SectionStatus) -> None:
    found = findings(evidence(sshd=section("sshd", ROOT_REFUSED, status, 1)))["ssh-root-login-refused"]
    assert (found.verdict, found.reason) == (Verdict.ERROR, status.value)
    assert found.checks == ()


def test_text_that_is_not_understood_is_error() -> None:
    found = findings(evidence(sshd=section("sshd", "Connection reset by peer\n")))["ssh-root-login-refused"]
    assert (found.verdict, found.reason) == (Verdict.ERROR, "unparsable")
    assert found.detail


def test_a_missing_program_is_a_failure_not_an_error() -> None:
    found = findings(evidence(nftables=section("nftables", "absent\n")))["firewall-input-dropped"]
    assert (found.verdict, found.reason) == (Verdict.FAIL, "compared")


def test_other_kinds_and_machines_outside_a_post_are_not_applicable() -> None:
    gateway = findings(evidence(), subject("gateway"))
    assert (gateway["disk-encrypted"].verdict, gateway["disk-encrypted"].reason) == (Verdict.NOT_APPLICABLE, "kind")
    alone = findings(evidence(), subject("office_pc", fleet={"management_account": "nomade"}))["rdp-encrypted"]
    assert (alone.verdict, alone.reason) == (Verdict.NOT_APPLICABLE, "no_post")


def test_equal_answers_of_two_machines_are_judged_by_what_each_is_set_to() -> None:
    asked = [item for item in CATALOGUE.controls.values() if item.audit and item.examples]
    own = [item for item in asked if item.audit and not item.audit.asks_all_alike]
    assert 0 < len(own) < len(asked)
    for control in own:
        assert control.examples
        known, text = control.examples, control.examples.passing[0]
        set_up = subject(settings=SETTINGS | known.settings, fleet=FLEET | known.fleet)
        assert judge_text(control, text, set_up).verdict is Verdict.PASS, control.id
        assert judge_text(control, text, Subject("other", "laptop")).verdict is not Verdict.PASS, control.id


def test_a_control_that_asks_the_same_of_all_compares_an_answer_once() -> None:
    one, other = (
        findings(evidence(sshd=section("sshd", ROOT_REFUSED)), subject())["ssh-root-login-refused"] for _ in "12"
    )
    assert one == other
    assert one.checks is other.checks


NO_DESKTOP = "desktop none\nsession openbox\nend\n"


def test_a_control_about_what_the_machine_has_not_is_not_applicable_and_never_passes() -> None:
    found = findings(evidence(desktop=section("desktop", NO_DESKTOP)))
    locks = found["desktop-screen-locks"]
    assert (locks.verdict, locks.reason) == (Verdict.NOT_APPLICABLE, "not_here")
    assert found["desktop-sessions-known"].verdict is Verdict.FAIL  # the screen that nothing locks still shows


def test_a_machine_that_does_not_say_what_it_has_is_an_error() -> None:
    found = findings(evidence(desktop=section("desktop", "session openbox\nend\n")))["desktop-screen-locks"]
    assert (found.verdict, found.reason) == (Verdict.ERROR, "unparsable")


def test_a_control_that_nobody_declared_is_manual() -> None:
    found = findings(evidence())["charter-signed"]
    assert (found.verdict, found.reason, found.probe) == (Verdict.MANUAL, "undeclared", None)


@pytest.mark.parametrize(("day", "verdict"), [("2026-11-24", Verdict.PASS), ("2023-11-23", Verdict.FAIL)])
def test_a_declaration_is_judged_on_the_day_of_the_evidence(day: str, verdict: Verdict) -> None:
    declaration = Declaration(control="charter-signed", date=day, author="Hugo")
    found = findings(evidence(), subject(declarations=(declaration,)))
    assert found["charter-signed"].verdict is verdict
    assert found["awareness-done"].verdict is Verdict.MANUAL


def test_what_a_machine_answers_cannot_be_declared() -> None:
    declaration = Declaration(control="ssh-keys-only", date="2026-11-24", author="Hugo")
    assert findings(evidence(), subject(declarations=(declaration,)))["ssh-keys-only"].verdict is Verdict.ERROR


def test_a_setting_that_is_not_known_is_error() -> None:
    text = "permitrootlogin no\npasswordauthentication no\nmaxauthtries 3\nlogingracetime 60\n"
    found = findings(evidence(sshd=section("sshd", text)), subject(settings={}))["ssh-attempts-limited"]
    assert (found.verdict, found.reason) == (Verdict.ERROR, "setting")
    assert "ssh_max_auth_tries" in found.detail


def test_the_value_that_provisions_is_the_value_that_judges() -> None:
    text = "permitrootlogin no\npasswordauthentication no\nmaxauthtries 6\nlogingracetime 60\n"
    control = CATALOGUE.controls["ssh-attempts-limited"]
    assert judge_text(control, text, subject()).verdict is Verdict.FAIL
    loose = subject(settings=SETTINGS | {"ssh_max_auth_tries": 6})
    assert judge_text(control, text, loose).verdict is Verdict.PASS


def test_only_needed_probes_are_asked() -> None:
    names = {probe.name for probe in probes_for(CATALOGUE, "nomade", subject("gateway"))}
    assert "wireguard" in names
    assert "block_devices" not in names  # laptops only


def test_same_evidence_same_findings() -> None:
    given_evidence = evidence(sshd=section("sshd", ROOT_REFUSED))
    assert evaluate(CATALOGUE, "nomade", given_evidence, subject()) == evaluate(
        CATALOGUE, "nomade", given_evidence, subject()
    )


texts = st.one_of(
    st.text(max_size=400),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    ).map(json.dumps),
    st.sampled_from(
        [text for control in CATALOGUE.controls.values() if control.examples for text in control.examples.passing]
    ).flatmap(lambda text: st.integers(0, len(text)).map(lambda end: text[:end])),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(registry())), texts, max_size=6), st.sampled_from(KINDS))
def test_whatever_an_endpoint_prints_is_judged_without_an_exception(answers: dict[str, str], kind: str) -> None:
    sections = {name: section(name, text) for name, text in answers.items()}
    for finding in evaluate(CATALOGUE, "nomade", evidence(**sections), subject(kind)):
        if finding.verdict is Verdict.PASS:
            assert finding.probe in answers
            assert finding.checks
            assert all(check.met for check in finding.checks)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(registry())), texts, max_size=6),
    st.sampled_from([item for item in SectionStatus if item is not SectionStatus.OK]),
    st.none() | st.integers(0, 255),
)
def test_no_status_but_ok_passes(answers: dict[str, str], status: SectionStatus, code: int | None) -> None:
    sections = {name: section(name, text, status, code) for name, text in answers.items()}
    for finding in evaluate(CATALOGUE, "nomade", evidence(**sections), subject()):
        assert finding.verdict is not Verdict.PASS


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(registry())), texts)
def test_parsers_refuse_with_value_errors_only(name: str, text: str) -> None:
    try:
        facts = registry()[name].parse(text)
    except ValueError:
        return
    assert facts


@pytest.mark.parametrize(
    ("operator", "actual", "expected", "met"),
    [
        ("equals", "no", "no", True),
        ("equals", 1, True, False),
        ("equals", True, 1, False),
        ("equals", "1", 1, False),
        ("equals", [2, 1], [1, 2], True),
        ("equals", "ab", ["a", "b"], False),
        ("equals", ["a", "b"], "ab", False),
        ("one_of", "a", ["a", "b"], True),
        ("one_of", "c", ["a", "b"], False),
        ("at_least", 3, 3, True),
        ("at_least", 2, 3, False),
        ("at_least", "3", 3, False),
        ("at_least", True, 1, False),
        ("at_most", 3, 3, True),
        ("at_most", 4, 3, False),
        ("at_most", None, 3, False),
        ("at_most", float("nan"), 3, False),
        ("contains", ["a", "b"], ["b"], True),
        ("contains", ["a"], ["a", "b"], False),
        ("contains", "abc", ["a"], False),
        ("contains", ["a"], [], False),
        ("only", ["a"], ["a", "b"], True),
        ("only", ["a", "c"], ["a", "b"], False),
        ("only", "a", ["a"], False),
        ("only", None, ["a"], False),
        ("absent", [], True, True),
        ("absent", "", True, True),
        ("absent", None, True, True),
        ("absent", 0, True, False),
        ("absent", False, True, False),
        ("absent", ["a"], True, False),
        ("sounds_like", "a", "a", False),
    ],
)
def test_operators(operator: str, actual: Any, expected: Any, met: bool) -> None:
    assert holds(operator, actual, expected) is met
