"""Enrolment of freshly installed machines of both Debian releases, in the lab."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit import cli, inventory, reach
from toolkit.enroll import (
    Bootstrap,
    Outcome,
    State,
    Trust,
    by_known_hosts,
    enroll,
    handover,
    management_public_key,
)
from toolkit.enroll.account import creation_script
from toolkit.errors import ExitCode
from toolkit.fleet import Fleet, load
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress
from toolkit.paths import demo_dir
from toolkit.transport.base import Route
from toolkit.transport.known_hosts import HostKey
from toolkit.transport.ssh import SshTransport
from toolkit.workspace import Workspace

pytestmark = pytest.mark.lab
COMMUNE = "pontlierre"
GATEWAY, LAPTOP, OFFICE_PC = "pontlierre-passerelle", "pontlierre-portable-1", "pontlierre-bureau-1"  # trixie, bookworm
PASSWORD = 'c\'est $(touch /tmp/no) "CANARI"'

_FORGET = """
rm -rf /etc/sudoers.d/nomade /root/.ssh/known_hosts
userdel --force --remove nomade 2>/dev/null || true
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of its own: these tests take enrolment back again and again, which others build on."""
    started = Lab(readdress(demo_dir(), tmp_path_factory.mktemp("enroll") / "w", free_block()))
    try:
        started.up([GATEWAY, LAPTOP, OFFICE_PC])
        inventory.generate(started.workspace, COMMUNE)
        yield started
    finally:
        started.down()


@pytest.fixture
def workspace(lab: Lab) -> Workspace:
    """Return the workspace before any enrolment; the machines have no management account."""
    folder = lab.workspace.commune(COMMUNE)
    for file in (folder.known_hosts, folder.enrolment):
        file.unlink(missing_ok=True)
    for host in (GATEWAY, LAPTOP, OFFICE_PC):
        sh(lab, host, _FORGET)
    return lab.workspace


def sh(lab: Lab, host: str, script: str) -> str:
    done = lab.exec(host, ["sh", "-euc", script])
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def lot(workspace: Workspace) -> Path:
    return workspace.state / "lab" / "known_hosts"


def bootstrap(workspace: Workspace) -> Bootstrap:
    return Bootstrap(identity=workspace.state / "lab" / "bootstrap_ed25519")


def fleet(workspace: Workspace) -> Fleet:
    return load(workspace, COMMUNE)


def enrol(workspace: Workspace, *hosts: str, way: Bootstrap | None = None, trust: Trust | None = None) -> list[Outcome]:
    return enroll(
        workspace,
        fleet(workspace),
        [fleet(workspace).endpoint(host) for host in hosts],
        bootstrap=way or bootstrap(workspace),
        trust=trust or by_known_hosts(lot(workspace)),
    )


def state_of(lab: Lab, host: str) -> str:
    """Return name, mode, owner and time of change of every file that enrolment could have touched."""
    return sh(lab, host, "find /etc /home -printf '%p %m %U %C@\\n' | sort")


def test_both_releases_are_enrolled_and_a_second_run_changes_nothing(
    lab: Lab, workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["enroll", "-w", str(workspace.root), "-c", COMMUNE, "--known-hosts", str(lot(workspace))]
    arguments += ["--key", str(bootstrap(workspace).identity)]
    assert cli.run(arguments) == ExitCode.OK
    folder = workspace.commune(COMMUNE)
    for name, record in reach.enrolment(workspace, COMMUNE).items():
        found = subprocess.run(["ssh-keygen", "-lF", name, "-f", folder.known_hosts], capture_output=True, check=True)
        assert record.host_key in found.stdout.decode()
        assert record.path == "bench"
        assert sh(lab, name, "passwd --status nomade").split()[1] == "L"
        assert sh(lab, name, "stat -c '%a %U' /etc/sudoers.d/nomade; visudo --check --quiet").strip() == "440 root"
    assert len(reach.enrolment(workspace, COMMUNE)) == 3
    before = [state_of(lab, host) for host in (LAPTOP, OFFICE_PC)]
    files = {path: path.read_bytes() for path in (folder.known_hosts, folder.enrolment)}
    capfd.readouterr()
    assert cli.run(arguments) == ExitCode.OK
    assert capfd.readouterr().out.count("SHA256:") == 3
    assert [state_of(lab, host) for host in (LAPTOP, OFFICE_PC)] == before
    assert {path: path.read_bytes() for path in files} == files


def test_plain_openssh_gets_in_with_what_was_pinned(workspace: Workspace) -> None:
    assert [outcome.state for outcome in enrol(workspace, LAPTOP)] == [State.ENROLLED]
    way = reach.route(workspace, fleet(workspace), LAPTOP)
    options = ["BatchMode=yes", "IdentitiesOnly=yes", f"HostKeyAlias={LAPTOP}", f"UserKnownHostsFile={way.known_hosts}"]
    command = ["ssh", "-F", "none", "-i", str(way.identity), *[part for text in options for part in ("-o", text)]]
    done = subprocess.run(
        [*command, f"nomade@{way.address}", "sudo -n id -u"], capture_output=True, check=False, timeout=30
    )
    assert (done.stdout, done.returncode) == (b"0\n", 0), done.stderr


def test_account_script_is_idempotent_and_mends_what_was_changed(lab: Lab, workspace: Workspace) -> None:
    enrol(workspace, OFFICE_PC)
    way = reach.route(workspace, fleet(workspace), OFFICE_PC)
    script = creation_script("nomade", management_public_key(workspace))
    before = state_of(lab, OFFICE_PC)
    assert SshTransport().run(way, script, timeout=30, limit=1000).exit_code == 0
    assert state_of(lab, OFFICE_PC) == before
    sh(lab, OFFICE_PC, "echo nomade:secret | chpasswd; echo 'ssh-ed25519 AAAA x' >> /home/nomade/.ssh/authorized_keys")
    assert SshTransport().run(way, script, timeout=30, limit=1000).exit_code == 0
    assert sh(lab, OFFICE_PC, "passwd --status nomade").split()[1] == "L"
    assert sh(lab, OFFICE_PC, "cat /home/nomade/.ssh/authorized_keys") == f"{management_public_key(workspace)}\n"


def test_interrupted_enrolment_goes_on_with_the_key_that_was_pinned(lab: Lab, workspace: Workspace) -> None:
    def nobody(_route: Route, _key: HostKey) -> None:
        raise AssertionError("a pinned key needs no second confirmation")

    enrol(workspace, LAPTOP)
    sh(lab, LAPTOP, _FORGET)
    workspace.commune(COMMUNE).enrolment.unlink()
    assert [outcome.state for outcome in enrol(workspace, LAPTOP, trust=nobody)] == [State.ENROLLED]
    assert list(reach.enrolment(workspace, COMMUNE)) == [LAPTOP]


def test_machine_without_sudo_is_told_what_to_install(lab: Lab, workspace: Workspace) -> None:
    sh(lab, OFFICE_PC, "mv /usr/bin/sudo /usr/bin/sudo.away")
    try:
        outcomes = enrol(workspace, OFFICE_PC, LAPTOP)
    finally:
        sh(lab, OFFICE_PC, "mv /usr/bin/sudo.away /usr/bin/sudo")
    assert [outcome.state for outcome in outcomes] == [State.FAILED, State.ENROLLED]
    assert "apt-get install sudo" in outcomes[0].detail
    assert outcomes[0].code == ExitCode.UNREACHABLE
    assert sh(lab, OFFICE_PC, "getent passwd nomade || echo none").strip() == "none"


@pytest.mark.parametrize("host", [LAPTOP, OFFICE_PC])
def test_f019_password_of_the_first_login_is_left_nowhere(lab: Lab, workspace: Workspace, host: str) -> None:
    """A technician's own account, whose sudo asks for the password: bookworm, then trixie."""
    sh(lab, host, "id tech 2>/dev/null || useradd --create-home --shell /bin/bash --groups sudo tech")
    done = lab.exec(host, ["chpasswd"], stdin=f"tech:{PASSWORD}\n".encode())
    assert done.returncode == 0
    wrong = enrol(workspace, host, way=Bootstrap("tech", password="wrong"))
    assert [outcome.code for outcome in wrong] == [ExitCode.UNREACHABLE]
    right = enrol(workspace, host, way=Bootstrap("tech", password=PASSWORD))
    assert [outcome.state for outcome in right] == [State.ENROLLED], right
    search = "journalctl --no-pager | grep CANARI; grep -rl --exclude='shadow*' CANARI /var/log /tmp /home /root /etc"
    assert sh(lab, host, f"{{ {search}; }} || true") == ""
    assert not [path for path in workspace.root.rglob("*") if path.is_file() and b"CANARI" in path.read_bytes()]
    # A sudo that asks for nothing must not pass the password on to the shell.
    sh(lab, host, _FORGET + "echo 'tech ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/tech")
    again = enrol(workspace, host, way=Bootstrap("tech", password=PASSWORD))
    sh(lab, host, "rm -f /etc/sudoers.d/tech; [ ! -e /tmp/no ]")
    assert [outcome.state for outcome in again] == [State.ENROLLED], again


