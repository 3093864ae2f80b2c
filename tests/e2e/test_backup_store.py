"""Backups kept by a machine of the CIG: prepared as the guide says, reached through the tunnel, and left again."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import Nomade
from tests.e2e.test_backup import PROGRAM, facts, said, sh
from toolkit import fleet
from toolkit.backup_facts import name_of
from toolkit.lab import engine, keys
from toolkit.lab.machines import Lab
from toolkit.lab.topology import INTERNET

pytestmark = pytest.mark.lab

COMMUNE, OTHER = "valsorbe", "pontlierre"
LAPTOP, PC, GATEWAY = f"{COMMUNE}-portable-1", f"{COMMUNE}-bureau-1", f"{COMMUNE}-passerelle"
HOME = "/srv/nomade-backup"
CHECKOUT = Path(__file__).parent.parent.parent
CONTROLS = ("backup-append-only", "backup-configured", "backup-password-escrowed", "backup-recent",
            "backup-restore-proven", "backup-runs-clean")  # fmt: skip
# $1: what is asked of the store; the rest: restic's words. The password comes on standard input.
RESTIC = """
verb=$1 uuid=$2; shift 2
exec restic --option 'rclone.program=ssh -F /etc/nomade/backup/ssh_config store' \
  --option "rclone.args=$verb restic --stdio" --repo "rclone:$uuid" \
  --password-file /dev/stdin --no-cache "$@"
