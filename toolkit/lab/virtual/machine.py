"""One virtual machine that stands in for an endpoint: switched on, cut off, set back, reached."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from toolkit.errors import NomadeError
from toolkit.i18n import _
from toolkit.lab import keys, networks, topology
from toolkit.lab.virtual import disks, images, qemu, seed, taps
from toolkit.lab.virtual.console import Console
from toolkit.workspace import Workspace

# Of the machine, not of the workspace: the paths of sockets are short, and the disks are none of the workspace's files.
_STATE = Path("/var/lib/nomade-lab")
# Under emulation on two busy processors a boot takes a minute; a passphrase is asked for after a quarter of it.
BOOT_SECONDS = 900
_MOST_CABLES = 4
ASKED = r"Please unlock disk \w+"


class VirtualMachine:
    """The machine of one endpoint of a lab. What runs is known from its process, not from memory."""

    def __init__(self, lab: str, workspace: Workspace, plan: topology.Topology, host: str) -> None:
        """Name the machine; nothing is started."""
        self._lab, self._workspace, self._plan = lab, workspace, plan
        self.endpoint = plan.machine(host)
        self.hardware = self.endpoint.hardware
        self.folder = _STATE / lab / host
        self.console = Console(self.folder / "serial.log", self.folder / "serial.sock")

    def running(self) -> bool:
        """Tell whether it is switched on."""
        return qemu.pid(self.folder) is not None

    def create(self, image: images.Image) -> None:
        """Make its disks, firmware and keys anew, as the installer and the set-up bench leave a laptop."""
        self.remove()
        self.folder.mkdir(parents=True, mode=0o700)
        disks.overlay(image.luks if self.hardware.encrypted_root else image.plain, self._drive(0))
        for index, size in enumerate(self.hardware.disks, 1):
            disks.blank(self._drive(index), size)
        qemu.firmware(self.folder)
        authorised = keys.bootstrap_key(self._workspace).with_suffix(".pub").read_text(encoding="utf-8")
        key = seed.host_key(self.folder)
        crypttab = image.crypttab.read_text(encoding="utf-8") if self.hardware.encrypted_root else ""
        seed.write(self.folder / "seed.tar", self._lab, self.endpoint, self._plan, authorised, key, crypttab)

    def ensure(self, progress: Callable[[str], None]) -> None:
        """Create it if it is not there, and start it."""
        if not self.folder.is_dir():
            release = self.endpoint.release
            if not images.is_ready(release):
                progress(_("making the disks of {releases} (a few minutes, once)").format(releases=release))
            self.create(images.ensure(release))
        self.start()

    def start(self, *, type_passphrase: bool = True) -> None:
        """Switch it on and wait until its sshd answers with the key that was made for it; idempotent.

        With an encrypted root the lab's passphrase is typed, unless the caller wants to type one: then return at once.

        Raises:
            NomadeError: QEMU or swtpm refused, or the machine does not come up; the message has its last words.
        """
        if not self.running():
            self._switch_on()
        if not (self.hardware.encrypted_root and not type_passphrase):
            if self.hardware.encrypted_root and not self.answers():
                self.console.expect(ASKED, BOOT_SECONDS)
                self.console.type(images.PASSPHRASE)
            self.wait()

    def _switch_on(self) -> None:
        self.console = Console(self.folder / "serial.log", self.folder / "serial.sock")
        (self.folder / "serial.log").unlink(missing_ok=True)
        cables = []
        for index, attachment in enumerate(self.endpoint.attachments):
            tap = taps.name(self._lab, self.endpoint.name, index)
            taps.plug(tap, networks.bridge_of(self._lab, attachment.network))
            cables.append((tap, seed.mac(self._lab, self.endpoint.name, index)))
        if self.hardware.tpm:
            qemu.start_tpm(self.folder)
        drives = [self._drive(index) for index in range(len(self.hardware.disks) + 1)]
        disks.run(*qemu.arguments(self.folder, self.hardware, drives, cables))

    def wait(self, timeout: float = BOOT_SECONDS) -> None:
        """Wait until sshd answers. Raises: NomadeError with what the console shows last."""
        deadline = time.monotonic() + timeout
        while not self.answers():
            if time.monotonic() > deadline or not self.running():
                last = " ".join(self.console.text().split())[-200:]
                raise NomadeError(
                    _("lab: the virtual machine {endpoint} does not answer; its console ends with: {last}").format(
                        endpoint=self.endpoint.name, last=last
                    )
                )
            time.sleep(0.5)

    def answers(self) -> bool:
        """Tell whether a login with the lab's key works, against the pinned host key."""
        return self.run(["true"], timeout=30).returncode == 0

    def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command as root on it, through ssh; the caller judges the exit status (255: not reached)."""
        command = ["ssh", *self.ssh_options(), f"root@{self.endpoint.bench}", shlex.join(argv)]
        try:
            return subprocess.run(command, input=stdin, capture_output=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as error:
            return subprocess.CompletedProcess(command, 255, error.stdout or b"", b"no answer in time")

    def ssh_options(self) -> list[str]:
        """Return ssh's options for a login as root with the lab's key; only the machine's own host key is accepted."""
        known = self.folder / "known_hosts"
        known.write_text(f"{self.endpoint.bench} {self.host_key()}\n", encoding="ascii")
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}", "ConnectTimeout=10"]
        options += ["GlobalKnownHostsFile=none", "IdentitiesOnly=yes", "LogLevel=ERROR"]
        found = ["-F", "none", "-i", str(keys.bootstrap_key(self._workspace))]
        return [*found, *(word for option in options for word in ("-o", option))]

    def host_key(self) -> str:
        """Return its public host key, as it was made here before the machine was first reached."""
        return seed.public_key(seed.host_key(self.folder))

    def cut(self) -> None:
        """Cut the power."""
        qemu.kill(self.folder)
        for index in range(len(self.endpoint.attachments)):
            taps.unplug(taps.name(self._lab, self.endpoint.name, index))

    def restart(self, *, kill: bool = False) -> None:
        """Switch it off and on again and wait for its sshd; `kill` is a power cut instead of an orderly shutdown."""
        if not kill:
            self.run(["systemctl", "poweroff"])
            deadline = time.monotonic() + BOOT_SECONDS
            while self.running() and time.monotonic() < deadline:
                time.sleep(0.3)
        self.cut()
        self.start()

    def save(self, name: str) -> None:
        """Keep memory and disks as they are now under a name."""
        self._monitor("savevm", name)

    def reset(self, name: str) -> None:
        """Set memory and disks back to what was kept; connections that were open are lost."""
        self._monitor("loadvm", name)

    def _monitor(self, action: str, name: str) -> None:
        if said := qemu.monitor(self.folder, f"{action} {name}"):
            raise NomadeError(_("lab: {action} {name}: {message}").format(action=action, name=name, message=said))

    def remove(self) -> None:
        """Cut the power and forget the machine with its disks. Nothing to remove is not an error."""
        self.cut()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _drive(self, index: int) -> Path:
        return self.folder / f"disk{index}.qcow2"


def hosts(lab: str) -> list[str]:
    """Return the endpoints of a lab that have a virtual machine, running or not."""
    folder = _STATE / lab
    return sorted(item.name for item in folder.iterdir() if item.is_dir()) if folder.is_dir() else []


def state(lab: str, host: str) -> str:
    """Return what docker would call the machine's state: running or exited."""
    return "running" if qemu.pid(_STATE / lab / host) is not None else "exited"


def remove_all(lab: str) -> int:
    """End the virtual machines of a lab, with their disks and cables; return how many there were."""
    found = hosts(lab)
    for host in found:
        qemu.kill(_STATE / lab / host)
        for index in range(_MOST_CABLES):
            taps.unplug(taps.name(lab, host, index))
    shutil.rmtree(_STATE / lab, ignore_errors=True)
    return len(found)
