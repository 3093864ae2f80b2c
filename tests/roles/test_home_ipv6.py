"""The tunnel from homes whose provider gives IPv6 alone: translated (NAT64), or with IPv4 carried in it (DS-Lite)."""

from __future__ import annotations

import pytest

from tests.roles import home_six
from tests.roles.home import Home
from tests.roles.home_files import OFFICE_PC, TUNNEL_PORT
from tests.roles.home_six import INTERFACE, TRANSLATED
from tests.roles.session import Session
from tests.roles.test_fail_closed import talking
from tests.roles.test_home_networks import carries, told, transferred

pytestmark = pytest.mark.lab  # root, ip, nft, wireguard-go and tayga


@pytest.fixture(scope="module")
def street(house: Home) -> Home:
    home_six.built(house)
    return house


@pytest.fixture
def six(street: Home, home: Home) -> Home:
    """The laptop after a start, plugged in nowhere; a home without IPv4 is there."""
    return home


def endpoint(home: Home) -> str:
    return home.laptop.sh("wg show wg-nomade endpoints | cut -f 2").strip()


def test_the_tunnel_comes_up_through_a_translation_and_nothing_goes_beside_it(six: Home) -> None:
    home_six.plug_in(six)
    neighbours = "icmp6 and ip6[40] >= 133 and ip6[40] <= 136"
    multicast = "ip6 and ip6[6] == 0"
    beside = f"not ((dst host {TRANSLATED} and udp dst port {TUNNEL_PORT}) or ({neighbours}) or ({multicast}))"
    with six.captured(INTERFACE, beside) as packets, talking(six):
        six.start_tunnel("laptop")
        assert six.shaken(15)
        assert endpoint(six) == f"[{TRANSLATED}]:{TUNNEL_PORT}"
        assert six.says(OFFICE_PC, 3389) == "office"
        assert transferred(six, 300_000) == 300_000
        assert told(six) == {
            "network": "ipv6", "handshake": "now", "gateway": "answers", "large_packets": "pass", "same_network": "no"
        }  # fmt: skip
    assert packets == []


def test_without_the_rules_for_it_the_translated_gateway_is_not_reached(six: Home) -> None:
    # Else the rule might be there for nothing, and what is captured above might pass by another.
    home_six.plug_in(six)
    six.load_rules("laptop", **{f"ip6 daddr {TRANSLATED}": "ip6 daddr 64:ff9b::1"})
    six.start_tunnel("laptop")
    assert not six.shaken(3)


def test_a_laptop_says_that_its_network_has_no_ipv4_and_no_translation_either(six: Home) -> None:
    home_six.plug_in(six)
    six["six"].sh("ip -6 route add unreachable 64:ff9b::/96")
    try:
        six.start_tunnel("laptop")
        assert told(six) == {"network": "ipv6", "handshake": "none", "gateway": "silent", "same_network": "no"}
    finally:
        six["six"].sh("ip -6 route delete unreachable 64:ff9b::/96")


def test_a_session_goes_on_from_a_network_with_ipv4_to_one_without_and_back(six: Home) -> None:
    carries(six, "hotel")
    session = Session(six)
    six.unplug("up-hotel")
    home_six.plug_in(six)
    six.network_changed(INTERFACE)
    session.goes_on("without")
    assert endpoint(six).startswith(f"[{TRANSLATED}]")
    six.unplug(INTERFACE)
    six.plug_in("hotel")
    six.network_changed("up-hotel")
    session.goes_on("with")
    assert not endpoint(six).startswith("[")


@pytest.mark.parametrize("mtu", [1460, 1452], ids=["DS-Lite", "DS-Lite over PPPoE"])
def test_dual_stack_lite_carries_whole_transfers(six: Home, mtu: int) -> None:
    home_six.dual_stack_lite(six, mtu)
    try:
        home_six.plug_in(six, dual=True)
        six.start_tunnel("laptop")
        assert six.shaken(15)
        assert not endpoint(six).startswith("["), "IPv4 is there: no detour"
        assert transferred(six, 300_000) == 300_000
        assert told(six)["large_packets"] == "pass"
    finally:
        home_six.end_dual_stack_lite(six)
