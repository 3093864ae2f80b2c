"""The tunnel over home networks as they are: the office's own addresses, small packets, translation twice, no UDP."""

from __future__ import annotations

import json
import time

import pytest

from tests.roles.home import PYTHON, Home
from tests.roles.home_files import OFFICE_PC, TUNNEL_PORT
from toolkit.doctor_laptop import read

pytestmark = pytest.mark.lab  # root, ip, nft and wireguard-go

# Sends so many bytes to the office's echo and reads them back; prints how many came.
TRANSFER = (
    "import socket,threading; c = socket.create_connection(('192.168.1.20', 3389), 5); c.settimeout(9); size = {size}; "
    "f = c.makefile('rb'); f.readline(); "
    "threading.Thread(target=lambda: c.sendall(bytes(size)), daemon=True).start(); print(len(f.read(size)))"
)
DIAGNOSE = "/usr/local/libexec/nomade-vpn diagnose"


def transferred(home: Home, size: int) -> int:
    done = home.laptop.run(f'{PYTHON} -c "{TRANSFER.format(size=size)}"')
    return int(done.stdout or 0)


def carries(home: Home, place: str) -> None:
    home.plug_in(place)
    home.start_tunnel("laptop")
    assert home.shaken(15)


def size(home: Home) -> int:
    (link,) = json.loads(home.laptop.sh("ip -json link show dev wg-nomade"))
    return int(link["mtu"])


def told(home: Home) -> dict[str, str]:
    return read(home.laptop.sh(DIAGNOSE))


def test_the_office_is_reached_although_the_home_has_its_very_addresses(home: Home) -> None:
    home.plug_in("home")
    assert home.says(OFFICE_PC, 3389) == ""  # closed, and not the neighbour
    home.start_tunnel("laptop")
    assert home.shaken(15)
    assert home.says(OFFICE_PC, 3389) == "office"
    home.laptop.sh("nft flush ruleset")
    assert home.says(OFFICE_PC, 3389) == "office"  # by the routes, not only because the neighbour is blocked


@pytest.mark.parametrize("broken", [False, True], ids=["fragments pass", "fragments are lost"])
def test_a_network_of_small_packets_carries_whole_transfers(home: Home, broken: bool) -> None:
    home["hotel"].sh("ip link set wan mtu 1280")
    home["carrier"].sh("ip link set in1 mtu 1280")
    if broken:
        # Many routers and carriers lose fragments, and say nothing.
        lost = "chain lose { type filter hook prerouting priority -450; ip frag-off & 0x3fff != 0 drop; }"
        home.trouble("hotel", lost)
        home.trouble("carrier", lost)
    try:
        carries(home, "hotel")
        if broken:
            assert told(home)["large_packets"] == "lost"
            home.network_changed("up-hotel")
            assert size(home) == 1200
            assert told(home)["large_packets"] == "pass"
        else:
            home.network_changed("up-hotel")
            assert size(home) == 1420
        assert transferred(home, 300_000) == 300_000
    finally:
        home["carrier"].sh("ip link set in1 mtu 1500; nft delete table inet trial 2> /dev/null || true")


def test_packets_are_large_again_in_a_network_that_carries_them(home: Home) -> None:
    carries(home, "hotel")
    home.laptop.sh("ip link set wg-nomade mtu 1200")  # of another network
    home.network_changed("up-hotel")
    assert size(home) == 1420


def test_the_gateway_reaches_the_laptop_behind_two_translations_that_forget_quickly(home: Home) -> None:
    for router in ("hotel", "carrier"):
        home[router].sh(
            "sysctl -qw net.netfilter.nf_conntrack_udp_timeout=8 net.netfilter.nf_conntrack_udp_timeout_stream=8"
        )
    carries(home, "hotel")
    time.sleep(12)  # nothing but the keepalive (5 s in this test, 25 s in the role; translations last 30 s and more)
    assert home["gateway"].run("ping -c 1 -W 2 10.77.9.2").returncode == 0


def test_what_a_laptop_says_of_a_tunnel_that_works(home: Home) -> None:
    carries(home, "hotel")
    assert told(home) == {
        "network": "up", "handshake": "now", "gateway": "answers", "large_packets": "pass", "same_network": "no"
    }  # fmt: skip


def test_what_a_laptop_says_where_udp_is_blocked(home: Home) -> None:
    home.trouble("hotel", f"chain out {{ type filter hook forward priority 0; udp dport {TUNNEL_PORT} drop; }}")
    home.plug_in("hotel")
    home.start_tunnel("laptop")
    assert told(home) == {"network": "up", "handshake": "none", "gateway": "silent", "same_network": "no"}


def test_what_a_laptop_says_where_udp_is_refused(home: Home) -> None:
    home.trouble("hotel", f"chain out {{ type filter hook forward priority 0; udp dport {TUNNEL_PORT} reject; }}")
    home.plug_in("hotel")
    home.start_tunnel("laptop")
    assert told(home)["handshake"] == "none"


def test_what_a_laptop_says_without_network_and_in_a_network_like_the_offices(home: Home) -> None:
    home.start_tunnel("laptop")
    assert told(home)["network"] == "none"
    home.plug_in("home")
    assert told(home)["same_network"] == "yes"
