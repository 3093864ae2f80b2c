"""From a list of people and machines to audited posts, on both releases: every stage says and does what it should."""

from __future__ import annotations

import pytest

from tests.e2e.neglect import STATES
from tests.e2e.story import Story
from toolkit.catalogue import load

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    "name", ["generate", "enroll", "plan", "apply", "apply-enforced", "quarantine-off", "apply-again"]
)
def test_the_stage_succeeds(story: Story, name: str) -> None:
    done = story.stages[name]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_a_virgin_fleet_is_not_compliant(story: Story) -> None:
    assert story.stages["audit-before"].returncode == 2


def test_a_provisioned_fleet_is_compliant_in_all_that_containers_can_show(story: Story) -> None:
    open_ = {key for key, verdict in story.verdicts("audit-after").items() if verdict in ("fail", "error")}
    elsewhere = {control for _host, control in open_} - set(automatic())
    assert {control for _host, control in open_} == elsewhere
    assert story.stages["audit-after"].returncode == (2 if open_ else 0)


def test_plan_changes_nothing(story: Story) -> None:
    assert {host: lines for host, lines in story.changed_by_plan.items() if lines} == {}


def test_plan_says_what_apply_would_do(story: Story) -> None:
    assert "firewall" in story.stages["plan"].stdout


def test_the_second_apply_changes_nothing(story: Story) -> None:
    said = story.stages["apply-again"].stderr
    for commune in story.lab.workspace.communes():
        assert f"{commune}: 3 of 3 endpoints done, 0 changed" in said, said


def automatic() -> list[str]:
    return sorted(control.id for control in load().controls.values() if "container" in control.proven_in)


def needing_more() -> set[str]:
    """Return the controls of what the demonstration does not ask for."""
    return {name for name, control in load().controls.items() if {"regime_enforced", "quarantine"} & set(control.needs)}


def of(story: Story, stage: str, control: str) -> dict[str, str]:
    """Return endpoint → verdict of one control in one audit, without those it does not apply to."""
    verdicts = story.verdicts(stage).items()
    return {host: verdict for (host, name), verdict in verdicts if name == control and verdict != "not_applicable"}


@pytest.mark.parametrize("control", automatic())
def test_the_control_fails_where_there_is_something_to_find(story: Story, control: str) -> None:
    stage = "audit-neglected" if control in STATES else "audit-before"
    if control in needing_more():
        stage = "audit-unenforced"
    found = of(story, stage, control)
    assert found, "judged on no endpoint"
    assert {host: verdict for host, verdict in found.items() if verdict != "fail"} == {}


@pytest.mark.parametrize("control", automatic())
def test_the_control_passes_after_apply(story: Story, control: str) -> None:
    found = of(story, "audit-enforced" if control in needing_more() else "audit-after", control)
    assert found, "judged on no endpoint"
    assert {host: verdict for host, verdict in found.items() if verdict != "pass"} == {}


@pytest.mark.parametrize("control", sorted(STATES))
def test_what_a_fresh_machine_has_in_order_is_said_so(story: Story, control: str) -> None:
    assert "pass" in of(story, "audit-before", control).values()
    assert load().controls[control].holds_by_default, "say in the control why it holds on a fresh machine"
