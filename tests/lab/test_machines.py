"""A lab comes up, mends what an interrupted run left, is what it claims to be, and leaves nothing behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit import paths
from toolkit.lab import engine, networks
from toolkit.lab.machines import Lab, all_labs
from toolkit.lab.readdress import free_block, readdress

pytestmark = pytest.mark.lab

LAPTOP, OFFICE_PC = "valsorbe-portable-1", "valsorbe-bureau-1"  # Debian 13 and 12
BOTH = (LAPTOP, OFFICE_PC)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    workspace = readdress(paths.demo_dir(), tmp_path_factory.mktemp("small") / "workspace", free_block())
    lab = Lab(workspace)
    try:
        lab.up(BOTH)
        yield lab
    finally:
        lab.down()


def sh(lab: Lab, host: str, script: str) -> str:
    done = lab.exec(host, ["sh", "-euc", script])
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_what_was_not_asked_for_is_absent(small: Lab) -> None:
    states = {stand.name: stand.state for stand in small.stands()}
    assert {name for name, state in states.items() if state == "running"} == set(BOTH)
    assert states["pontlierre-passerelle"] == "absent"


def test_up_again_changes_nothing(small: Lab) -> None:
    before = [small.pid(host) for host in BOTH]
    small.up(BOTH)
    assert [small.pid(host) for host in BOTH] == before


def test_up_mends_what_is_stopped_frozen_or_unplugged(small: Lab) -> None:
    routes = sh(small, OFFICE_PC, "ip route")
    engine.run("kill", small.container(LAPTOP))
    small.disconnect(OFFICE_PC, "office-valsorbe")
    assert "default" not in sh(small, OFFICE_PC, "ip route")
    small.pause(OFFICE_PC)
    small.up(BOTH)
    assert {stand.state for stand in small.stands() if stand.name in BOTH} == {"running"}
    assert sorted(sh(small, OFFICE_PC, "ip route").splitlines()) == sorted(routes.splitlines())


@pytest.mark.parametrize("host", BOTH)
def test_the_machine_is_a_running_debian(small: Lab, host: str) -> None:
    state = small.exec(host, ["systemctl", "is-system-running", "--wait"]).stdout.decode().strip()
    assert state == "running", sh(small, host, "systemctl --failed --no-pager")
    assert sh(small, host, "hostname") == host


def test_the_technician_logs_in_with_pinned_keys_only(small: Lab) -> None:
    folder = small.workspace.root / ".nomade" / "lab"
    options = [f"UserKnownHostsFile={folder}/known_hosts", "StrictHostKeyChecking=yes", f"HostKeyAlias={LAPTOP}"]
    command = ["ssh", "-i", str(folder / "bootstrap_ed25519"), *(f"-o{option}" for option in options)]
    address = small.plan().machine(LAPTOP).bench
    done = subprocess.run([*command, f"root@{address}", "hostname"], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == LAPTOP, done.stderr


def test_each_machine_has_its_own_identity(small: Lab) -> None:
    for file in ("/etc/machine-id", "/etc/ssh/ssh_host_ed25519_key.pub"):
        assert len({sh(small, host, f"cat {file}") for host in BOTH}) == 2


@pytest.mark.parametrize("host", BOTH)
def test_packages_come_from_the_depot_alone(small: Lab, host: str) -> None:
    assert "Err" not in sh(small, host, "apt-get update 2>&1")
    sh(small, host, "rm /var/cache/apt/archives/nftables_*; apt-get install --yes --download-only nftables")
    assert small.exec(host, ["apt-get", "install", "--yes", "--download-only", "cowsay"]).returncode != 0


@pytest.mark.parametrize("host", BOTH)
def test_only_its_own_network_settings_can_be_changed(small: Lab, host: str) -> None:
    sh(small, host, "echo 1 > /proc/sys/net/ipv4/conf/all/log_martians")
    assert small.exec(host, ["sh", "-c", "echo x > /proc/sys/kernel/domainname"]).returncode != 0


def test_no_way_out(small: Lab) -> None:
    route = sh(small, LAPTOP, "ip route show default")
    assert small.plan().machine(LAPTOP).router in route
    assert small.exec(LAPTOP, ["ping", "-c", "1", "-W", "1", "192.0.2.1"]).returncode != 0


def test_another_lab_on_the_same_addresses_is_refused(small: Lab, tmp_path: Path) -> None:
    copy = readdress(small.workspace.root, tmp_path / "copy", 1)
    for file in ("lab.yml", "nomade.yml", "inventories/valsorbe/fleet.yml", "inventories/pontlierre/fleet.yml"):
        (copy.root / file).write_bytes((small.workspace.root / file).read_bytes())
    with pytest.raises(Exception, match=small.name):
        Lab(copy).up((LAPTOP,))
    Lab(copy).down()


def test_down_leaves_nothing(small: Lab) -> None:
    assert small.name in all_labs()
    assert small.down() == 3  # the two machines and the depot
    assert small.name not in all_labs()
    assert not engine.labelled("network", f"{networks.LAB}={small.name}", "{{.Name}}")
    rules = subprocess.run(["iptables", "-S", "DOCKER-USER"], capture_output=True, text=True, check=True).stdout
    assert networks.bridge_of(small.name, "bench") not in rules
    assert small.down() == 0
