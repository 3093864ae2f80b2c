"""From a list of people and machines to audited posts, on both releases: every stage says and does what it should."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.e2e.story import Story
from toolkit.catalogue import load

pytestmark = pytest.mark.lab

HELD = yaml.safe_load(Path(__file__).with_name("holds_by_default.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["generate", "enroll", "plan", "apply", "apply-again"])
def test_the_stage_succeeds(story: Story, name: str) -> None:
    done = story.stages[name]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_a_virgin_fleet_is_not_compliant(story: Story) -> None:
    assert story.stages["audit-before"].returncode == 2


def test_a_provisioned_fleet_is_compliant(story: Story) -> None:
    failing = {key: verdict for key, verdict in story.verdicts("audit-after").items() if verdict in ("fail", "error")}
    assert failing == {}
    assert story.stages["audit-after"].returncode == 0


def test_plan_changes_nothing(story: Story) -> None:
    assert {host: lines for host, lines in story.changed_by_plan.items() if lines} == {}


def test_plan_says_what_apply_would_do(story: Story) -> None:
    assert "firewall" in story.stages["plan"].stdout


def test_the_second_apply_changes_nothing(story: Story) -> None:
    done = story.stages["apply-again"]
    changed = [line for line in (done.stdout + done.stderr).splitlines() if "changed" in line or "modif" in line]
    assert changed == []


def automatic() -> list[str]:
    return sorted(control.id for control in load().controls.values() if "container" in control.proven_in)


@pytest.mark.parametrize("control", automatic())
def test_the_control_fails_before_and_passes_after(story: Story, control: str) -> None:
    before = {host: verdict for (host, name), verdict in story.verdicts("audit-before").items() if name == control}
    after = {host: verdict for (host, name), verdict in story.verdicts("audit-after").items() if name == control}
    assert before, "judged on no endpoint"
    assert {host: verdict for host, verdict in after.items() if verdict not in ("pass", "not_applicable")} == {}
    assert "pass" in after.values()
    if control in HELD:
        assert HELD[control], "say why it holds on a bare machine"
    else:
        wrong = {host: verdict for host, verdict in before.items() if verdict not in ("fail", "not_applicable")}
        assert wrong == {}


def test_what_is_said_to_hold_by_default_exists() -> None:
    assert set(HELD) <= set(automatic())
