"""The guard against real machines: a ruleset that cuts the technician off is undone by the endpoint itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit import paths
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress
from toolkit.paths import demo_dir

pytestmark = pytest.mark.lab
BOOKWORM, TRIXIE = HOSTS = ("valsorbe-bureau-1", "valsorbe-portable-1")
SECONDS = 40
OPEN = "flush ruleset\ntable inet t {\n chain i {\n  type filter hook input priority 0; policy drop;\n%s }\n}\n"
GOOD = OPEN % "  iif lo accept\n  ct state established,related accept\n  tcp dport 22 accept\n"
OTHER = GOOD.replace("table inet t", "table inet u")
CUTTING = OPEN % "  iif lo accept\n"
BROKEN = "flush ruleset\ntable inet t { chain i { polic drop; } }\n"
_PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Install the rules
      config_files:
        files:
          - {content: "{{ rules }}", dest: /etc/nftables.conf, mode: "0644", validate: "nft -c -f %s"}
          - {content: "{{ rules | length }}", dest: /etc/nftables.length}
        guard:
          name: firewall
          reload: "{{ reload | default('nft -f /etc/nftables.conf') }}"
          restore: nft -f /etc/nftables.conf
          timeout: SECONDS
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("guard") / "w"
    started = Lab(readdress(demo_dir(), folder, free_block()))
    try:
        started.up(HOSTS)
        depot = started.plan().depot
        for host in HOSTS:
            proxy = f"Acquire::http::Proxy=http://{depot}:3142"
            sh(started, host, f"apt-get -qq -o {proxy} update && apt-get -qq -o {proxy} install -y nftables")
        yield started
    finally:
        started.down()


def on(*hosts: str) -> pytest.MarkDecorator:
    """Say on which endpoints a test runs; what does not depend on the release runs on one."""
    return pytest.mark.parametrize("host", hosts, indirect=True)


@pytest.fixture
def host(request: pytest.FixtureRequest, lab: Lab) -> str:
    """Return an endpoint whose proven state is `GOOD`."""
    name = str(request.param)
    clean = "rm -rf /var/lib/nomade; nft flush ruleset"
    sh(lab, name, f"systemctl stop 'nomade-guard-*.timer'; {clean}; rm -f /etc/nftables.length")
    done = play(lab, name, GOOD)
    assert done.returncode == 0, done.stdout + done.stderr
    return name


def sh(lab: Lab, host: str, script: str) -> str:
    done = lab.exec(host, ["sh", "-c", script], timeout=300)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()


def command(lab: Lab, host: str, rules: str, **variables: str) -> tuple[list[str], dict[str, str]]:
    root = lab.workspace.root
    (root / "guard.yml").write_text(_PLAYBOOK.replace("SECONDS", str(SECONDS)))
    address = next(iter(lab.plan().machine(host).attachments)).address
    known = f"-o UserKnownHostsFile={root}/.nomade/lab/known_hosts -o StrictHostKeyChecking=yes -o HostKeyAlias={host}"
    key = root / ".nomade" / "lab" / "bootstrap_ed25519"
    facts = {
        "ansible_host": address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": known,
    }
    hosts = root / "hosts.json"
    hosts.write_text(json.dumps({"all": {"hosts": {host: facts}}}))
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {
        "ANSIBLE_CONFIG": str(paths.plugins_dir().parent / "ansible.cfg"),
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_YAML_FILENAME_EXT": ".json",
    }
    return [
        program,
        "-i",
        str(hosts),
        str(root / "guard.yml"),
        "-e",
        json.dumps({"rules": rules} | variables),
    ], environment


def play(lab: Lab, host: str, rules: str, **variables: str) -> subprocess.CompletedProcess[str]:
    words, environment = command(lab, host, rules, **variables)
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120, check=False)


def state(lab: Lab, host: str) -> tuple[str, str]:
    """Return the installed rules and the table in force."""
    return sh(lab, host, "cat /etc/nftables.conf"), sh(lab, host, "nft list tables").strip()


def armed(lab: Lab, host: str) -> str:
    return sh(lab, host, "ls /var/lib/nomade/guard; systemctl list-timers --all --no-legend 'nomade-guard*'").strip()


def wait_until_restored(lab: Lab, host: str) -> None:
    for _second in range(SECONDS + 10):
        if sh(lab, host, "ls /var/lib/nomade/guard") == "":
            return
        time.sleep(1)
    pytest.fail("the guard did not fire")


@on(*HOSTS)
def test_a_proven_change_stays_and_disarms(lab: Lab, host: str) -> None:
    done = play(lab, host, OTHER)
    assert done.returncode == 0, done.stdout
    assert armed(lab, host) == ""
    assert state(lab, host) == (OTHER, "table inet u")
    assert "changed=0" in play(lab, host, OTHER).stdout


@on(*HOSTS)
def test_a_ruleset_that_cuts_us_off_is_undone_by_the_endpoint(lab: Lab, host: str) -> None:
    sh(lab, host, "rm /etc/nftables.length")  # one file of the set is new
    done = play(lab, host, CUTTING)
    assert done.returncode == 2
    assert "puts the previous files back by itself" in done.stdout
    assert "guard_unreachable" in done.stdout
    wait_until_restored(lab, host)
    assert state(lab, host) == (GOOD, "table inet t")
    assert sh(lab, host, "test -e /etc/nftables.length || echo gone").strip() == "gone"
    assert "changed=1" in play(lab, host, GOOD).stdout


@on(BOOKWORM)
def test_f041_the_control_machine_dies_after_the_change(lab: Lab, host: str) -> None:
    words, environment = command(lab, host, CUTTING)
    run = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    for _tenth in range(300):
        if "policy drop; }" in " ".join(sh(lab, host, "nft list ruleset").split()).replace('iif "lo" accept ', ""):
            break
        time.sleep(0.1)
    else:
        pytest.fail("the rules were never in force")
    os.killpg(run.pid, 9)
    run.wait()
    assert armed(lab, host).startswith("firewall")
    wait_until_restored(lab, host)
    assert state(lab, host) == (GOOD, "table inet t")


@on(TRIXIE)
def test_f041_power_cut_while_armed_comes_back_with_the_proven_rules(lab: Lab, host: str) -> None:
    words, environment = command(lab, host, CUTTING)
    run = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    for _tenth in range(300):
        if sh(lab, host, "ls /var/lib/nomade/guard/firewall/reload.code 2>/dev/null || :"):
            break
        time.sleep(0.1)
    os.killpg(run.pid, 9)
    run.wait()
    lab.restart(host, kill=True)  # waits for sshd
    assert sh(lab, host, "cat /etc/nftables.conf") == GOOD
    assert sh(lab, host, "ls /var/lib/nomade/guard") == ""
    assert play(lab, host, GOOD).returncode == 0


@on(BOOKWORM)
def test_a_run_finds_the_switch_of_a_dead_one_and_starts_from_what_was_proven(lab: Lab, host: str) -> None:
    words, environment = command(lab, host, OTHER, reload="sleep 20; nft -f /etc/nftables.conf")
    run = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    for _tenth in range(300):
        if sh(lab, host, "ls /var/lib/nomade/guard"):
            break
        time.sleep(0.1)
    os.killpg(run.pid, 9)
    run.wait()
    done = play(lab, host, OTHER)
    assert done.returncode == 0, done.stdout
    assert "changed=1" in done.stdout
    assert armed(lab, host) == ""
    assert state(lab, host) == (OTHER, "table inet u")


@on(BOOKWORM)
def test_f045_broken_rules_are_refused_before_anything_is_armed(lab: Lab, host: str) -> None:
    done = play(lab, host, BROKEN)
    assert done.returncode == 2
    assert "refused by “nft”" in done.stdout
    assert armed(lab, host) == ""
    assert state(lab, host) == (GOOD, "table inet t")


@on(TRIXIE)
def test_a_reload_that_fails_is_undone_at_once(lab: Lab, host: str) -> None:
    done = play(lab, host, OTHER, reload="echo no such thing; exit 1")
    assert done.returncode == 2
    assert "the reload failed, the files are back: no such thing" in done.stdout
    assert armed(lab, host) == ""
    assert state(lab, host) == (GOOD, "table inet t")


@on(BOOKWORM)
def test_without_a_timer_nothing_is_changed(lab: Lab, host: str) -> None:
    sh(lab, host, "mv /usr/bin/systemd-run /usr/bin/systemd-run.away")
    try:
        done = play(lab, host, OTHER)
    finally:
        sh(lab, host, "mv /usr/bin/systemd-run.away /usr/bin/systemd-run")
    assert done.returncode == 2
    assert "nothing was changed" in done.stdout
    assert state(lab, host) == (GOOD, "table inet t")
