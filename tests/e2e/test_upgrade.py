"""A laptop set up on Debian 12 and upgraded to Debian 13 converges, and is judged like one that was installed with it.

The upgrade is Debian's own, on the running machine, from the package source of this one; it takes minutes, so it has a
target of its own: `make test-upgrade`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Nomade
from toolkit import paths
from toolkit.lab import engine
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress

pytestmark = [pytest.mark.lab, pytest.mark.upgrade]

COMMUNE, GATEWAY, HOST = "pontlierre", "pontlierre-passerelle", "pontlierre-portable-1"
# What a technician types: the next release in the sources, every file of ours kept. Packages come over this machine's
# network, since the lab has none; its name servers are lent for as long.
_UPGRADE = """set -eu
cp /etc/resolv.conf /run/resolv.before
trap 'cat /run/resolv.before >/etc/resolv.conf' EXIT
printf '%s' "$1" >/etc/resolv.conf
sed -i 's/bookworm/trixie/g' /etc/apt/sources.list.d/*.sources
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
echo 'man-db man-db/auto-update boolean false' | debconf-set-selections  # as in the lab's images: it takes minutes
set -- -qq --yes -o "Acquire::http::Proxy=${http_proxy:-DIRECT}" -o Dpkg::Use-Pty=0 \\
  -o Dpkg::Options::=--force-confold -o Dpkg::Options::=--force-confdef
apt-get "$@" update
apt-get "$@" dist-upgrade
apt-get clean
"""

Verdicts = dict[str, str]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A laptop on Debian 12 and its gateway, started: once closed, the laptop has its packages through the tunnel."""
    lab = Lab(readdress(paths.demo_dir(), tmp_path_factory.mktemp("upgrade") / "w", free_block()))
    public = lab.workspace.commune(COMMUNE).public
    public.mkdir(parents=True, exist_ok=True)
    try:
        lab.up([GATEWAY, HOST])
        yield lab
    finally:
        if os.environ.get("KEEP") != "1":
            lab.down()


def set_up(lab: Lab, nomade: Nomade) -> None:
    keys, both = lab.workspace.state / "lab", f"{GATEWAY},{HOST}"
    for words in (
        ("inventory", "generate"),
        (
            "enroll",
            "-c",
            COMMUNE,
            "-l",
            both,
            "--known-hosts",
            f"{keys}/known_hosts",
            "--key",
            f"{keys}/bootstrap_ed25519",
        ),
        ("apply", "-c", COMMUNE, "-l", both),
    ):
        done = nomade(lab.workspace, *words)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def verdicts(lab: Lab, nomade: Nomade) -> Verdicts:
    done = nomade(lab.workspace, "audit", "-c", COMMUNE, "-l", HOST, "--format", "json")
    (report,) = json.loads(done.stdout)["reports"]
    (endpoint,) = [item for item in report["endpoints"] if item["endpoint"] == HOST]
    return {finding["control"]: finding["verdict"] for finding in endpoint["findings"]}


def upgrade(lab: Lab) -> None:
    """Upgrade the running machine: in its own files and processes, over this machine's network."""
    inside = ["nsenter", f"--target={lab.pid(HOST)}", "--mount", "--pid", "--uts", "--ipc"]
    servers = Path("/etc/resolv.conf").read_text(encoding="utf-8")
    done = subprocess.run(
        [*inside, "sh", "-c", _UPGRADE, "sh", servers], capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    lab.restart(HOST)


def declare_upgraded(lab: Lab) -> None:
    fleet = lab.workspace.commune(COMMUNE).fleet
    lines = fleet.read_text(encoding="utf-8").splitlines(keepends=True)
    start = next(index for index, line in enumerate(lines) if f"name: {HOST}" in line)
    place = next(index for index, line in enumerate(lines[start:], start) if "debian-12" in line)
    lines[place] = lines[place].replace("debian-12", "debian-13")
    fleet.write_text("".join(lines), encoding="utf-8")


def run(lab: Lab, script: str) -> str:
    done = lab.exec(HOST, ["sh", "-c", script], timeout=120)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()


def test_f081_an_upgraded_laptop_converges_and_passes_as_a_new_one(old: Lab, nomade: Nomade) -> None:
    set_up(old, nomade)
    before = verdicts(old, nomade)
    assert run(old, "cat /etc/debian_version").startswith("12")
    upgrade(old)
    assert run(old, "cat /etc/debian_version").startswith("13")
    # What the old release was given must not break the new one before anybody runs the toolkit again.
    run(old, "sshd -t && nft --check --file /etc/nftables.conf && visudo --check --quiet")
    run(old, "systemctl is-active ssh.service nftables.service")
    declare_upgraded(old)
    planned = nomade(old.workspace, "plan", "-c", COMMUNE, "-l", HOST)
    assert planned.returncode == 0, planned.stderr
    applied = nomade(old.workspace, "apply", "-c", COMMUNE, "-l", HOST)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    again = nomade(old.workspace, "apply", "-c", COMMUNE, "-l", HOST)
    assert f"{COMMUNE}: 1 of 1 endpoints done, 0 changed" in again.stderr, again.stderr
    run(old, "sshd -t && nft --check --file /etc/nftables.conf && visudo --check --quiet")
    after = verdicts(old, nomade)
    worse = {
        name: after.get(name) for name, verdict in before.items() if verdict == "pass" and after.get(name) != "pass"
    }
    assert worse == {}
    assert after == fresh(old, nomade)


def fresh(lab: Lab, nomade: Nomade) -> Verdicts:
    """Return the verdicts of a laptop of the same name that was installed with Debian 13."""
    engine.run("rm", "--force", "--volumes", lab.container(GATEWAY), lab.container(HOST))
    folder = lab.workspace.commune(COMMUNE)
    for path in (folder.enrolment, folder.known_hosts, *folder.public.glob(f"{COMMUNE}-*.*")):
        path.unlink(missing_ok=True)
    for path in folder.escrow.glob("*"):
        path.unlink()
    lab.up([GATEWAY, HOST])
    assert run(lab, "cat /etc/debian_version").startswith("13")
    set_up(lab, nomade)
    return verdicts(lab, nomade)
