"""Quarantine on a live site: an audit that breaks a critical control holds the laptop, the next good one lets it go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.fleets import rewritten, with_quarantine
from tests.e2e.network import reachable
from tests.e2e.test_vpn_peers import COMMUNE, GATEWAY, LAPTOP, OFFICE_PC, Nomade, active, sh, until, verdict
from toolkit import fleet
from toolkit.fleet.parts import OfficePc
from toolkit.lab.machines import Lab
from toolkit.quarantine import register

pytestmark = pytest.mark.lab

BROKEN = "accounts-no-empty-password"
NOTICE = "/var/lib/nomade-notices/quarantine"


def audit(lab: Lab, nomade: Nomade) -> tuple[set[str], str]:
    """Audit laptop and office PC; return the critical controls that fail, and what was said."""
    done = nomade(lab.workspace, "audit", "-c", COMMUNE, "-l", f"{LAPTOP},{OFFICE_PC}", "-f", "json")
    (report,) = json.loads(done.stdout)["reports"]
    findings = [item for part in report["endpoints"] for item in part["findings"]]
    return {item["control"] for item in findings if item["severity"] == "critical" and item["verdict"] == "fail"}, (
        done.stderr
    )


@pytest.fixture
def quarantined(site: Lab, nomade: Nomade) -> Iterator[Lab]:
    """The site with quarantine; what a container cannot pass is accepted. As it was before at the end."""
    folder = site.workspace.commune(COMMUNE)
    until(lambda: active(site), 200, "no handshake")
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    for control in audit(site, nomade)[0]:
        fields = ("--reason", "banc", "--approver", "essai", "--until", tomorrow)
        assert nomade(site.workspace, "waiver", "add", control, "-c", COMMUNE, *fields).returncode == 0
    try:
        with rewritten(site, with_quarantine, COMMUNE):
            yield site
        done = nomade(site.workspace, "quarantine", "apply", "-c", COMMUNE)  # off again
        assert done.returncode == 0, done.stderr
    finally:
        sh(site, LAPTOP, f"userdel vide 2>/dev/null || true; rm -rf {NOTICE}")
        for left in (folder.waivers, folder.quarantine):
            left.unlink(missing_ok=True)


def test_a_critical_failure_holds_the_laptop_and_the_next_good_audit_lets_it_go(
    quarantined: Lab, nomade: Nomade
) -> None:
    site = quarantined
    loaded = fleet.load(site.workspace, COMMUNE)
    depot, pc = loaded.applications[0], loaded.endpoint(OFFICE_PC)
    assert isinstance(pc, OfficePc)
    updates, desktop = (depot.address, depot.port), (pc.office_address, 3389)
    assert reachable(site, LAPTOP, updates, desktop) == {updates: True, desktop: True}

    sh(site, LAPTOP, "useradd --no-create-home vide && passwd --quiet --delete vide")
    _failed, said = audit(site, nomade)
    assert f"{LAPTOP}: in quarantine: its last audit breaks {BROKEN}" in said
    assert f"{GATEWAY}: quarantine in force" in said
    assert reachable(site, LAPTOP, updates, desktop) == {updates: True, desktop: False}
    assert "in quarantine" in sh(site, GATEWAY, "journalctl -u nomade-gateway --no-pager -o cat")
    notice = sh(site, LAPTOP, f"cat {NOTICE}; stat -c '%a %U' {NOTICE}; stat -c %a $(dirname {NOTICE})")
    assert notice.startswith("Ordinateur en quarantaine\nLe dernier contrôle a trouvé un défaut de sécurité grave")
    assert notice.endswith("644 root\n755")
    listed = nomade(site.workspace, "quarantine", "list", "-c", COMMUNE)
    assert listed.returncode == 2
    assert "NOT YET" not in listed.stdout

    sh(site, LAPTOP, "userdel vide")
    _failed, said = audit(site, nomade)
    assert f"{LAPTOP}: out of quarantine" in said
    assert reachable(site, LAPTOP, updates, desktop) == {updates: True, desktop: True}
    assert sh(site, LAPTOP, f"ls {NOTICE} 2>/dev/null || echo none") == "none"
    assert register.load(site.workspace.commune(COMMUNE)) == register.Register()


def test_what_is_freed_by_hand_on_the_gateway_is_a_finding_and_held_again(quarantined: Lab, nomade: Nomade) -> None:
    site = quarantined
    sh(site, LAPTOP, "useradd --no-create-home vide && passwd --quiet --delete vide")
    audit(site, nomade)
    control = "quarantine-in-force"
    sh(site, GATEWAY, "systemctl stop nomade-gateway.timer; nft delete table inet nomade_quarantine")
    try:
        assert verdict(site, nomade, control) == "fail"
    finally:
        sh(site, GATEWAY, "systemctl start nomade-gateway.service nomade-gateway.timer")
    assert verdict(site, nomade, control) == "pass"
