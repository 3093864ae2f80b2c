"""The role's own tasks against this machine, on a volume in a file: key kept, opened, replaced by the next run.

Ansible works in a mount namespace of its own, with empty folders where the role writes and a host key of the test's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import run_nomade
from tests.escrow import kept, volumes
from tests.escrow.kept import HOST, Escrow
from tests.escrow.volumes import NEEDS, PASSPHRASE, decrypted, opens, slots
from toolkit.errors import ExitCode
from toolkit.escrow import Deposit, deposits
from toolkit.paths import roles_dir

pytestmark = [
    *NEEDS,
    pytest.mark.skipif(not shutil.which("unshare"), reason="needs a mount namespace of its own (util-linux)"),
]

WRITTEN = ("/var/lib/nomade", "/usr/local/libexec", "/etc/ssh")


class Machine:
    """This machine as the laptop of `escrow`, as far as the role for recovery keys sees it."""

    def __init__(self, escrow: Escrow, folder: Path) -> None:
        self.escrow, self.folder = escrow, folder
        self.volume = volumes.luks_image(folder / "disk.img")
        self.passphrase = folder / "passphrase"
        self.passphrase.touch(mode=0o600)
        self.passphrase.write_bytes(PASSPHRASE)
        for place in WRITTEN:
            (folder / "places" / place.lstrip("/")).mkdir(parents=True)
        shutil.copy(escrow.host_key, folder / "places/etc/ssh/ssh_host_ed25519_key")
        play = {"hosts": HOST, "gather_facts": False, "vars": self.variables(), "tasks": [self.task()]}
        (folder / "play.yml").write_text(yaml.safe_dump([play]))

    def task(self) -> dict[str, object]:
        return {
            "name": "Recovery keys",
            "ansible.builtin.import_role": {"name": "disk_encryption", "tasks_from": "escrow"},
        }

    def variables(self) -> dict[str, object]:
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": "/usr/bin/python3",
            "nomade_kind": "laptop",
            "nomade_escrow_recipients": list(self.escrow.recipients),
            "nomade_escrow_dir": str(self.escrow.folder),
            "disk_encryption_images": [str(self.volume)],
            "disk_encryption_unlock_file": str(self.passphrase),
            "disk_encryption_pbkdf_memory_kib": 8192,
            "disk_encryption_iter_time_ms": 20,
        }

    def apply(self) -> int:
        """Run the role; return how many tasks changed something."""
        mounts = [f"mkdir -p {place} && mount --bind {self.folder}/places{place} {place}" for place in WRITTEN]
        ansible = Path(sys.executable).with_name("ansible-playbook")
        command = " && ".join([*mounts, f"exec {ansible} -vvv -i {HOST}, {self.folder}/play.yml"])
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(roles_dir().parent / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "LC_ALL": "C.UTF-8",
        }
        words = ["unshare", "--mount", "sh", "-ec", command]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
        self.said = done.stdout + done.stderr
        return int(re.findall(rf"^{HOST} .* changed=(\d+) ", done.stdout, re.MULTILINE)[0])

    def deposit(self) -> Deposit:
        """Return the key of the volume that the commune keeps."""
        (found,) = [
            item for item in deposits(self.escrow.workspace.commune("essai"))[0] if item.device == str(self.volume)
        ]
        return found

    def key(self) -> bytes:
        return decrypted(self.deposit().ciphertext().decode(), self.escrow.commune)


def test_the_key_that_was_opened_is_replaced_by_the_next_run_without_anybody_typing(tmp_path: Path) -> None:
    escrow = kept.made(tmp_path)
    for file in escrow.folder.glob(f"{kept.UUID}.*"):
        file.unlink()
    machine = Machine(escrow, tmp_path)
    assert machine.apply() >= 3
    first = machine.key()
    assert opens(machine.volume, first)
    machine.passphrase.unlink()
    assert machine.apply() == 0

    words = ["escrow", "open", HOST, "--identity", str(escrow.cig), "--reason", "essai", "-o", str(tmp_path / "key")]
    assert run_nomade(escrow.workspace, *words).returncode == ExitCode.OK
    assert (tmp_path / "key").read_bytes().strip() == first
    assert machine.deposit().to_be_replaced

    assert machine.apply() >= 3
    assert not opens(machine.volume, first)
    assert opens(machine.volume, machine.key())
    assert opens(machine.volume, PASSPHRASE)
    assert len(slots(machine.volume)) == 2
    assert list(escrow.folder.glob("*.replace.json")) == []
    for secret in (first, machine.key(), PASSPHRASE):
        assert secret.decode() not in machine.said
    assert machine.apply() == 0
    said = run_nomade(escrow.workspace, "escrow", "verify", "--identity", str(escrow.cig)).stdout
    assert f"✓ {HOST} {machine.volume}" in said
