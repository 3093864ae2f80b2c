"""A technician names wrong set-up networks and gateway: the laptop refuses to stay cut off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.network import reachable
from toolkit.lab.machines import Lab, answers

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parent.parent.parent
LAPTOP = "valsorbe-portable-1"


def ruleset(lab: Lab) -> bytes:
    done = lab.exec(LAPTOP, ["nft", "--stateless", "list", "ruleset"])
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_ruleset_that_cuts_the_technician_off_is_undone(site: Lab) -> None:
    before = ruleset(site), site.exec(LAPTOP, ["cat", "/etc/nftables.conf"]).stdout
    address = site.plan().machine(LAPTOP).bench
    inventory = site.workspace.commune("valsorbe").hosts
    wrong = {
        "nomade_setup_networks": ["192.0.2.0/24"],
        "nomade_management_addresses": ["192.0.2.1/32"],
        "nomade_gateway_tunnel_address": "192.0.2.9",
        "firewall_guard_timeout": 20,
    }
    command = [Path(sys.executable).with_name("ansible-playbook"), "--inventory", inventory, "--limit", LAPTOP]
    command += ["--tags", "firewall_ruleset", "--extra-vars", json.dumps(wrong)]
    done = subprocess.run(
        [*command, ROOT / "playbooks" / "laptop.yml"],
        env=os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode != 0, done.stdout
    assert "guard" in done.stdout
    deadline = time.monotonic() + 40
    while not answers(address, 22):
        assert time.monotonic() < deadline, "still cut off"
        time.sleep(1)
    assert (ruleset(site), site.exec(LAPTOP, ["cat", "/etc/nftables.conf"]).stdout) == before
    assert reachable(site, LAPTOP, ("198.51.100.1", 443)) == {("198.51.100.1", 443): False}
