"""The power of a whole machine, cut at a chosen moment of what a program of the role disk_encryption does."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.escrow import volumes
from tests.vm.story import Story
from toolkit import paths
from toolkit.lab.virtual import images

# Runs a program as it lies on the machine and, at the moment, says so on the console and waits for the power to go.
AT_A_MOMENT = """
import subprocess, sys, time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
program, action, moment = sys.argv[1:]
sys.path.insert(0, str(Path(program).parent))
loader = SourceFileLoader("program", program)
module = module_from_spec(spec_from_loader("program", loader))
loader.exec_module(module)
def stop():
    with open("/dev/ttyS0", "w") as console:
        console.write("now-cut-the-power")
    time.sleep(600)
def run(words, real=subprocess.run, start=subprocess.Popen, **options):
    if moment == "half-way" and "--resume-only" in words:
        work = start(words, stdin=subprocess.PIPE)
        work.stdin.write(options["input"])
        work.stdin.close()
        time.sleep(3)
        return stop()
    done = real(words, **options)
    return stop() if moment in words else done
def replace(path, target, real=Path.replace):
    return stop() if moment == "record" and "pending" not in Path(target).name else real(path, target)
subprocess.run, Path.replace = run, replace
module.main(action)
"""
UNLOCK = "/root/phrase"  # on the disk, unlike a technician's: it outlives the cut
SECONDS = 300


def leave_unlock(story: Story) -> None:
    """Put the passphrase where it outlives the cut."""
    story.shell(f"umask 077; cat > {UNLOCK}", images.PASSPHRASE.encode())


def cut(story: Story, program: str, action: str, moment: str, request: bytes) -> None:
    """Cut the power at a moment of what the program does, and boot again.

    The moments: a word of a command that just ended, `record` (before it is replaced), `half-way` (of an encryption).
    """
    command = ["python3", "-B", "-c", AT_A_MOMENT, f"/usr/local/libexec/{program}", action, moment]
    work = threading.Thread(target=story.machine.run, args=(command,), kwargs={"stdin": request}, daemon=True)
    work.start()
    story.machine.console.expect("now-cut-the-power", SECONDS)
    story.cut_and_boot()
    work.join(SECONDS)


@dataclass(frozen=True)
class ClearVolume:
    """A file system of the user that lies open on a disk, to be encrypted where it lies."""

    story: Story
    device: str
    mount: str

    def make(self) -> str:
        """Make it and a file of random bytes on it; return the digest."""
        leave_unlock(self.story)
        self.story.shell(
            f"mkfs.ext4 -q -b 4096 {self.device}; mkdir -p {self.mount}; "
            f'echo "UUID=$(blkid -s UUID -o value {self.device}) {self.mount} ext4 defaults 0 2" >> /etc/fstab; '
            f"systemctl daemon-reload; mount {self.mount}; "
            f"dd if=/dev/urandom of={self.mount}/registre bs=1M count=40; sync"
        )
        return self.digest()

    def digest(self) -> str:
        return self.story.shell(f"mountpoint -q {self.mount}; sha256sum < {self.mount}/registre")

    def request(self) -> bytes:
        costs = {"pbkdf_memory_kib": 65536, "iter_time_ms": 100}
        return json.dumps({"unlock_file": UNLOCK, "in_place": [self.mount], **costs}).encode()

    def go_on(self) -> dict[str, str]:
        """Run the program to its end; return what it answers."""
        return dict(json.loads(self.story.shell("/usr/local/libexec/nomade-encrypt apply", self.request()))[0])

    def state(self) -> str:
        """Return what the disk holds: ext4, crypto_LUKS, or reencrypting."""
        kind = self.story.shell(f"blkid -p -s TYPE -o value {self.device}")
        half = kind == "crypto_LUKS" and "reencrypt" in self.story.shell(f"cryptsetup luksDump {self.device}")
        return "reencrypting" if half else kind


@dataclass
class Keys:
    """The recovery key of one more volume of the machine, encrypted to the same people as its others."""

    story: Story
    device: str

    @classmethod
    def of_new_volume(cls, story: Story, device: str) -> Keys:
        quick = "--batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file=-"
        leave_unlock(story)
        story.shell(f"cryptsetup luksFormat {quick} {device} < {UNLOCK}")
        return cls(story, device)

    @property
    def uuid(self) -> str:
        return self.story.shell(f"cryptsetup luksUUID {self.device}")

    @property
    def identities(self) -> list[Path]:
        """The demo's identities of the CIG and of the commune."""
        folder = paths.demo_dir() / "demo-identities"
        return [folder / f"{name}.txt" for name in ("cig", self.story.machine.endpoint.commune)]

    def request(self, **more: Any) -> bytes:
        keygen = [
            subprocess.run(["age-keygen", "-y", path], capture_output=True, check=True) for path in self.identities
        ]
        base = {"endpoint": self.story.machine.endpoint.name, "images": [], "unlock_file": UNLOCK, "replace": {}}
        costs = {"pbkdf_memory_kib": 65536, "iter_time_ms": 100}
        recipients = [done.stdout.decode().strip() for done in keygen]
        return json.dumps({**base, **costs, "recipients": recipients, **more}).encode()

    def call(self, action: str, **more: Any) -> dict[str, Any]:
        """Run the program to its end; return what it answers for this volume."""
        said = json.loads(self.story.shell(f"/usr/local/libexec/nomade-escrow {action}", self.request(**more)))
        uuid = self.uuid
        return dict(next(item for item in said if item.get("uuid") == uuid))

    def confirm(self) -> dict[str, Any]:
        """Say that the commune has what is recorded."""
        return self.call("confirm", **self._stored())

    def cut(self, action: str, moment: str, **more: Any) -> None:
        """Cut the power at the moment (`record`, or a word of a command that just ended), and boot again."""
        more |= self._stored() if action == "confirm" else {}
        cut(self.story, "nomade-escrow", action, moment, self.request(**more))

    def record(self) -> dict[str, Any]:
        """Return what the machine has recorded of the key, or nothing."""
        return dict(json.loads(self.story.shell(f"cat /var/lib/nomade/escrow/{self.uuid}.json || echo '{{}}'")))

    def key(self) -> bytes:
        """Return the recorded key, as the commune reads it."""
        return volumes.decrypted(self.record()["ciphertext"], self.identities[1])

    def opens(self, key: bytes) -> bool:
        command = ["cryptsetup", "open", "--test-passphrase", "--key-file=-", self.device]
        return self.story.machine.run(command, stdin=key).returncode == 0

    def slots(self) -> set[int]:
        header = json.loads(self.story.shell(f"cryptsetup luksDump --dump-json-metadata {self.device}"))
        return {int(number) for number in header["keyslots"]}

    def _stored(self) -> dict[str, Any]:
        return {"stored": {self.uuid: self.record()["ciphertext_sha256"]}}
