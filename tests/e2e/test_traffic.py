"""What gets through and what does not, on a provisioned site: a tunnel that starts is not a tunnel that carries."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import network
from tests.e2e.network import reachable
from toolkit import fleet
from toolkit.fleet.addresses import load as load_addresses
from toolkit.lab.machines import Lab

pytestmark = pytest.mark.lab

COMMUNES = ("pontlierre", "valsorbe")
RDP = 3389
SSH = 22
TUNNEL = "wg-nomade"


class Commune:
    """Names and addresses of one commune of the demo."""

    def __init__(self, lab: Lab, name: str) -> None:
        self.fleet = fleet.load(lab.workspace, name)
        self.laptop = self.fleet.laptops[0].name
        self.office_pc = self.fleet.office_pcs[0]
        self.gateway = self.fleet.gateway
        self.office = self.office_pc.office_address
        inner = load_addresses(lab.workspace.commune(name).addresses, self.fleet).tunnel
        self.laptop_inside = inner[self.laptop]
        self.laptop_outside = lab.plan().machine(self.laptop).attachments[1].address


@pytest.fixture(params=COMMUNES)
def commune(site: Lab, request: pytest.FixtureRequest) -> Commune:
    return Commune(site, request.param)


@pytest.fixture
def other(site: Lab, commune: Commune) -> Commune:
    name = next(name for name in COMMUNES if name != commune.fleet.commune.id)
    return Commune(site, name)


@pytest.fixture
def away(site: Lab, commune: Commune) -> Iterator[Commune]:
    """The laptop far from the bench, with nothing but somebody's internet access."""
    with network.unplugged(site, commune.laptop, "bench"):
        yield commune


def handshake_age(lab: Lab, host: str) -> float:
    said = lab.exec(host, ["wg", "show", TUNNEL, "latest-handshakes"]).stdout.decode().split()
    return time.time() - int(said[1])


def test_both_ends_of_the_tunnel_shook_hands(site: Lab, commune: Commune) -> None:
    # Renewed every two minutes while there is traffic, dead after three (WireGuard's REJECT_AFTER_TIME).
    assert handshake_age(site, commune.laptop) < 180
    assert handshake_age(site, commune.gateway.name) < 180


def test_the_laptop_away_reaches_its_own_office_pc(site: Lab, away: Commune) -> None:
    assert reachable(site, away.laptop, (away.office, RDP))[(away.office, RDP)]


def test_the_laptop_away_reaches_the_declared_service_only(site: Lab, away: Commune) -> None:
    depot = away.fleet.applications[0]
    answer = reachable(site, away.laptop, (depot.address, depot.port), (away.office, SSH), (depot.address, SSH))
    assert list(answer.values()) == [True, False, False]


def test_rules_that_something_else_removed_are_put_back_by_applying(site: Lab, commune: Commune) -> None:
    # systemd-networkd does so when a machine wakes: without them nothing goes through the tunnel, nor beside it.
    program = "/usr/local/libexec/nomade-vpn"

    def said(action: str) -> str:
        done = site.exec(commune.laptop, [program, action])
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    assert said("check") == ""
    site.exec(commune.laptop, ["ip", "-4", "rule", "delete", "preference", "32503"])
    assert said("check") == "changed"
    assert said("ensure") == "changed"
    assert said("check") == ""
    assert site.exec(commune.laptop, ["ip", "-4", "rule", "show", "preference", "32503"]).stdout != b""


def test_no_other_machine_gets_an_answer_from_the_office_pc(site: Lab, commune: Commune, other: Commune) -> None:
    at_bench = commune.office_pc.bench.address
    targets = (commune.office, RDP), (at_bench, RDP)
    for host in (commune.gateway.name, other.laptop, other.gateway.name, other.office_pc.name):
        assert not any(reachable(site, host, *targets).values()), host
    assert RDP not in network.open_ports(at_bench)
    assert RDP not in network.open_ports(commune.office)


def test_the_other_commune_is_out_of_reach(site: Lab, commune: Commune, other: Commune) -> None:
    targets = [
        (address, port)
        for address in (other.office, other.gateway.office.address, other.laptop_inside, other.laptop_outside)
        for port in (SSH, RDP)
    ]
    for host in (commune.laptop, commune.office_pc.name, commune.gateway.name):
        assert not any(reachable(site, host, *targets).values()), host


def test_the_laptop_lets_nothing_out_beside_the_tunnel(site: Lab, away: Commune, artefacts: Path) -> None:
    name = network.interface(site, away.laptop, away.laptop_outside)
    public = away.gateway.public
    outside = f"not arp and not (udp and dst host {public.address} and dst port {public.port})"
    file = artefacts / f"outside-{away.laptop}.pcap"
    router = site.plan().machine(away.laptop).router
    with network.captured(site, away.laptop, name, outside, file) as packets:
        network.chatter(site, away.laptop, "192.0.2.53", router, public.address, "198.51.100.7")
    assert packets == []


