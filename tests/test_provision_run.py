"""Whole runs through ansible-runner against a real sshd: who was done, who was not, and what is kept."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sshd
from tests.fleet import sample
from toolkit import cli, drift, paths, reach
from toolkit.enroll import records
from toolkit.errors import ExitCode, NomadeError
from toolkit.i18n import set_language
from toolkit.provision import Options, State, command_line, lock, provision
from toolkit.transport.known_hosts import HostKey, entries, pin
from toolkit.workspace import Workspace

pytestmark = pytest.mark.skipif(bool(sshd.available()), reason=str(sshd.available()))
COMMUNE = "essai"
LAPTOP, DEAD = "essai-portable-1", "essai-portable-2"
_PLAYBOOK = """
- name: Set up the laptops
  hosts: laptops
  gather_facts: false
  tasks:
    - name: Install the files
      config_files:
        files:
          - {content: "{{ nomade_tunnel_address }}\\n", dest: OUT/address}
          - {content: "CANARI-SECRET\\n", dest: OUT/key, mode: "0600", secret: true}
    - name: Read something secret
      ansible.builtin.command: {cmd: cat OUT/key}
      no_log: true
      changed_when: false
      check_mode: false
      failed_when: false
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    port = sshd.free_port()
    more = f"ListenAddress 127.0.0.2:{port}"
    with sshd.running(tmp_path_factory.mktemp("run") / "s", more, port, account="nomade") as running:
        yield running


@pytest.fixture
def playbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "site.yml").write_text(_PLAYBOOK.replace("OUT", str(tmp_path / "out")))
    monkeypatch.setattr(paths, "playbooks_dir", lambda: folder)
    return folder / "site.yml"


@pytest.fixture
def workspace(tmp_path: Path, server: sshd.Server, playbook: Path) -> Iterator[Workspace]:
    """Return a commune with one laptop that is the server and one that nothing answers for; both enrolled."""
    set_language("en")
    fleet = sample.FLEET.replace("{address: 192.0.2.31}", f"{{address: 127.0.0.1, port: {server.port}}}")
    for address in ("192.0.2.32", "192.0.2.21"):
        fleet = fleet.replace(f"{{address: {address}}}", f"{{address: 127.0.0.1, port: {sshd.free_port()}}}")
    made = sample.workspace(tmp_path / "w", essai=fleet)
    made.management_key.parent.mkdir(mode=0o700)
    shutil.copy(server.folder / "client_ed25519", made.management_key)
    server.pin("poste")
    enrol(made, dict(entries(server.folder / "known_hosts"))["poste"])
    yield made
    set_language(None)


def enrol(workspace: Workspace, key: HostKey) -> None:
    for name in (LAPTOP, DEAD):
        pin(workspace.commune(COMMUNE).known_hosts, name, key)
        records.record(workspace, COMMUNE, name, key, "bench")


def test_absent_laptops_do_not_stop_the_others_and_secrets_stay_out(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = cli.run(["plan", "-w", str(workspace.root), "-D"])
    printed = capsys.readouterr()
    assert plan == ExitCode.UNREACHABLE
    assert not (tmp_path / "out").exists()
    assert f"{tmp_path}/out/address (+1 −0)" in printed.out
    assert not drift.applied(workspace, COMMUNE), "a plan applies nothing"

    run = provision(workspace, COMMUNE, Options(diff=True, verbosity=3))
    states = {endpoint.name: endpoint.state for endpoint in run.endpoints}
    assert states[LAPTOP] is State.CHANGED
    assert states[DEAD] is State.UNREACHABLE
    assert states["essai-passerelle"] is State.NOT_ENROLLED
    assert run.code is ExitCode.UNREACHABLE
    assert (tmp_path / "out" / "address").read_text() == "10.77.9.2\n"

    assert list(drift.applied(workspace, COMMUNE)) == [LAPTOP]
    assert run.log is not None
    log = run.log.read_text()
    assert "Install the files" in log
    assert "CANARI" not in log + printed.out + printed.err
    assert run.log.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in run.log.parent.iterdir()] == ["ansible.log"]

    again = provision(workspace, COMMUNE, Options(limit=LAPTOP))
    assert [(one.state, one.changed) for one in again.endpoints] == [(State.OK, 0)]
    assert again.code is ExitCode.OK
    assert "not reached through its gateway yet" in again.endpoints[0].note
    assert reach.enrolment(workspace, COMMUNE)[LAPTOP].path == "bench"


def test_a_changed_host_key_stops_that_endpoint(workspace: Workspace, tmp_path: Path) -> None:
    public = sshd.make_key(tmp_path / "other").with_suffix(".pub").read_text().split()
    workspace.commune(COMMUNE).known_hosts.write_text(f"{LAPTOP} {public[0]} {public[1]}\n")
    run = provision(workspace, COMMUNE, Options(limit=LAPTOP))
    assert run.endpoints[0].state is State.UNREACHABLE
    assert run.endpoints[0].error.startswith("HOST KEY CHANGED")
    assert not (tmp_path / "out").exists()


