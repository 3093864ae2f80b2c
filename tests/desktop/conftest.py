"""Two laptops with GNOME, one of each release: audited bare and spoilt, hardened by each role that needs no gateway."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Nomade
from toolkit import paths
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress
from toolkit.workspace import Workspace

LAPTOPS = ("valsorbe-portable-1", "pontlierre-portable-1")  # Debian 13 and 12
LOGINS = {"valsorbe-portable-1": "cmartin", "pontlierre-portable-1": "ylegoff"}
HARDENING = "base,accounts,ssh,updates,kernel,audit_log,desktop"
PASSWORD = "Correct-Cheval-1790"
# What GNOME and GDM have in order when they are new, put out of order for the first audit; and the account that the
# installer asked for.
_SPOIL = r"""set -e
cp --archive /etc/gdm3/daemon.conf /run/daemon.conf
printf '[xdmcp]\nEnable=true\n' > /etc/gdm3/daemon.conf
mkdir -p /usr/share/xsessions
printf '[Desktop Entry]\nName=Autre\nExec=true\nType=Application\n' > /usr/share/xsessions/autre.desktop
useradd --no-create-home --uid 1999 premier
"""
_MEND = (
    "cp --archive /run/daemon.conf /etc/gdm3/daemon.conf && rm /usr/share/xsessions/autre.desktop && userdel premier"
)


@dataclass(slots=True)
class Hardened:
    """The laptops, what `apply` and `audit` said of them, and (endpoint, control) → verdict of both audits."""

    lab: Lab
    nomade: Nomade
    stages: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    verdicts: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)

    def root(self, host: str, script: str) -> subprocess.CompletedProcess[bytes]:
        """Run a script as root on a laptop."""
        return self.lab.exec(host, ["sh", "-eu"], stdin=script.encode())

    def user(self, host: str, script: str, session: bool = False) -> subprocess.CompletedProcess[bytes]:
        """Run a script as the laptop's teleworker, with a message bus of a session if asked for."""
        login = LOGINS[host]
        start = ["runuser", f"--user={login}", "--", "env", f"HOME=/home/{login}", "LC_ALL=C.UTF-8"]
        return self.lab.exec(host, [*start, *(["dbus-run-session", "--"] if session else []), "sh", "-euc", script])

    def stage(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the real command on the laptops and keep what it said."""
        limit = ["--limit", ",".join(LAPTOPS)]
        done = self.nomade(self.lab.workspace, *arguments[:1], "--all-communes", *limit, *arguments[1:])
        self.stages[name] = done
        return done

    def audit(self, name: str) -> None:
        """Audit the laptops and keep the verdicts."""
        reports: list[dict[str, Any]] = json.loads(self.stage(f"audit-{name}", "audit", "--format", "json").stdout)[
            "reports"
        ]
        self.verdicts[name] = {
            (endpoint["endpoint"], finding["control"]): finding["verdict"]
            for report in reports
            for endpoint in report["endpoints"]
            for finding in endpoint["findings"]
        }


@pytest.fixture(scope="session")
def desktops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The demo's laptops with GNOME on addresses of their own; ended with the session unless KEEP=1."""
    workspace = readdress(paths.demo_dir(), tmp_path_factory.mktemp("desktop") / "workspace", free_block())
    with (workspace.root / "lab.yml").open("a", encoding="utf-8") as lab_file:
        lab_file.write(f"desktops: [{', '.join(LAPTOPS)}]\n")
    lab = Lab(workspace)
    try:
        lab.up(LAPTOPS)
        yield lab
    finally:
        if os.environ.get("KEEP") != "1":
            lab.down()


@pytest.fixture(scope="session")
def hardened(request: pytest.FixtureRequest, nomade: Nomade) -> Hardened:
    """The laptops after everything; or those that KEEP=1 left in the workspace NOMADE_DESKTOPS, as they are."""
    if folder := os.environ.get("NOMADE_DESKTOPS"):
        return Hardened(Lab(Workspace(Path(folder))), nomade)
    found = Hardened(request.getfixturevalue("desktops"), nomade)
    keys = found.lab.workspace.state / "lab"
    assert nomade(found.lab.workspace, "inventory", "generate").returncode == 0
    found.stage("enroll", "enroll", "--known-hosts", f"{keys}/known_hosts", "--key", f"{keys}/bootstrap_ed25519")
    for host in LAPTOPS:
        assert found.root(host, _SPOIL).returncode == 0
    found.audit("before")
    for host in LAPTOPS:
        assert found.root(host, _MEND).returncode == 0
    found.stage("plan", "plan", "--tags", "desktop")
    found.stage("apply", "apply", "--tags", HARDENING)
    found.audit("after")
    found.stage("again", "apply", "--tags", "desktop")
    for host, login in LOGINS.items():  # as the technician does when the laptop is handed over
        assert found.root(host, f"echo '{login}:{PASSWORD}' | chpasswd").returncode == 0
    return found
