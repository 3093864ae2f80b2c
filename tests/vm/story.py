"""One laptop that really boots, from its delivery to its audit after a power cut, through the real command."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.errors import NomadeError
from toolkit.lab.machines import Lab
from toolkit.lab.virtual import images
from toolkit.lab.virtual.machine import ASKED, BOOT_SECONDS, VirtualMachine
from toolkit.probes import registry

Done = subprocess.CompletedProcess[str]

# What the controls of a machine are proven with. Everything else of the site is proven in containers.
ROLES = "kernel,audit_log,disk_encryption"
# A laptop as found: user data beside the encrypted root, swap in clear, an old disk nobody uses; what Debian 12 or 13
# has in order is spoilt.
NEGLECT = """
set -eu
mkfs.ext4 -q -b 4096 /dev/vdb
mkswap -q /dev/vdc
mkfs.ext4 -q /dev/vdd
echo "UUID=$(blkid -s UUID -o value /dev/vdb) /srv/donnees ext4 defaults 0 2" >> /etc/fstab
echo "UUID=$(blkid -s UUID -o value /dev/vdc) none swap sw 0 0" >> /etc/fstab
mkdir -p /srv/donnees /run/nomade
systemctl daemon-reload
mount /srv/donnees
swapon -a
dd if=/dev/urandom of=/srv/donnees/registre bs=1M count=48 status=none
sync
sysctl -q -w kernel.randomize_va_space=0
! mountpoint -q /tmp || mount -o remount,suid,dev /tmp
"""
LEAVE_PASSPHRASE = "umask 077; mkdir -p /run/nomade; cat > /run/nomade/disk-passphrase"
DIGEST = "sha256sum /srv/donnees/registre"


@dataclass(slots=True)
class Story:
    """What each stage printed and how long it took (seconds); `digests` are those of the user's file."""

    lab: Lab
    machine: VirtualMachine
    artefacts: Path
    stages: dict[str, Done] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    digests: list[str] = field(default_factory=list)

    def verdicts(self, stage: str) -> dict[str, str]:
        """Return control → verdict of an audit."""
        reports = json.loads(self.stages[stage].stdout)["reports"]
        return {
            finding["control"]: finding["verdict"]
            for report in reports
            for endpoint in report["endpoints"]
            for finding in endpoint["findings"]
        }

    def shell(self, script: str, stdin: bytes = b"", timeout: float = 600) -> str:
        """Run a script as root on the machine and return what it prints; fail the test when it fails."""
        done = self.machine.run(["sh", "-c", script], stdin=stdin, timeout=timeout)
        assert done.returncode == 0, f"{script}: {done.stderr.decode(errors='replace')}"
        return done.stdout.decode().strip()

    def facts(self, probe: str) -> dict[str, Any]:
        """Ask the machine one of the audit's questions."""
        asked = registry()[probe]
        return asked.parse(self.shell(f"{asked.alone}"))

    def leave_passphrase(self) -> None:
        """Put the passphrase where the role reads it, as the technician does."""
        self.shell(LEAVE_PASSPHRASE, images.PASSPHRASE.encode())

    def cut_and_boot(self) -> None:
        """Cut the power; then type the passphrase as often as the boot asks: for the root, then for data volumes."""
        self.machine.cut()
        self.machine.start(type_passphrase=False)
        self._type_at(ASKED, BOOT_SECONDS)
        deadline = time.monotonic() + BOOT_SECONDS
        while not self.machine.answers() and time.monotonic() < deadline:
            with contextlib.suppress(NomadeError):
                self._type_at(r"enter passphrase for disk", 3)
        self.machine.wait(1)

    def _type_at(self, prompt: str, timeout: float) -> None:
        self.machine.console.expect(prompt, timeout)
        time.sleep(2)
        self.machine.console.type(images.PASSPHRASE)


def tell(story: Story, nomade: Callable[..., Done]) -> None:
    """Fill in what every stage said. A stage that fails does not stop the story: the tests name it."""
    lab, host = story.lab, story.machine.endpoint.name
    commune = story.machine.endpoint.commune

    def stage(name: str, *arguments: str) -> None:
        start = time.monotonic()
        done = nomade(lab.workspace, *arguments, timeout=2400)
        story.stages[name], story.seconds[name] = done, time.monotonic() - start
        text = f"$ nomade {' '.join(arguments)}\n{done.stdout}\n{done.stderr}\nexit code {done.returncode}, "
        (story.artefacts / f"vm-{host}-{len(story.stages)}-{name}.txt").write_text(
            f"{text}{story.seconds[name]:.0f} s\n", encoding="utf-8"
        )

    here = ("--commune", commune, "--limit", host)
    keys = lab.workspace.state / "lab"
    stage("up", "lab", "up", "--vm", "--only", host)
    story.shell(NEGLECT)
    story.leave_passphrase()
    story.digests.append(story.shell(DIGEST))
    stage("generate", "inventory", "generate")
    known = str(keys / "known_hosts")
    stage("enroll", "enroll", *here, "--known-hosts", known, "--key", str(keys / "bootstrap_ed25519"))
    stage("audit-before", "audit", *here, "--format", "json")
    stage("apply", "apply", *here, "--tags", ROLES)
    story.digests.append(story.shell(DIGEST))
    story.shell("wipefs --quiet --all /dev/vdd")  # a person decides what is on a disk that nothing mounts
    start = time.monotonic()
    story.cut_and_boot()
    story.shell("for i in $(seq 60); do mountpoint -q /srv/donnees && exit 0; sleep 1; done; exit 1")
    story.shell("systemctl is-system-running --wait || true")  # an audit in the middle of a boot would be out of time
    story.seconds["boot"] = time.monotonic() - start
    story.digests.append(story.shell(DIGEST))
    stage("audit-after", "audit", *here, "--format", "json")
