"""The launcher of a laptop whose office PC runs Windows, against a real server with network-level authentication."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.sshd import free_port
from toolkit.paths import roles_dir

NEEDED = ("xfreerdp", "freerdp-shadow-cli", "winpr-hash", "Xvfb", "openssl")
pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)}"),
]

LOGIN, PASSWORD = "anna", "Quatorze-lierres-brumeux-8"
GOES_ON = 124  # timeout(1): the session would have gone on
PLAYBOOK = f"""
- hosts: all
  connection: local
  gather_facts: false
  vars_files: ["{roles_dir()}/remote_desktop_client/defaults/main.yml"]
  tasks:
    - ansible.builtin.template:
        src: {roles_dir()}/remote_desktop_client/templates/bureau-distance.j2
        dest: "{{{{ playbook_dir }}}}/launcher"
        mode: "0755"
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A laptop's launcher in a folder, for a server on this machine, and a screen."""

    folder: Path
    port: int
    environment: dict[str, str] = field(repr=False)

    @contextmanager
    def server(self, security: str) -> Iterator[None]:
        """Run the server that stands for the office PC; the laptop pins its certificate."""
        home = self.folder / security
        home.mkdir()
        hashed = subprocess.run(
            ["winpr-hash", "-u", LOGIN, "-p", PASSWORD, "-f", "sam"], capture_output=True, text=True, check=True
        )
        (home / "sam").write_text(hashed.stdout + "\n", encoding="utf-8")
        command = ["freerdp-shadow-cli", f"/port:{self.port}", "/bind-address:127.0.0.1"]
        command += [f"/sec:{security}", f"/sam-file:{home}/sam"]
        with (home / "log").open("w") as log:
            process = subprocess.Popen(command, env=self.environment | {"HOME": str(home)}, stdout=log, stderr=log)
        try:
            self._wait(home / "log")
            shutil.copy(home / ".config/freerdp/shadow/shadow.crt", self.folder / "office-pc.crt")
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)

    def _wait(self, log: Path) -> None:
        for _ in range(300):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.2)
        pytest.fail(f"the server does not listen: {log.read_text(encoding='utf-8', errors='replace')}")

    def open(self, password: str) -> subprocess.CompletedProcess[str]:
        """Run the launcher as the desktop does, for a few seconds at most."""
        return subprocess.run(
            ["timeout", "6", str(self.folder / "launcher")],
            input=password + "\n",
            env=self.environment | {"HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("laptop")
    port = free_port()
    _render(folder, port)
    (folder / "bin").mkdir()
    (folder / "bin" / "zenity").symlink_to("/bin/true")  # the message is read from standard error; no window waits
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert screen.stdout is not None
    path = f"{folder}/bin:{os.environ['PATH']}"
    yield Desk(folder, port, {"PATH": path, "DISPLAY": f":{screen.stdout.readline().strip()}", "LC_ALL": "C.UTF-8"})
    screen.terminate()
    screen.wait(timeout=20)


def _render(folder: Path, port: int, wake_port: int = 0) -> None:
    wake = {"wake_port": wake_port} if wake_port else {}
    facts = {
        "nomade_office_pc": {"name": "bureau-2", "address": "127.0.0.1", "port": port, "nla": True} | wake,
        "nomade_gateway_tunnel_address": "127.0.0.1",
        "nomade_teleworker": {"login": LOGIN, "name": "Anna"},
        "ansible_python_interpreter": sys.executable,
    }
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": {"laptop": facts}}}), encoding="utf-8")
    (folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.yml"],
        cwd=folder,
        env=os.environ | {"ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    launcher = folder / "launcher"
    text = launcher.read_text(encoding="utf-8")
    launcher.write_text(text.replace("/usr/local/share/nomade", str(folder)), encoding="utf-8")


def test_the_right_password_opens_a_session_and_only_the_pinned_server_gets_it(desk: Desk) -> None:
    with desk.server("nla"):
        opened = desk.open(PASSWORD)
        assert opened.returncode == GOES_ON, opened.stdout + opened.stderr
        wrong = desk.open("Treize-lierres-brumeux-8")
        assert wrong.returncode == 1, wrong.stderr
        other = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other"]
        other += ["-keyout", "/dev/null", "-out", str(desk.folder / "office-pc.crt")]
        subprocess.run(other, capture_output=True, check=True)
        refused = desk.open(PASSWORD)
        assert refused.returncode == 1
        assert "n'est pas votre poste de bureau" in refused.stderr


def test_a_server_without_network_level_authentication_gets_no_password(desk: Desk) -> None:
    with desk.server("tls"):
        done = desk.open(PASSWORD)
        assert done.returncode == 1, "the launcher insists"
        assert "HYBRID_REQUIRED" in done.stderr or "NEGO" in done.stderr.upper(), done.stderr


@pytest.mark.parametrize(
    ("answer", "shown"), [("closed", "vos jours et heures de télétravail"), ("held", "en quarantaine")]
)
def test_who_may_not_wake_the_office_pc_is_told_why_and_asked_for_no_password(
    desk: Desk, tmp_path: Path, answer: str, shown: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gateway:
        _render(tmp_path, desk.port, gateway.getsockname()[1])
        certificate = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bureau"]
        certificate += ["-keyout", "/dev/null", "-out", str(tmp_path / "office-pc.crt")]
        subprocess.run(certificate, capture_output=True, check=True)

        def say() -> None:
            connection, _ = gateway.accept()
            connection.sendall(answer.encode() + b"\n")
            connection.close()

        threading.Thread(target=say, daemon=True).start()
        done = replace(desk, folder=tmp_path).open(PASSWORD)
    assert done.returncode == 1
    assert shown in done.stderr
