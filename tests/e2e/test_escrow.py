"""A recovery key on a provisioned site: opened by a technician, seen by the audit, replaced by the next run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Nomade
from toolkit.errors import ExitCode
from toolkit.lab.machines import Lab

pytestmark = pytest.mark.lab

COMMUNE, LAPTOP = "valsorbe", "valsorbe-portable-1"
VOLUME = "/srv/lab/disk.img"


def failing(site: Lab, nomade: Nomade) -> set[str]:
    """Return which controls of recovery keys the laptop does not meet now."""
    done = nomade(site.workspace, "audit", "-c", COMMUNE, "-l", LAPTOP, "-f", "json")
    (report,) = json.loads(done.stdout)["reports"]
    (machine,) = [item for item in report["endpoints"] if item["endpoint"] == LAPTOP]
    found = {item["control"]: item["verdict"] for item in machine["findings"]}
    keys = {control: verdict for control, verdict in found.items() if control.startswith("recovery-key-")}
    assert len(keys) == 8
    return {control for control, verdict in keys.items() if verdict != "pass"}


def opens(site: Lab, key: bytes) -> bool:
    command = f"cryptsetup open --test-passphrase --key-file - {VOLUME}"
    return site.exec(LAPTOP, ["sh", "-c", command], stdin=key, timeout=60).returncode == 0


def test_a_key_that_was_opened_shows_in_the_audit_until_an_apply_replaced_it(
    site: Lab, nomade: Nomade, tmp_path: Path
) -> None:
    identities, output = site.workspace.root / "demo-identities", tmp_path / "key"
    assert failing(site, nomade) == set()
    words = ["--identity", str(identities / "cig.txt"), "--reason", "phrase oubliée", "--output", str(output)]
    done = nomade(site.workspace, "escrow", "open", LAPTOP, *words)
    assert done.returncode == ExitCode.OK, done.stderr
    key = output.read_bytes().strip()
    assert opens(site, key)
    assert failing(site, nomade) == {"recovery-key-unread"}

    done = nomade(site.workspace, "apply", "-c", COMMUNE, "-l", LAPTOP, "-t", "disk_encryption_escrow")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert not opens(site, key)
    assert failing(site, nomade) == set()
    output.unlink()
    kept = [path for path in site.workspace.root.rglob("*") if path.is_file() and key in path.read_bytes()]
    assert kept == []
    done = nomade(site.workspace, "escrow", "verify", "-c", COMMUNE, "--identity", str(identities / f"{COMMUNE}.txt"))
    assert done.returncode == ExitCode.OK, done.stdout
