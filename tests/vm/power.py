"""The power of a whole machine, cut at a chosen moment of what the program for recovery keys does."""

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

# Runs the program as it lies on the machine and, at the moment, says so on the console and waits for the power to go.
AT_A_MOMENT = """
import subprocess, sys, time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
action, moment = sys.argv[1:]
loader = SourceFileLoader("escrow", "/usr/local/libexec/nomade-escrow")
escrow = module_from_spec(spec_from_loader("escrow", loader))
loader.exec_module(escrow)
def stop():
    with open("/dev/ttyS0", "w") as console:
        console.write("now-cut-the-power")
    time.sleep(600)
def run(*words, real=subprocess.run, **options):
    done = real(*words, **options)
    return stop() if moment in words[0] else done
def replace(path, target, real=Path.replace):
    return stop() if moment == "record" and "pending" not in Path(target).name else real(path, target)
subprocess.run, Path.replace = run, replace
escrow.main(action)
"""
UNLOCK = "/root/phrase"  # on the disk, unlike a technician's: it outlives the cut
SECONDS = 300


@dataclass
class Keys:
    """The recovery key of one more volume of the machine, encrypted to the same people as its others."""

    story: Story
    device: str

    @classmethod
    def of_new_volume(cls, story: Story, device: str) -> Keys:
        phrase = images.PASSPHRASE.encode()
        quick = "--batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file=-"
        story.shell(f"umask 077; cat > {UNLOCK}; cryptsetup luksFormat {quick} {device} < {UNLOCK}", phrase)
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
        command, given = ["python3", "-B", "-c", AT_A_MOMENT, action, moment], self.request(**more)
        work = threading.Thread(target=self.story.machine.run, args=(command,), kwargs={"stdin": given}, daemon=True)
        work.start()
        self.story.machine.console.expect("now-cut-the-power", SECONDS)
        self.story.cut_and_boot()
        work.join(SECONDS)

    def record(self) -> dict[str, Any]:
        """Return what the machine has recorded of the key, or nothing."""
        return dict(json.loads(self.story.shell(f"cat /var/lib/nomade/escrow/{self.uuid}.json || echo '{{}}'")))

    def key(self) -> bytes:
        """Return the recorded key, as the commune reads it."""
        return volumes.decrypted(
            self.record()["ciphertext"], paths.demo_dir() / f"demo-identities/{self.people[1]}.txt"
        )

    def opens(self, key: bytes) -> bool:
        command = ["cryptsetup", "open", "--test-passphrase", "--key-file=-", self.device]
        return self.story.machine.run(command, stdin=key).returncode == 0

    def slots(self) -> set[int]:
        header = json.loads(self.story.shell(f"cryptsetup luksDump --dump-json-metadata {self.device}"))
        return {int(number) for number in header["keyslots"]}

    def _stored(self) -> dict[str, Any]:
        return {"stored": {self.uuid: self.record()["ciphertext_sha256"]}}