"""
# Until the store has refused (restic would ask again for a minute), or for so many seconds.
REFUSED = f"""
exec 3<&0
({RESTIC.strip()}) <&3 2> /run/said &
for _ in $(seq 60); do grep -q 403 /run/said && break; sleep 1; done
kill $! 2> /dev/null; wait $! && ended=0 || ended=$?
cat /run/said >&2; rm /run/said; exit $ended
"""


@dataclass(slots=True)
class Move:
    """The communes' fleet files name the CIG's store; one commune's laptop sends its backups to it."""

    lab: Lab
    nomade: Nomade
    before: dict[Path, str]
    address: str

    @property
    def name(self) -> str:
        return name_of(self.address)

    def there(self) -> None:
        """Do what the guide says, in its order; the endpoints' keys are made already."""
        for path, text in self.before.items():
            assert "store: {port: 8022}" in text
            path.write_text(text.replace("store: {port: 8022}", f"store: {{address: {self.address}}}"), "utf-8")
        self.lab.up([self.name])
        self.play()
        self.apply()

    def play(self) -> None:
        """Prepare the store as the guide says; only where the key is and how it is pinned is the lab's."""
        printed = self.nomade(self.lab.workspace, "inventory", "stores")
        assert printed.returncode == 0, printed.stderr
        inventory = keys.folder(self.lab.workspace) / "stores.yml"
        inventory.write_text(printed.stdout, encoding="utf-8")
        known = keys.folder(self.lab.workspace) / "known_hosts"
        ssh = f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={known} -o HostKeyAlias={self.name}"
        words = ["-i", str(inventory), "-u", "root", "--private-key", str(keys.bootstrap_key(self.lab.workspace))]
        command = [str(Path(sys.executable).with_name("ansible-playbook")), *words, f"--ssh-extra-args={ssh}"]
        done = subprocess.run(
            [*command, "playbooks/backup_store.yml"], cwd=CHECKOUT, capture_output=True, text=True, timeout=300,
            check=False, env=os.environ | {"ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def apply(self) -> None:
        tags = "vpn_client,firewall_ruleset,backup_service,backup_first"
        words = ("-c", COMMUNE, "-l", f"{GATEWAY},{LAPTOP}", "--tags", tags)
        done = self.nomade(self.lab.workspace, "apply", *words)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    def back(self) -> None:
        """Have the gateways keep the backups again; nothing of the store stays."""
        if not any(path.read_text(encoding="utf-8") != text for path, text in self.before.items()):
            return
        for path, text in self.before.items():
            path.write_text(text, encoding="utf-8")
        try:
            self.apply()
        finally:
            if engine.exists("container", self.lab.container(self.name)):
                engine.run("rm", "--force", "--volumes", self.lab.container(self.name))
            for name in (COMMUNE, OTHER):
                for half in self.lab.workspace.commune(name).public.glob(f"{self.name}.store.*"):
                    half.unlink()

    def snapshots(self, host: str) -> set[str]:
        return set(said(self.lab, self.name, f"find {HOME}/{host}/*/snapshots -type f").split())


@pytest.fixture(scope="module")
def moved(site: Lab, nomade: Nomade) -> Iterator[Move]:
    """The CIG's store, prepared, and the backups of one commune's laptop in it; as before at the end."""
    files = [site.workspace.commune(name).fleet for name in (COMMUNE, OTHER)]
    address = ipaddress.IPv4Network(site.plan().networks[INTERNET])[60]
    move = Move(site, nomade, {path: path.read_text(encoding="utf-8") for path in files}, str(address))
    try:
        move.there()
        yield move
    finally:
        move.back()


def uuid(lab: Lab) -> str:
    return said(lab, LAPTOP, "cat /etc/nomade/backup/repository")


def password(lab: Lab) -> bytes:
    return said(lab, LAPTOP, "cat /etc/nomade/backup/password").encode()


def test_the_first_run_proved_backup_restore_and_refused_deletion(moved: Move) -> None:
    found = facts(moved.lab)
    assert (found["success_seen"], found["last_run"], found["last_drill"]) == ("store", "ok", "ok")
    assert found["success_age_days"] == found["restore_age_days"] == found["refusal_age_days"] == 0
    assert len(moved.snapshots(LAPTOP)) == 2, "one backup, one snapshot whose deletion was refused"


def test_it_sees_nobody_but_the_gateway(moved: Move) -> None:
    log = said(moved.lab, moved.name, "journalctl --no-pager --output=cat --unit='nomade-backup-store@*'")
    senders = set(re.findall(r"^Accepted publickey for nomade-store from (\S+) ", log, re.MULTILINE))
    assert senders == {fleet.load(moved.lab.workspace, COMMUNE).gateway.public.address}


def test_the_audit_judges_the_laptop_by_what_this_store_has(moved: Move) -> None:
    done = moved.nomade(moved.lab.workspace, "audit", "-c", COMMUNE, "-l", LAPTOP, "--format", "json")
    (report,) = json.loads(done.stdout)["reports"]
    (endpoint,) = report["endpoints"]
    verdicts = {item["control"]: item["verdict"] for item in endpoint["findings"]}
    assert {name: verdicts[name] for name in CONTROLS} == dict.fromkeys(CONTROLS, "pass")


def test_a_file_comes_back_to_the_laptop_and_all_of_it_without_the_laptop(moved: Move) -> None:
    lab, own = moved.lab, uuid(moved.lab)
    file, target = "/home/cmartin/.bashrc", "/run/back"
    words = ("read", own, "restore", "latest", "--no-lock", "--target", target, "--include", file)
    done = sh(lab, LAPTOP, RESTIC, *words, given=password(lab))
    assert done.returncode in (0, 1), done.stderr
    said(lab, LAPTOP, f"cmp {file} {target}{file} && rm -r {target}")
    ciphertext = lab.workspace.commune(COMMUNE).root / "escrow" / f"{own}.age"
    for name in ("cig", COMMUNE):
        identity = lab.workspace.root / "demo-identities" / f"{name}.txt"
        opened = ["age", "--decrypt", "--identity", str(identity), str(ciphertext)]
        secret = subprocess.run(opened, capture_output=True, check=True).stdout
        listing = f"restic --repo {HOME}/{LAPTOP}/{own} --no-cache --no-lock --password-file /dev/stdin ls latest"
        assert b"/home/cmartin/.bashrc" in sh(lab, moved.name, listing, given=secret).stdout


def test_a_laptop_in_bad_hands_deletes_nothing_and_reads_nobody_else(moved: Move) -> None:
    lab, own = moved.lab, uuid(moved.lab)
    # The repository of another endpoint, which the laptop even knows the password of.
    other = str(uuid4())
    said(lab, moved.name, f"install -d -o nomade-store {HOME}/{PC} && cp -a {HOME}/{LAPTOP}/{own} {HOME}/{PC}/{other}")
    before = moved.snapshots(LAPTOP) | moved.snapshots(PC)
    every = [path.rpartition("/")[2] for path in moved.snapshots(LAPTOP)]
    done = sh(lab, LAPTOP, REFUSED, "serve", own, "forget", "--prune", *every, given=password(lab))
    assert done.returncode != 0
    assert b"403" in done.stderr, done.stderr
    assert sh(lab, LAPTOP, RESTIC, "serve", own, "unlock", given=password(lab)).returncode == 0
    done = sh(lab, LAPTOP, RESTIC, "read", other, "--no-lock", "snapshots", given=password(lab))
    assert done.returncode != 0
    assert b"repository" in done.stderr, done.stderr
    for command in ("sh", f"rm -rf {HOME}", f"ls {HOME}/{PC}", f"read restic --stdio ../{PC}/{other}", "internal-sftp"):
        done = sh(lab, LAPTOP, 'ssh -F /etc/nomade/backup/ssh_config store "$1"', command)
        assert (done.returncode, done.stdout) == (77, b""), command
    assert moved.snapshots(LAPTOP) | moved.snapshots(PC) == before


def test_a_stolen_key_opens_nothing_from_elsewhere(moved: Move, tmp_path: Path) -> None:
    key, known = tmp_path / "key", tmp_path / "known"
    key.touch(0o600)
    key.write_text(said(moved.lab, LAPTOP, "cat /etc/nomade/backup/ssh_key") + "\n")
    known.write_text(said(moved.lab, LAPTOP, "cat /etc/nomade/backup/known_hosts") + "\n")
    options = [f"UserKnownHostsFile={known}", "HostKeyAlias=nomade-backup-store", "StrictHostKeyChecking=yes",
               "BatchMode=yes", "ConnectTimeout=5", "IdentitiesOnly=yes", "IdentityAgent=none"]  # fmt: skip
    words = ["ssh", "-F", "none", "-i", str(key), "-p", "8022", *(word for item in options for word in ("-o", item))]
    command = [*words, f"nomade-store@{moved.address}", f"read restic --stdio {uuid(moved.lab)}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert done.returncode == 255, done.stdout + done.stderr


def test_the_store_removes_what_is_too_old_by_itself(moved: Move) -> None:
    said(moved.lab, LAPTOP, f"{PROGRAM} run; {PROGRAM} run")
    before = moved.snapshots(LAPTOP)
    said(moved.lab, moved.name, "systemctl start nomade-backup-retention.service")
    results = json.loads(said(moved.lab, moved.name, "cat /var/lib/nomade-backup-store/retention.json"))["repositories"]
    assert results == {f"{LAPTOP}/{uuid(moved.lab)}": "ok"}
    # Of three backups of one day the last one stays; restic of Debian 13 keeps the very first one too.
    assert moved.snapshots(LAPTOP) < before
    assert facts(moved.lab)["success_age_days"] == 0


def test_its_units_are_confined(moved: Move) -> None:
    for unit in ("nomade-backup-store@probe.service", "nomade-backup-retention.service"):
        shown = said(moved.lab, moved.name, f"systemd-analyze security --no-pager {unit} | tail -n 1")
        assert float(re.findall(r"(\d+\.\d)", shown)[0]) <= 3.0, shown


def test_back_at_the_gateway_it_goes_on_with_the_repository_it_had(moved: Move) -> None:
    kept = f"find {HOME}/{LAPTOP}/*/snapshots -type f"
    before = set(said(moved.lab, GATEWAY, kept).split())
    moved.back()
    found = facts(moved.lab)
    assert (found["success_seen"], found["last_run"], found["last_drill"]) == ("store", "ok", "ok")
    assert set(said(moved.lab, GATEWAY, kept).split()) > before
