"""One laptop from virgin to given away: what others change is put back, and in the end all is as it was before."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import Nomade
from tests.e2e import filesystem
from toolkit import paths
from toolkit.fleet import load
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress
from toolkit.workspace import Workspace

pytestmark = pytest.mark.lab

COMMUNE, GATEWAY, HOST = "pontlierre", "pontlierre-passerelle", "pontlierre-portable-1"
# Another machine's public halves: with them the laptop gets its tunnel and its backups without its gateway being there.
PEER_KEY = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n"
STORE_KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43}\n"
PERMITTED: dict[str, str] = yaml.safe_load(Path(__file__).with_name("restore.yml").read_text(encoding="utf-8"))
# What a probe sees of a change by hand: control → file.
_SEEN = {
    "firewall-rules-private": "/etc/nftables.conf",
    "ssh-settings-protected": "/etc/ssh/sshd_config.d/00-nomade.conf",
}
_UNITS = "systemctl list-units --state=active --plain --no-legend --type=service,socket,timer | cut -d ' ' -f 1"
_ENABLED = "cd /etc/systemd && find system user -type l -printf '%p %l\\n' | sort"
# Each second file gets another line, the other ones another mode.
_SPOIL = """
import json, os, pathlib
spoilt = []
for record in sorted(pathlib.Path("/var/lib/nomade/undo").glob("*/original.json")):
    facts = json.loads(record.read_text())
    path = pathlib.Path(facts["path"])
    if facts["kind"] != "file" or not path.is_file():
        continue
    if len(spoilt) % 2:
        path.chmod(path.stat().st_mode ^ 0o040)
    else:
        with path.open("a") as file:
            file.write("# ajout fait a la main\\n")
    spoilt.append(str(path))
print(json.dumps(spoilt))
"""


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running virgin laptop whose root has a password, as a machine that somebody administers by hand.

    Or the one that KEEP=1 left in the workspace NOMADE_LIFE.
    """
    if folder := os.environ.get("NOMADE_LIFE"):
        yield Lab(Workspace(Path(folder)))
        return
    started = Lab(readdress(paths.demo_dir(), tmp_path_factory.mktemp("life") / "w", free_block()))
    try:
        started.up([HOST])
        sh(started, "echo root:mot-de-passe-du-laboratoire | chpasswd; systemctl start --quiet apt-daily.timer")
        yield started
    finally:
        if os.environ.get("KEEP") != "1":
            started.down()


@pytest.fixture(scope="module")
def virgin(life: Lab, nomade: Nomade) -> tuple[list[str], str, str]:
    """What lay on its disk, ran and was enabled before it was enrolled; it is provisioned when this returns."""
    kept = life.workspace.root / "virgin.json"
    if kept.exists():
        files, units, enabled = json.loads(kept.read_text())
        return files, units, enabled
    before = state(life)
    kept.write_text(json.dumps(before))
    keys = life.workspace.state / "lab"
    for words in (
        ["inventory", "generate"],
        ["enroll", "-c", COMMUNE, "-l", HOST, "--known-hosts", str(keys / "known_hosts")],
        ["apply", "-c", COMMUNE, "-l", HOST],
    ):
        if words[0] == "enroll":
            words += ["--key", str(keys / "bootstrap_ed25519")]
        if words[0] == "apply":
            public = life.workspace.commune(COMMUNE).public
            public.mkdir(exist_ok=True)
            (public / f"{GATEWAY}.wg.pub").write_text(PEER_KEY)
            (public / f"{GATEWAY}.store.pub").write_text(STORE_KEY)
        done = nomade(life.workspace, *words)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return before


def sh(lab: Lab, script: str) -> str:
    done = lab.exec(HOST, ["sh", "-c", script], timeout=300)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()


def state(lab: Lab) -> tuple[list[str], str, str]:
    return filesystem.listing(lab, HOST), sh(lab, _UNITS), sh(lab, _ENABLED)