def test_the_tunnel_packets_themselves_are_seen(site: Lab, away: Commune, artefacts: Path) -> None:
    # The witness of the test above: the same capture sees what it is meant to see.
    name = network.interface(site, away.laptop, away.laptop_outside)
    tunnel = f"udp and dst host {away.gateway.public.address} and dst port {away.gateway.public.port}"
    with network.captured(site, away.laptop, name, tunnel, artefacts / f"tunnel-{away.laptop}.pcap") as packets:
        assert reachable(site, away.laptop, (away.office, RDP))[(away.office, RDP)]
    assert packets


def test_nothing_leaves_while_the_gateway_is_away(site: Lab, away: Commune, artefacts: Path) -> None:
    name = network.interface(site, away.laptop, away.laptop_outside)
    public = away.gateway.public
    outside = f"not arp and not (udp and dst host {public.address} and dst port {public.port})"
    site.pause(away.gateway.name)
    try:
        file = artefacts / f"closed-{away.laptop}.pcap"
        with network.captured(site, away.laptop, name, outside, file) as packets:
            network.chatter(site, away.laptop, "192.0.2.53", "198.51.100.7")
        assert packets == []
    finally:
        site.unpause(away.gateway.name)


def test_a_neighbour_finds_no_open_port_on_the_laptop(site: Lab, commune: Commune) -> None:
    assert network.open_ports(commune.laptop_outside) == []


def test_the_gateway_shows_no_open_port_to_the_internet(site: Lab, commune: Commune) -> None:
    # This machine is at the first address of the internet network, which is no set-up network.
    assert network.open_ports(commune.gateway.public.address) == []


def test_administration_comes_from_the_bench_and_through_the_gateway(site: Lab, away: Commune) -> None:
    inside = (away.laptop_inside, SSH), (away.office, SSH)
    assert all(reachable(site, away.gateway.name, *inside).values())
    assert network.open_ports(away.office_pc.bench.address) == [SSH]
    assert not any(reachable(site, away.laptop, (away.office, SSH), (away.gateway.office.address, SSH)).values())
    assert not any(reachable(site, away.office_pc.name, (away.laptop_inside, SSH)).values())


def test_after_a_power_cut_the_laptop_is_closed_and_the_tunnel_comes_back(site: Lab, commune: Commune) -> None:
    site.restart(commune.laptop, kill=True)
    assert b"policy drop" in site.exec(commune.laptop, ["nft", "list", "ruleset"]).stdout
    deadline = time.monotonic() + 60
    while not reachable(site, commune.laptop, (commune.office, RDP))[(commune.office, RDP)]:
        assert time.monotonic() < deadline, "no tunnel after the power cut"
        time.sleep(1)


# Begins to talk as soon as a real machine would have a network, while the tunnel is still coming up.
TALK_AT_BOOT = """
import socket, time
end = time.monotonic() + 12
question = bytes.fromhex("123401000001000000000000076578616d706c65036f72670000010001")
while time.monotonic() < end:
    for address in ("ROUTER", "198.51.100.7", "224.0.0.251", "255.255.255.255"):
        for port in (53, 123, 443, 5353):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                try: out.sendto(question, (address, port))
                except OSError: pass
    time.sleep(0.02)
"""
TALKER = """[Unit]
DefaultDependencies=no
Wants=network-pre.target
After=network-pre.target
Before=network.target
[Service]
ExecStart=/usr/bin/python3 /usr/local/libexec/talk-at-boot
[Install]
WantedBy=multi-user.target
"""


def test_nothing_leaves_while_the_laptop_starts(site: Lab, away: Commune, artefacts: Path) -> None:
    router = site.plan().machine(away.laptop).router
    unit = "/etc/systemd/system/talk-at-boot.service"
    install = f"cat > {unit} && systemctl daemon-reload && systemctl --quiet enable talk-at-boot"
    script = TALK_AT_BOOT.replace("ROUTER", router).encode()
    assert site.exec(away.laptop, ["sh", "-c", "cat > /usr/local/libexec/talk-at-boot"], stdin=script).returncode == 0
    assert site.exec(away.laptop, ["sh", "-c", install], stdin=TALKER.encode()).returncode == 0
    public = away.gateway.public
    tunnel = f"{public.address}.{public.port}: UDP"
    file = artefacts / f"boot-{away.laptop}.pcap"
    wanted = f"src host {away.laptop_outside} and not arp and not tcp src port 22"
    try:
        with network.captured_on_the_way(site, "internet", wanted, file) as packets:
            site.restart(away.laptop, kill=True)
            time.sleep(5)
    finally:
        site.exec(away.laptop, ["sh", "-c", f"systemctl --quiet disable --now talk-at-boot; rm -f {unit}"])
    assert [line for line in packets if tunnel not in line] == []
    assert packets, "the tunnel did not even try"
