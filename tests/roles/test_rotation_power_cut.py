"""Power lost between every two steps of a change of key, on the laptop, on the gateway and on the control machine.

After each cut the laptop has a tunnel with its old or its new key, nobody else notices, and what is run next, `nomade
vpn rotate` or `nomade apply` and then that, ends where an undisturbed change would.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.roles.home import Home, Machine
from tests.roles.home_files import PUBLIC, TUNNEL_PORT, public_key
from tests.roles.rotation import LAPTOP, Site
from toolkit.vpn import keys
from toolkit.workspace import Workspace

pytestmark = pytest.mark.lab  # root, ip, nft and wireguard-go

MOST = 60  # steps; far more than a change of key has
HUB = "10.77.9.1"


@pytest.fixture
def site(home: Home) -> Iterator[Site]:
    """The laptop in a hotel with its tunnel, a colleague's laptop at home with hers."""
    key = home.folder / "other.key"
    key.touch(mode=0o600)
    key.write_text(subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout)
    made = Site(home, Workspace(home.folder / "workspace"))
    made.enrol()
    made.furnish()
    home.plug_in("hotel")
    home.start_tunnel("laptop")
    start_other(home)
    yield made
    tunnel = home["neighbour"].started.pop()
    tunnel.kill()
    tunnel.communicate()
    home["neighbour"].sh("ip route delete default")
    made.clear()


def start_other(home: Home) -> None:
    neighbour = home["neighbour"]
    neighbour.sh("ip route replace default via 192.168.1.254")
    neighbour.spawn("wireguard-go", "-f", "wg-other")
    neighbour.sh(f"""until wg show wg-other > /dev/null 2>&1; do sleep 0.1; done
        ip address add 10.77.9.3/32 dev wg-other; ip link set wg-other up; ip route add {HUB}/32 dev wg-other""")
    greet(home)


def greet(home: Home) -> None:
    """Let the colleague's laptop shake hands anew: by itself it takes a quarter of a minute to notice a new gateway."""
    hub = public_key(home.folder / "gateway.key")
    home["neighbour"].sh(
        f"wg set wg-other peer {hub} remove; wg set wg-other private-key {home.folder}/other.key "
        f"peer {hub} endpoint {PUBLIC}:{TUNNEL_PORT} allowed-ips {HUB}/32"
    )
    assert reaches(home["neighbour"], 5)


def reaches(machine: Machine, seconds: int) -> bool:
    return machine.run(f"ping -n -q -i 0.2 -c 1 -w {seconds} {HUB}").returncode == 0


def power_lost(home: Home, *names: str) -> None:
    """Machines stop where they are, and start again."""
    for name in names:
        machine = home[name]
        (tunnel,) = [process for process in machine.started if "wireguard-go" in str(process.args)]
        tunnel.kill()
        tunnel.communicate()
        machine.started.remove(tunnel)
        machine.sh("find /run/wireguard /run/nomade-vpn -type s,f -delete")  # nothing below /run outlives it
    for name in names:
        home.start_tunnel(name)


def has_a_tunnel(home: Home) -> None:
    """Check that the laptop, as it is, reaches the gateway, whose timer runs a little oftener here than each minute."""
    end = time.monotonic() + 10
    while not reaches(home.laptop, 1):
        home["gateway"].sh("/usr/local/libexec/nomade-vpn settle")
        assert time.monotonic() < end, home["gateway"].sh("wg show; cat /etc/wireguard/nomade.rotations")


def has_converged(site: Site, former: str) -> None:
    """Check that there is one key, written down, that the gateway accepts no other, and that nothing is left over."""
    known = keys.known(site.workspace.commune("essai"))
    present = site.home.laptop.sh("wg pubkey < /etc/wireguard/nomade.key").strip()
    assert known.current[LAPTOP] == present != former
    assert LAPTOP not in known.next
    assert site.home.laptop.sh("ls -A /etc/wireguard").split() == ["nomade.conf", "nomade.key"]
    allowed = dict(
        line.split("\t", 1) for line in site.home["gateway"].sh("wg show wg-nomade allowed-ips").splitlines()
    )
    assert allowed[present] == "10.77.9.2/32"
    assert allowed.get(former, "(none)") == "(none)"
    assert site.home["gateway"].sh("cat /etc/wireguard/nomade.rotations") == ""


def test_power_cut_anywhere_in_a_change_of_key(site: Site) -> None:
    home = site.home
    for number in range(1, MOST):
        former = keys.known(site.workspace.commune("essai")).current[LAPTOP]
        cut = site.rotate(cut_before=number)
        if cut:
            # By turns, to stay short: without the gateway, and with it; on with one command, and with the other.
            if number % 2:
                power_lost(home, "laptop")
                has_a_tunnel(home)
                assert reaches(home["neighbour"], 1), "a colleague was cut off"
            else:
                power_lost(home, "gateway", "laptop")
                has_a_tunnel(home)
                greet(home)
            if number // 2 % 2:
                site.apply()
                has_a_tunnel(home)
            assert not site.rotate()
        has_converged(site, former)
        has_a_tunnel(home)
        assert reaches(home["neighbour"], 1), "a colleague was cut off"
        if not cut:
            assert number > 15
            return
    raise AssertionError("it never ended")
