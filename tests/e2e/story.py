"""The whole main job once, through the real command, with what every stage said: tests judge it afterwards."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e import filesystem, fleets
from tests.e2e.neglect import neglected
from toolkit.lab.machines import Lab

# What a commune may ask for and the demonstration does not: it works at night.
REGIME = 'regime: {enforced: true, hours: "00:00-23:59", weekdays: [monday, tuesday, thursday]}\n'
Done = subprocess.CompletedProcess[str]
Verdicts = dict[tuple[str, str], str]


@dataclass(slots=True)
class Story:
    """What each stage printed. `changed_by_plan` maps an endpoint to the differences on its disk."""

    lab: Lab
    stages: dict[str, Done] = field(default_factory=dict)
    changed_by_plan: dict[str, list[str]] = field(default_factory=dict)

    def verdicts(self, stage: str) -> Verdicts:
        """Return (endpoint, control) → verdict of an audit stage."""
        reports: list[dict[str, Any]] = json.loads(self.stages[stage].stdout)["reports"]
        return {
            (endpoint["endpoint"], finding["control"]): finding["verdict"]
            for report in reports
            for endpoint in report["endpoints"]
            for finding in endpoint["findings"]
        }


def tell(lab: Lab, nomade: Callable[..., Done], artefacts: Path) -> Story:
    """Run the main job on the lab, with an audit of neglected machines on the way, and return what every stage said.

    A stage that fails does not stop the story: the tests name it.
    """
    story = Story(lab)

    def stage(name: str, *arguments: str) -> None:
        done = nomade(lab.workspace, *arguments)
        story.stages[name] = done
        text = f"$ nomade {' '.join(arguments)}\n{done.stdout}\n{done.stderr}\nexit code {done.returncode}\n"
        (artefacts / f"story-{len(story.stages)}-{name}.txt").write_text(text, encoding="utf-8")

    everybody = "--all-communes"
    keys = lab.workspace.state / "lab"
    hosts = [machine.name for machine in lab.plan().machines]
    gateways = ("--limit", ",".join(machine.name for machine in lab.plan().machines if machine.kind == "gateway"))
    stage("generate", "inventory", "generate")
    stage(
        "enroll", "enroll", everybody, "--known-hosts", str(keys / "known_hosts"),
        "--key", str(keys / "bootstrap_ed25519"),
    )  # fmt: skip
    stage("audit-before", "audit", everybody, "--format", "json")
    with neglected(lab):
        stage("audit-neglected", "audit", everybody, "--format", "json")
    before = filesystem.listings(lab, hosts)
    stage("plan", "plan", everybody, "--diff")
    after = filesystem.listings(lab, hosts)
    story.changed_by_plan = {host: filesystem.differences(before[host], after[host]) for host in hosts}
    stage("apply", "apply", everybody)
    stage("audit-after", "audit", everybody, "--format", "json")
    with (
        fleets.rewritten(lab, fleets.with_line("regime:", REGIME)),
        fleets.rewritten(lab, fleets.with_quarantine),
    ):
        stage("audit-unenforced", "audit", everybody, *gateways, "--format", "json")
        stage("apply-enforced", "apply", everybody, *gateways, "--tags", "vpn_gateway_access")
        stage("audit-enforced", "audit", everybody, *gateways, "--format", "json")
    stage("quarantine-off", "quarantine", "apply", everybody)
    stage("apply-unenforced", "apply", everybody, *gateways, "--tags", "vpn_gateway_access")
    stage("apply-again", "apply", everybody)
    return story