def test_handover_is_recorded_only_once_the_gateway_leads_there(lab: Lab, workspace: Workspace) -> None:
    assert not handover(workspace, COMMUNE, OFFICE_PC)  # not enrolled
    enrol(workspace, GATEWAY, LAPTOP, OFFICE_PC)
    assert not handover(workspace, COMMUNE, GATEWAY)  # is reached directly, always
    assert not handover(workspace, COMMUNE, LAPTOP)  # has no tunnel yet
    bench = reach.route(workspace, fleet(workspace), OFFICE_PC).address
    sh(lab, OFFICE_PC, f"ip address delete {bench}/24 dev $(ip -o address | grep -F ' {bench}/' | cut -d ' ' -f 2)")
    try:
        assert handover(workspace, COMMUNE, OFFICE_PC)
        record = reach.enrolment(workspace, COMMUNE)[OFFICE_PC]
        assert record.path == "gateway"
        way = reach.route(workspace, fleet(workspace), OFFICE_PC)
        assert SshTransport().run(way, "hostname", timeout=20, limit=100).stdout.decode().strip() == OFFICE_PC
        assert [outcome.state for outcome in enrol(workspace, OFFICE_PC)] == [State.ALREADY]
    finally:
        lab.restart(OFFICE_PC, kill=True)
    assert [entry.path for entry in reach.enrolment(workspace, COMMUNE).values()].count("gateway") == 1
    lab.pause(GATEWAY)  # brought back to the bench: enrolment finds it there, with the same key
    try:
        assert [outcome.state for outcome in enrol(workspace, OFFICE_PC)] == [State.ALREADY]
    finally:
        lab.unpause(GATEWAY)
    assert reach.enrolment(workspace, COMMUNE)[OFFICE_PC].path == "bench"
