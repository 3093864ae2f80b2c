"""Backups of a provisioned site: what goes wrong shows and loses nothing, and nobody but the store can delete."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.network import reachable
from toolkit import fleet
from toolkit.catalogue import load
from toolkit.evaluate import Subject, judge_text
from toolkit.fleet.roles import role_variables
from toolkit.lab.machines import Lab
from toolkit.probes import registry

pytestmark = pytest.mark.lab

LAPTOP, GATEWAY = "valsorbe-portable-1", "valsorbe-passerelle"
PROGRAM = "/usr/local/libexec/nomade-backup"
STORE = "/srv/nomade-backup"
UNITS = {
    LAPTOP: ["nomade-backup.service", "nomade-backup-drill.service"],
    "pontlierre-bureau-1": ["nomade-backup.service", "nomade-backup-drill.service"],
    GATEWAY: ["nomade-backup-store@probe.service", "nomade-backup-retention.service"],
    "pontlierre-passerelle": ["nomade-backup-store@probe.service", "nomade-backup-retention.service"],
}


def sh(lab: Lab, host: str, script: str, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return lab.exec(host, ["sh", "-c", script, "sh", *arguments], stdin=given, timeout=180)


def said(lab: Lab, host: str, script: str, *arguments: str) -> str:
    done = sh(lab, host, script, *arguments)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def facts(lab: Lab, host: str = LAPTOP) -> dict[str, Any]:
    """Return what the probe reads on the endpoint now."""
    probe = registry()["backup"]
    return probe.parse(said(lab, host, f"export LC_ALL=C; {probe.alone}"))


def verdict(lab: Lab, control: str) -> str:
    text = said(lab, LAPTOP, f"export LC_ALL=C; {registry()['backup'].alone}")
    settings = {name: variable.default for name, variable in role_variables().items()}
    return judge_text(load().controls[control], text, Subject(LAPTOP, "laptop", settings)).verdict.value


def snapshots(lab: Lab) -> set[str]:
    """Return the snapshots of the laptop, as files of the store."""
    return set(said(lab, GATEWAY, f"find {STORE}/{LAPTOP}/*/snapshots -type f").split())


def run(lab: Lab) -> int:
    return sh(lab, LAPTOP, f"{PROGRAM} run").returncode


@contextmanager
def spoiled(lab: Lab, host: str, spoil: str, mend: str) -> Iterator[None]:
    said(lab, host, spoil)
    try:
        yield
    finally:
        said(lab, host, mend)


@pytest.mark.parametrize("host", [LAPTOP, "valsorbe-bureau-1", "pontlierre-portable-1", "pontlierre-bureau-1"])
def test_the_first_run_proved_backup_restore_and_refused_deletion(site: Lab, host: str) -> None:
    found = facts(site, host)
    assert (found["success_seen"], found["last_run"], found["last_drill"]) == ("store", "ok", "ok")
    assert found["success_age_days"] == found["restore_age_days"] == found["refusal_age_days"] == 0


def test_the_escrowed_password_opens_the_backup_without_the_laptop(site: Lab) -> None:
    folder = site.workspace.commune("valsorbe").root / "escrow"
    kept = [path for path in folder.glob("*.json") if "backup repository" in path.read_text(encoding="utf-8")]
    (record,) = [path for path in kept if json.loads(path.read_text(encoding="utf-8"))["endpoint"] == LAPTOP]
    for name in ("cig", "valsorbe"):
        identity = site.workspace.root / "demo-identities" / f"{name}.txt"
        opened = ["age", "--decrypt", "--identity", str(identity), str(record.with_suffix(".age"))]
        password = subprocess.run(opened, capture_output=True, check=True).stdout
        command = (
            f"restic --repo {STORE}/{LAPTOP}/{record.stem} --no-cache --no-lock --password-file /dev/stdin ls latest"
        )
        done = sh(site, GATEWAY, command, given=password)
        assert b"/home/cmartin" in done.stdout, done.stderr


def test_a_wrong_password_shows_and_loses_nothing(site: Lab) -> None:
    before, password = snapshots(site), "/etc/nomade/backup/password"
    with spoiled(site, LAPTOP, f"cp -p {password} /run/right; echo wrong > {password}", f"mv /run/right {password}"):
        assert run(site) == 1
        found = facts(site)
        assert (found["last_run"], found["success_age_days"]) == ("wrong-password", 0)
        assert verdict(site, "backup-runs-clean") == "fail"
        assert snapshots(site) == before
    assert run(site) == 0
    assert verdict(site, "backup-runs-clean") == "pass"
    assert snapshots(site) > before


def test_a_run_that_is_killed_shows_and_the_next_one_mends(site: Lab) -> None:
    before, big = snapshots(site), "/home/cmartin/essai"
    with spoiled(site, LAPTOP, f"head -c 150M /dev/urandom > {big}", f"rm {big}"):
        said(site, LAPTOP, f"systemd-run --quiet --collect --unit=backup-killed {PROGRAM} run")
        deadline = time.monotonic() + 60
        while facts(site)["last_run"] != "interrupted":
            assert time.monotonic() < deadline
        said(site, LAPTOP, "systemctl kill --signal=KILL backup-killed")
        assert verdict(site, "backup-runs-clean") == "fail"
        assert snapshots(site) == before
    assert run(site) == 0
    assert sh(site, LAPTOP, f"{PROGRAM} drill").returncode == 0
    assert verdict(site, "backup-runs-clean") == "pass"


def test_a_full_store_takes_nothing_and_still_gives_back(site: Lab) -> None:
    before = snapshots(site)
    full = f"mount -t tmpfs -o size=8M,mode=0700,uid=$(id -u nomade-store) tmpfs {STORE}"
    with spoiled(site, GATEWAY, full, f"umount {STORE}"):
        assert run(site) == 1
        assert facts(site)["last_run"] == "store-full"
        assert verdict(site, "backup-runs-clean") == "fail"
    assert snapshots(site) == before
    assert run(site) == 0


def test_a_laptop_in_bad_hands_deletes_nothing(site: Lab) -> None:
    before = snapshots(site)
    restic = (
        "restic --option 'rclone.program=ssh -F /etc/nomade/backup/ssh_config store' --option \"rclone.args=$1\" "
        '--repo "rclone:$(cat /etc/nomade/backup/repository)" --password-file /etc/nomade/backup/password --no-cache '
    )
    for arguments in ("serve restic --stdio", "serve restic --stdio --append-only=false", "read restic --stdio"):
        done = sh(site, LAPTOP, f"timeout --signal=INT 6 {restic} forget --keep-last=1 --prune", arguments)
        assert b"403" in done.stderr, done.stderr
        assert done.returncode != 0
        said(site, LAPTOP, f"{restic} unlock", "serve restic --stdio")
    assert snapshots(site) == before
    for command in ("sh", "rm -rf /srv/nomade-backup", "rclone purge /srv/nomade-backup", "internal-sftp"):
        done = sh(site, LAPTOP, 'ssh -F /etc/nomade/backup/ssh_config store "$1"', command)
        assert (done.returncode, done.stdout) == (77, b""), command
    forward = "timeout 5 ssh -F /etc/nomade/backup/ssh_config -W 127.0.0.1:22 store < /dev/null"
    assert b"SSH-" not in sh(site, LAPTOP, forward).stdout
    assert snapshots(site) == before


def test_the_store_prunes_by_itself(site: Lab) -> None:
    said(site, GATEWAY, "systemctl start nomade-backup-retention.service")
    results = json.loads(said(site, GATEWAY, "cat /var/lib/nomade-backup-store/retention.json"))["repositories"]
    assert {name.split("/")[0] for name in results} == {LAPTOP, "valsorbe-bureau-1"}
    assert set(results.values()) == {"ok"}


def test_only_the_commune_s_own_endpoints_reach_the_store(site: Lab) -> None:
    gateway = fleet.load(site.workspace, "valsorbe").gateway
    office, port = gateway.office.address, 8022
    inside = said(site, GATEWAY, "ip -4 -o address show wg-nomade | awk '{ sub(/\\/.*/, \"\", $4); print $4 }'")
    assert reachable(site, LAPTOP, (inside, port))[(inside, port)]
    assert reachable(site, "valsorbe-bureau-1", (office, port))[(office, port)]
    everywhere = [(address, port) for address in (inside, office, gateway.public.address)]
    for stranger in ("pontlierre-portable-1", "pontlierre-bureau-1", "pontlierre-passerelle"):
        assert not any(reachable(site, stranger, *everywhere).values()), stranger


@pytest.mark.parametrize(("host", "unit"), [(host, unit) for host, units in UNITS.items() for unit in units])
def test_units_are_confined(site: Lab, host: str, unit: str) -> None:
    shown = said(site, host, f"systemd-analyze security --no-pager {unit} | tail -n 1")
    (level,) = re.findall(r"(\d+\.\d)", shown)
    assert float(level) <= 3.0, shown
