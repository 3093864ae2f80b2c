"""The generated inventory against real sshd on loopback: plain Ansible arrives, and only with both keys as pinned."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import sshd
from tests.fleet import sample
from toolkit import inventory
from toolkit.workspace import Workspace

pytestmark = pytest.mark.skipif(sshd.available() is not None, reason=str(sshd.available()))

# The whole of 127.0.0.0/8 is this machine, so a tunnel address of it can be answered without a tunnel.
TUNNEL = "127.0.77.0/29"
LAPTOP = "127.0.77.2"


@dataclass(frozen=True)
class Away:
    """A laptop away behind its gateway, in a workspace whose path has a space in it."""

    workspace: Workspace
    gateway: sshd.Server
    laptop: sshd.Server

    def pin(self, gateway: sshd.Server, laptop: sshd.Server) -> None:
        """Pin these servers' keys under the names of gateway and laptop."""
        self.workspace.commune("essai").known_hosts.write_text(
            f"essai-passerelle {gateway.host_key}\nessai-portable-1 {laptop.host_key}\n"
        )

    def run(self, host: str) -> subprocess.CompletedProcess[str]:
        """Run one raw command on `host` with plain Ansible."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.workspace.root), "LANG": "C.UTF-8"}
        environment["ANSIBLE_SSH_ARGS"] = "-o ControlPath=none"  # each run meets the keys anew
        folder = self.workspace.commune("essai").root
        account = getpass.getuser()
        text = (folder / "hosts.yml").read_text(encoding="utf-8").replace("nomade@", f"{account}@")
        (folder / "test.yml").write_text(text, encoding="utf-8")
        command = [str(Path(sys.executable).parent / "ansible"), "-i", str(folder / "test.yml"), host]
        command += ["-e", f"ansible_user={account}", "-m", "ansible.builtin.raw", "-a", "echo ar''rived", "-T", "5"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Away]:
    folder = tmp_path_factory.mktemp("away")
    port, root = sshd.free_port(), folder / "espace de travail"
    with (
        sshd.running(folder / "gateway") as gateway,
        sshd.running(folder / "laptop", f"ListenAddress {LAPTOP}:{port}", port) as laptop,
    ):
        text = sample.FLEET.replace("192.0.2.21}", f"127.0.0.1, port: {gateway.port}}}")
        text = text.replace("192.0.2.31}", f"127.0.0.1, port: {port}}}").replace("10.77.9.0/29", TUNNEL)
        workspace = sample.workspace(root, essai=text)
        workspace.management_key.parent.mkdir()
        shutil.copy(gateway.folder / "client_ed25519", workspace.management_key)
        shutil.copy(gateway.folder / "client_ed25519.pub", laptop.folder / "authorized_keys")
        workspace.commune("essai").enrolment.write_text(
            'essai-portable-1: {enrolled: "2026-03-01T10:00:00+00:00", host_key: SHA256:AAAA, path: gateway}\n'
        )
        inventory.generate(workspace, "essai")
        yield Away(workspace, gateway, laptop)


def test_plain_ansible_reaches_a_gateway_and_a_laptop_behind_it(away: Away) -> None:
    away.pin(away.gateway, away.laptop)
    for host in ("essai-passerelle", "essai-portable-1"):
        done = away.run(host)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "arrived" in done.stdout


def test_a_gateway_with_another_key_lets_nothing_through(away: Away) -> None:
    away.pin(away.laptop, away.laptop)
    assert away.run("essai-portable-1").returncode != 0


def test_a_laptop_with_another_key_is_not_spoken_to(away: Away) -> None:
    away.pin(away.gateway, away.gateway)
    done = away.run("essai-portable-1")
    assert done.returncode != 0
    assert "arrived" not in done.stdout