def test_a_failed_task_is_two_and_says_which(workspace: Workspace, playbook: Path) -> None:
    head = "- hosts: laptops\n  gather_facts: false\n  tasks:\n"
    playbook.write_text(f"{head}    - name: Break\n      ansible.builtin.fail: {{msg: on purpose}}\n")
    run = provision(workspace, COMMUNE, Options(limit=LAPTOP, check=True))
    assert run.code is ExitCode.NOT_COMPLIANT
    assert run.endpoints[0].error == "Break : on purpose"


def test_a_kind_of_endpoint_that_fails_as_a_whole_does_not_leave_the_others_half_done(
    workspace: Workspace, server: sshd.Server, playbook: Path
) -> None:
    fleet = workspace.commune(COMMUNE).fleet
    text = fleet.read_text()
    gateway = text[text.index("{address:") : text.index("}", text.index("{address:")) + 1]
    fleet.write_text(text.replace(gateway, f"{{address: 127.0.0.2, port: {server.port}}}"))
    key = dict(entries(server.folder / "known_hosts"))["poste"]
    pin(workspace.commune(COMMUNE).known_hosts, "essai-passerelle", key)
    records.record(workspace, COMMUNE, "essai-passerelle", key, "bench")
    broken = "- hosts: gateways\n  gather_facts: false\n  tasks: [{ansible.builtin.fail: {msg: broken}}]\n"
    playbook.write_text(broken + playbook.read_text())
    run = provision(workspace, COMMUNE, Options(limit=f"essai-passerelle,{LAPTOP}", check=True))
    states = {endpoint.name: endpoint.state for endpoint in run.endpoints}
    assert states == {"essai-passerelle": State.FAILED, LAPTOP: State.CHANGED}
    assert run.code is ExitCode.NOT_COMPLIANT
    assert run.log is not None
    assert run.log.read_text().count("PLAY RECAP") == 2


def test_ansible_that_cannot_start_is_one_line_with_the_reason(workspace: Workspace, playbook: Path) -> None:
    playbook.write_text("- hosts: laptops\n  roles: [no_such_role]\n")
    with pytest.raises(NomadeError, match="no_such_role") as caught:
        provision(workspace, COMMUNE, Options(limit=LAPTOP))
    assert "\n" not in str(caught.value)


def test_the_callers_ansible_settings_take_no_part(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_CHECK_MODE_MARKERS", "1")
    monkeypatch.setenv("ANSIBLE_ACTION_PLUGINS", "/nonexistent")
    monkeypatch.setenv("ANSIBLE_LOG_PATH", str(tmp_path / "leak.log"))
    (tmp_path / "ansible.cfg").write_text(
        "[defaults]\nroles_path = /nonexistent\n[privilege_escalation]\nbecome_user = x\n"
    )
    monkeypatch.chdir(tmp_path)
    assert provision(workspace, COMMUNE, Options(limit=LAPTOP, check=True)).code is ExitCode.OK
    assert not (tmp_path / "leak.log").exists()


def test_an_interrupted_run_ends_and_frees_the_commune(workspace: Workspace, playbook: Path, tmp_path: Path) -> None:
    head = "- hosts: laptops\n  gather_facts: false\n  tasks:\n"
    playbook.write_text(f"{head}    - name: Wait\n      ansible.builtin.command: {{cmd: sleep 60}}\n")
    script = (
        "from pathlib import Path\nfrom toolkit import cli, paths\n"
        f"paths.playbooks_dir = lambda: Path({str(playbook.parent)!r})\n"
        f"raise SystemExit(cli.run(['apply', '-w', {str(workspace.root)!r}, '-l', {LAPTOP!r}]))"
    )
    english = os.environ | {"LC_ALL": "en_US.UTF-8"}
    started = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, env=english)
    runs = workspace.root / ".nomade" / "runs"
    for _tenth in range(300):
        if list(runs.glob("*/artifacts/run/stdout")):
            break
        time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    _out, printed = started.communicate(timeout=60)
    assert started.returncode == ExitCode.INTERRUPTED
    assert printed.strip().endswith("Interrupted.")
    with lock(workspace, COMMUNE):
        pass


def test_the_inventory_is_never_run_as_a_script(workspace: Workspace, tmp_path: Path) -> None:
    text = command_line(workspace, COMMUNE, Options(limit=LAPTOP))
    hosts = workspace.commune(COMMUNE).hosts
    hosts.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho '{{}}'\n")
    hosts.chmod(0o755)
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode != 0
    assert not (tmp_path / "ran").exists()