def test_every_file_changed_by_hand_is_shown_put_back_and_reported(
    life: Lab, virgin: tuple[list[str], str, str], nomade: Nomade
) -> None:
    spoilt = json.loads(life.exec(HOST, ["python3", "-c", _SPOIL]).stdout)
    assert len(spoilt) > 40
    sh(life, f"chmod 0666 {' '.join(_SEEN.values())}")
    assert failed(life, nomade) >= set(_SEEN)
    sums = f'for file in {" ".join(spoilt)}; do echo "$(sha256sum "$file") $(stat -c %a "$file")"; done'
    bad = sh(life, sums).splitlines()
    plan = nomade(life.workspace, "plan", "-c", COMMUNE, "-l", HOST, "--diff")
    assert plan.returncode == 0, plan.stderr
    listed = re.findall(r"^  \S+ : (/\S+).* — changed by hand$", plan.stdout, re.MULTILINE)
    assert sorted(set(listed)) == sorted(spoilt)  # two roles bring one program: it is listed under both
    assert plan.stdout.count("-# ajout fait a la main") >= len(spoilt) // 2
    assert sh(life, sums).splitlines() == bad, "plan has changed something"
    apply = nomade(life.workspace, "apply", "-c", COMMUNE, "-l", HOST)
    assert apply.returncode == 0, apply.stderr
    assert sorted(re.findall(rf"^  {HOST} : (/\S+)$", apply.stderr, re.MULTILINE)) == sorted(spoilt)
    assert not set(sh(life, sums).splitlines()) & set(bad), "still as somebody left it"
    assert not failed(life, nomade) & set(_SEEN)
    again = nomade(life.workspace, "apply", "-c", COMMUNE, "-l", HOST)
    assert f"{COMMUNE}: 1 of 1 endpoints done, 0 changed" in again.stderr, again.stderr


def failed(lab: Lab, nomade: Nomade) -> set[str]:
    done = nomade(lab.workspace, "audit", "-c", COMMUNE, "-l", HOST, "--format", "json")
    (report,) = json.loads(done.stdout)["reports"]
    findings = [finding for endpoint in report["endpoints"] for finding in endpoint["findings"]]
    return {finding["control"] for finding in findings if finding["verdict"] == "fail"}


def test_what_would_be_put_back_is_shown_and_nothing_is_changed(
    life: Lab, virgin: tuple[list[str], str, str], nomade: Nomade
) -> None:
    before = state(life)
    done = nomade(life.workspace, "retire", HOST, "--restore", "--remove-packages", "--dry-run")
    assert done.returncode == 0, done.stderr
    for path in ("/etc/ssh/sshd_config.d/00-nomade.conf", "/etc/nftables.conf", "/etc/wireguard/nomade.conf"):
        assert f"— : {path}" in done.stdout
    assert filesystem.differences(before[0], state(life)[0]) == []
    assert load(life.workspace, COMMUNE).endpoint(HOST).name == HOST


def test_interrupted_and_after_a_power_cut_it_ends_as_it_was_before(
    life: Lab, virgin: tuple[list[str], str, str], nomade: Nomade
) -> None:
    _kill_half_way(life)
    life.restart(HOST, kill=True)
    words = ["retire", HOST, "--restore", "--remove-packages", "--yes", "--reason", "don"]
    sh(life, "usermod --lock root")
    waits = nomade(life.workspace, *words)
    assert waits.returncode == 2, waits.stdout[-2000:] + waits.stderr[-3000:]
    assert "nobody else could administer the machine" in waits.stderr
    sh(life, "id -un nomade && systemctl is-active nomade-vpn.service")
    assert load(life.workspace, COMMUNE).endpoint(HOST).name == HOST
    sh(life, "usermod --unlock root")
    done = nomade(life.workspace, *words)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "nothing to change" not in done.stdout
    deadline = time.monotonic() + 300
    while life.exec(HOST, ["test", "-e", "/etc/systemd/system/nomade-farewell.service"]).returncode == 0:
        assert time.monotonic() < deadline, sh(life, "journalctl --no-pager -u nomade-farewell.service")
        time.sleep(1)
    files, units, enabled = state(life)
    assert unexplained(filesystem.differences(virgin[0], files)) == []
    assert enabled == virgin[2]
    login = re.compile(r"(session-\S+|user@\S+|user-runtime-dir@\S+|systemd-(hostnamed|timedated|localed)\.service)\n")
    assert login.sub("", units) == login.sub("", virgin[1])
    (gone,) = load(life.workspace, COMMUNE).retired
    assert (gone.name, gone.reason, gone.restored) == (HOST, "don", True)
    again = nomade(life.workspace, "retire", HOST, "--restore", "--yes")
    assert again.returncode == 0
    assert f"{HOST} left the fleet on " in again.stderr


def _kill_half_way(lab: Lab) -> None:
    """Start putting back, and kill it once the files are, before services and the way in."""
    command = [str(Path(sys.executable).with_name("nomade")), "--lang", "en", "retire", HOST, "--restore", "--yes"]
    running = subprocess.Popen(
        command, cwd=lab.workspace.root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 600
    while lab.exec(HOST, ["test", "-e", "/etc/sysctl.d/55-nomade-kernel.conf"]).returncode == 0:
        assert running.poll() is None, "over before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def unexplained(differences: list[str]) -> list[str]:
    return [line for line in differences if not any(re.search(pattern, line) for pattern in PERMITTED)]


def test_every_permitted_difference_has_its_reason() -> None:
    assert all(reason.strip() for reason in PERMITTED.values())
