"""A laptop with a kernel of its own sleeps, wakes and starts behind its gateway: captured on its cable.

tests/roles/test_fail_closed.py stops programs and pulls cables in network namespaces; here the kernel itself suspends.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests import chatter
from tests.conftest import Nomade
from tests.e2e.network import captured_on_the_way
from tests.vm.story import Story
from toolkit import fleet
from toolkit.fleet.addresses import load as load_addresses
from toolkit.lab.virtual import seed

pytestmark = [pytest.mark.vm, pytest.mark.parametrize("story", ["debian-13"], indirect=True)]

SECONDS = 240
INTERNET = "internet"
# In the background until it is stopped, or the machine starts anew.
TALK = """
cat > /run/chatter.py
systemd-run --quiet --unit=chatter sh -c 'sleep infinity | exec python3 /run/chatter.py EVERYBODY'
until journalctl --quiet --unit=chatter --output=cat | grep -q ready; do sleep 0.5; done
"""
# The clock of the hardware wakes it, as a lid that is opened would.
SLEEP = """
rtcwake --mode no --seconds 20 > /dev/null
systemctl suspend
"""


class Behind:
    """The story's laptop with its tunnel, and what leaves it on its own network."""

    def __init__(self, story: Story) -> None:
        self.story, self.lab, machine = story, story.lab, story.machine.endpoint
        self.fleet = fleet.load(self.lab.workspace, machine.commune)
        index = next(i for i, cable in enumerate(machine.attachments) if cable.network == INTERNET)
        self._from = f"ether src {seed.mac(self.lab.name, machine.name, index)}"
        public = self.fleet.gateway.public
        self.tunnel = f"{self._from} and dst host {public.address} and udp dst port {public.port}"
        self.beside = f"{self._from} and not ({chatter.allowed(public.address, public.port)})"
        inside = load_addresses(self.lab.workspace.commune(machine.commune).addresses, self.fleet).tunnel
        self.gateway = inside[self.fleet.gateway.name]

    def carries(self) -> None:
        """Wait until the gateway answers through the tunnel."""
        self.story.shell(f"ping -q -c 1 -w {SECONDS} {self.gateway}")

    def talk(self) -> None:
        """Let programs talk to everybody but the gateway, which answers so many pings only."""
        pc = self.fleet.office_pcs[0].office_address
        self.story.shell(TALK.replace("EVERYBODY", f"{pc} 192.0.2.53 2001:db8:5::1"), chatter.PROGRAM.encode())


@pytest.fixture
def behind(story: Story, nomade: Nomade, tmp_path: Path) -> Behind:
    """The laptop with tunnel and firewall, its gateway beside it; before, what it says to everybody did leave."""
    lab, machine = story.lab, story.machine.endpoint
    gateway = fleet.load(lab.workspace, machine.commune).gateway.name
    lab.up([gateway])
    keys, here = lab.workspace.state / "lab", ("-c", machine.commune, "-l", f"{gateway},{machine.name}")
    known = ("--known-hosts", str(keys / "known_hosts"), "--key", str(keys / "bootstrap_ed25519"))
    login = fleet.load(lab.workspace, machine.commune).teleworkers[0].login
    story.shell(f"getent passwd {login} > /dev/null || useradd --create-home {login}")
    found = Behind(story)
    with captured_on_the_way(lab, INTERNET, found.beside, tmp_path / "before") as before:
        found.talk()
        time.sleep(5)
        story.shell("systemctl stop chatter")
    assert before
    for arguments in (("enroll", *here, *known), ("apply", *here, "--tags", "vpn_client,vpn_gateway,firewall")):
        done = nomade(lab.workspace, *arguments, timeout=1800)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return found


def test_nothing_leaves_while_the_machine_sleeps_wakes_and_starts(behind: Behind, tmp_path: Path) -> None:
    story, lab = behind.story, behind.lab
    behind.carries()
    with captured_on_the_way(lab, INTERNET, behind.beside, tmp_path / "beside") as beside:
        with captured_on_the_way(lab, INTERNET, behind.tunnel, tmp_path / "tunnel") as tunnel:
            behind.talk()
            behind.story.shell(SLEEP)
            slept(story)
            behind.carries()
        assert tunnel, "a capture that sees nothing"
        story.cut_and_boot()
        behind.talk()
        behind.carries()
    assert beside == []


def slept(story: Story) -> None:
    """Wait until the machine is awake again, and see that it slept."""
    deadline = time.monotonic() + SECONDS
    while "suspend exit" not in (said := story.machine.run(["journalctl", "-k", "-b", "-o", "cat"]).stdout.decode()):
        assert time.monotonic() < deadline, said[-500:]
        time.sleep(2)
