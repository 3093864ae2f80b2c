"""Nothing leaves a laptop beside its tunnel, whatever happens to tunnel and network: captured on its cable.

The laptop's programs keep talking to everything they know while the tunnel is not there yet, comes up, dies, while the
machine sleeps and wakes and while its network changes under it.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import chatter
from tests.roles.home import PLACES, PYTHON, TELEWORKER, Home
from tests.roles.home_files import INTERNET, OFFICE_PC, PUBLIC, TIME_SERVER, TUNNEL_PORT
from tests.roles.session import Session

pytestmark = pytest.mark.lab  # root, ip, nft and wireguard-go

SIX = "2001:db8:5::1"
ALLOWED = chatter.allowed(PUBLIC, TUNNEL_PORT)


@contextmanager
def talking(home: Home) -> Iterator[None]:
    """Programs of the teleworker and of root that talk all the time, to everybody."""
    everybody = [INTERNET, OFFICE_PC, TIME_SERVER, PUBLIC, SIX, *(router for router, _own in PLACES.values())]
    speakers = [home.laptop.spawn(PYTHON, "-c", chatter.PROGRAM, *everybody, user=user) for user in (0, TELEWORKER)]
    for speaker in speakers:
        assert speaker.stdout is not None
        assert speaker.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        for speaker in speakers:
            speaker.communicate(timeout=20)
            home.laptop.started.remove(speaker)


@contextmanager
def nothing_beside(home: Home, interface: str) -> Iterator[None]:
    with home.captured(interface, f"not ({ALLOWED})") as packets:
        yield
    assert packets == []


def give_it_ipv6(home: Home, place: str, interface: str) -> None:
    """A network with IPv6 and the whole Internet behind it, as many homes have."""
    home[place].sh("ip address replace 2001:db8:5::1/64 dev lan nodad")
    home.laptop.sh(
        f"ip address add 2001:db8:5::50/64 dev {interface} nodad; ip -6 route add default via {SIX} dev {interface}"
    )


def until_it_carries(home: Home, seconds: float = 15) -> float:
    """Return how long it took until the office answers through the tunnel."""
    start = time.monotonic()
    while home.says(OFFICE_PC, 3389) != "office":
        assert time.monotonic() < start + seconds, "the tunnel does not carry"
    return time.monotonic() - start


def test_the_witness_without_rules_and_tunnel_all_of_it_leaves(home: Home) -> None:
    # Else a capture that sees nothing, or programs that say nothing, would look like a closed laptop.
    interface = home.plug_in("hotel")
    give_it_ipv6(home, "hotel", interface)
    home.laptop.sh("nft flush ruleset")
    with home.captured(interface, f"not ({ALLOWED})") as packets, talking(home):
        time.sleep(2)
    seen = "\n".join(packets)
    for sign in (
        f"{INTERNET}.53:", f"{INTERNET}.123:", f"{INTERNET}.443:", f"{INTERNET}: ICMP echo", "224.0.0.251.5353",
        "255.255.255.255.9:", "ff02::fb.5353", f"{SIX}.443:", f"{SIX}: ICMP6, echo",
    ):  # fmt: skip
        assert sign in seen, sign


@pytest.mark.parametrize("place", PLACES)
def test_nothing_leaves_before_the_tunnel_while_it_comes_up_and_once_it_runs(home: Home, place: str) -> None:
    # As at boot: rules, then a network, then the tunnel.
    interface = home.plug_in(place)
    give_it_ipv6(home, place, interface)
    with nothing_beside(home, interface), talking(home):
        time.sleep(2)
        home.start_tunnel("laptop")
        until_it_carries(home)
        time.sleep(1)


def test_nothing_leaves_when_the_tunnel_dies_and_comes_back(home: Home) -> None:
    interface = home.plug_in("hotel")
    give_it_ipv6(home, "hotel", interface)
    tunnel = home.start_tunnel("laptop")
    until_it_carries(home)
    with nothing_beside(home, interface), talking(home):
        tunnel.kill()
        tunnel.wait(5)
        time.sleep(2)
        home.start_tunnel("laptop")
        until_it_carries(home)


def test_nothing_leaves_when_the_network_changes_and_the_session_goes_on(home: Home) -> None:
    interface = home.plug_in("home")
    home.start_tunnel("laptop")
    until_it_carries(home)
    session = Session(home)
    with talking(home), nothing_beside(home, interface):
        home.laptop.sh(f"ip route delete default dev {interface}")
        other = home.plug_in("hotel")  # a dock's cable, while the Wi-Fi is still there
        with nothing_beside(home, other):
            time.sleep(1)
            home.laptop.sh(f"ip link set {interface} down")
            start = time.monotonic()
            session.goes_on("still there")
            assert time.monotonic() - start < 20
    assert until_it_carries(home) < 15


def test_nothing_leaves_while_it_sleeps_and_wakes(home: Home) -> None:
    # What a suspend does to the network: programs stand still, the link is gone, then all is back at once.
    interface = home.plug_in("hotel")
    give_it_ipv6(home, "hotel", interface)
    tunnel = home.start_tunnel("laptop")
    until_it_carries(home)
    with nothing_beside(home, interface), talking(home):
        tunnel.send_signal(signal.SIGSTOP)
        home.laptop.sh(f"ip link set {interface} down")
        time.sleep(2)
        home.laptop.sh(f"ip link set {interface} up; ip route replace default via {PLACES['hotel'][0]} dev {interface}")
        time.sleep(2)
        tunnel.send_signal(signal.SIGCONT)
        assert until_it_carries(home, 30) < 30


def test_names_of_the_network_are_not_asked_by_the_laptop_itself(home: Home) -> None:
    # systemd-resolved, NetworkManager, avahi and timesyncd are accounts like others to the kernel: none is let out.
    interface = home.plug_in("hotel")
    accounts = [1, 101, 102, 103, 997, 998]
    script = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(bytes(30), ('{}', {}))"
    with nothing_beside(home, interface):
        for user in accounts:
            for address, port in ((PLACES["hotel"][0], 53), ("224.0.0.251", 5353), (INTERNET, 123)):
                home.laptop.run(f'{PYTHON} -c "{script.format(address, port)}"', user=user)


def test_the_time_is_asked_through_the_tunnel(home: Home) -> None:
    home.plug_in("home")
    home.start_tunnel("laptop")
    until_it_carries(home)
    script = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); "
        f"s.sendto(bytes([0x23]) + bytes(47), ('{TIME_SERVER}', 123)); print(len(s.recv(100)))"
    )
    assert home.laptop.sh(f'{PYTHON} -c "{script}"') == "48\n"
