"""`python -m tests.judge.virtual`: Lynis on a laptop that boots its own kernel, before and after, into `docs/juges.md`.

In a container the kernel and its settings are the host's, and Lynis counts them against the laptop. Under emulation the
whole takes most of an hour.
"""

from __future__ import annotations

import datetime
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.judge import Laptop, others, page
from tests.judge.__main__ import COMMUNE, LAPTOP, NEIGHBOUR, PACKAGES, bench, enrol, nomade
from toolkit import reach
from toolkit.errors import UnreachableError
from toolkit.fleet import load
from toolkit.lab import images
from toolkit.lab.machines import Lab
from toolkit.lab.virtual import images as disks
from toolkit.lab.virtual.machine import ASKED, BOOT_SECONDS
from toolkit.transport.ssh import SshTransport

_HARDWARE = "{encrypted_root: true, processors: 1}"
_SECONDS = 5400
_OUTPUT = 4_000_000


class Provisioned(Laptop):
    """The laptop as technicians reach it: through the gateway, as the management account. sshd lets nobody else in."""

    def run(self, *argv: str, stdin: bytes = b"", accepted: Sequence[int] = (0,), timeout: float = 900) -> str:
        """See `Laptop.run`; nothing can be given on standard input."""
        assert not stdin
        workspace = self.lab.workspace
        way = reach.routes(workspace, load(workspace, COMMUNE))[self.name]
        with SshTransport() as transport:
            done = transport.run(way, f"{shlex.join(argv)}\n", timeout=timeout, limit=_OUTPUT)
        if done.exit_code not in accepted:
            raise RuntimeError(f"{self.name}: {shlex.join(argv)}: {done.exit_code}: {done.stderr.decode()[-500:]}")
        return done.stdout.decode(errors="replace")

    def restart(self) -> None:
        """Switch it off and on, typing its passphrase: AppArmor and /tmp in memory begin with the kernel."""
        self.run("systemd-run", "--on-active=1", "systemctl", "poweroff")
        machine, end = self.lab.virtual(self.name), time.monotonic() + BOOT_SECONDS
        while machine.running() and time.monotonic() < end:
            time.sleep(1)
        machine.cut()
        machine.start(type_passphrase=False)
        machine.console.expect(ASKED, BOOT_SECONDS)
        time.sleep(2)
        machine.console.type(disks.PASSPHRASE)
        self.wait(BOOT_SECONDS)
        self.run("systemctl", "is-system-running", "--wait", accepted=(0, 1))

    def wait(self, seconds: float) -> None:
        """Wait until technicians reach it again. Raises UnreachableError."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.run("true", timeout=30)
            except (UnreachableError, RuntimeError):
                if time.monotonic() > end:
                    raise
                time.sleep(5)
            else:
                return


def main() -> int:
    """Run everything and return the exit code."""
    with bench(f"virtual:\n  {LAPTOP}: {_HARDWARE}\n") as lab:
        lab.up([PACKAGES, NEIGHBOUR], progress=print)
        lab.up([LAPTOP], progress=print, virtual=True)
        judge(lab)
    return 0


def judge(lab: Lab) -> None:
    """Have Lynis look at the bare laptop, apply, restart, have it look again, write the page."""
    laptop = Laptop(lab, LAPTOP)
    give_package_lists(lab, laptop)
    laptop.run(
        "sh",
        "-c",
        "apt-get -qq update && apt-get -qq --no-install-recommends install lynis && mkdir -p /root/judge",
        timeout=_SECONDS,
    )
    before = others.lynis(laptop, timeout=_SECONDS)
    print(f"before: {before}", flush=True)
    enrol(lab)
    nomade(lab, "apply", "-c", COMMUNE, timeout=_SECONDS)
    provisioned = Provisioned(lab, LAPTOP)
    provisioned.restart()
    after = others.lynis(provisioned, timeout=_SECONDS)
    print(f"after: {after}", flush=True)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    page.write_virtual(today, before, after)


def give_package_lists(lab: Lab, laptop: Laptop) -> None:
    """Give it the lists that belong to the lab's depot: a container is made with them, a virtual machine without."""
    release = lab.plan().machine(laptop.name).release
    image = images.ensure({release})[release].name
    command = ["docker", "run", "--rm", "--entrypoint", "tar", image, "-C", "/var/lib/apt/lists", "--create", "."]
    lists = subprocess.run(command, capture_output=True, check=True).stdout
    laptop.run("tar", "-C", "/var/lib/apt/lists", "--extract", stdin=lists)


if __name__ == "__main__":
    sys.exit(main())
