"""Names are asked through the tunnel: systemd-resolved itself, of both releases, on provisioned laptops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Nomade
from tests.e2e.fleets import rewritten, with_line
from tests.e2e.network import captured, interface
from toolkit import fleet
from toolkit.lab.machines import Lab

pytestmark = pytest.mark.lab

SERVER = "198.18.11.53"  # of an office: nobody answers there, what counts is where the question goes
ROUTER = "192.0.2.53"  # what the laptop's network gives
TUNNEL = "wg-nomade"
ANY = "port 53 or port 853 or port 5353 or port 5355"  # DNS, DNS over TLS, mDNS, LLMNR
# As somebody wants it who has no commune: neighbours are asked too. It starts before the message bus knows it.
INSTALL = """
cp /etc/resolv.conf /root/names-before
mkdir -p /etc/systemd/resolved.conf.d
printf '[Resolve]\\nMulticastDNS=yes\\nLLMNR=yes\\n' > /etc/systemd/resolved.conf.d/00-lab.conf
apt-get -qq --no-install-recommends install systemd-resolved
systemctl restart systemd-resolved.service
resolvectl dns $1 $2
resolvectl mdns $1 yes
resolvectl llmnr $1 yes
"""
REMOVE = """
apt-get -qq purge systemd-resolved
rm -rf /etc/systemd/resolved.conf.d/00-lab.conf /etc/resolv.conf /run/systemd/resolve
mv /root/names-before /etc/resolv.conf
"""
ASK = """
timeout 3 resolvectl --protocol=dns query "$1-dns.example" || true
timeout 3 resolvectl --protocol=mdns query "$1-mdns.local" || true
timeout 3 resolvectl --protocol=llmnr query "$1-llmnr" || true
"""
OPEN = "nft --echo --handle insert rule inet nomade output oifname $1 accept | sed -n 's/.*# handle //p'"
CLOSE = "nft delete rule inet nomade output handle $1"


def run(lab: Lab, host: str, script: str, *arguments: str) -> str:
    done = lab.exec(host, ["sh", "-euc", script, "sh", *arguments], timeout=300)
    assert done.returncode == 0, script + done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode().strip()


@pytest.fixture(scope="module", params=["pontlierre", "valsorbe"])
def commune(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def laptop(site: Lab, commune: str) -> Iterator[tuple[str, str]]:
    """A laptop with systemd-resolved, which its network gave a name server, and its interface of that network."""
    name = fleet.load(site.workspace, commune).laptops[0].name
    cable = interface(site, name, site.plan().machine(name).attachments[1].address)
    try:
        run(site, name, INSTALL, cable, ROUTER)
        yield name, cable
    finally:
        run(site, name, REMOVE)


@pytest.fixture(scope="module")
def applied(site: Lab, nomade: Nomade, commune: str, laptop: tuple[str, str]) -> Iterator[list[str]]:
    """The commune has a name server of its own: what applying said, the first time and the second."""
    apply = ("apply", "-c", commune, "-l", laptop[0], "--tags", "vpn_client")
    try:
        with rewritten(site, with_line("  laptop:", f"  laptop:\n    vpn_client_dns_servers: [{SERVER}]\n"), commune):
            yield [nomade(site.workspace, *apply).stderr for _time in range(2)]
    finally:
        nomade(site.workspace, *apply)


def test_without_rules_and_settings_the_neighbours_would_be_asked(
    site: Lab, laptop: tuple[str, str], tmp_path: Path
) -> None:
    # Else a resolver that asks nobody would look like a closed laptop.
    name, cable = laptop
    with captured(site, name, cable, ANY, tmp_path / "beside") as beside:
        handle = run(site, name, OPEN, cable)
        try:
            run(site, name, ASK, "open")
        finally:
            run(site, name, CLOSE, handle)
    for sign in ("> 224.0.0.251.5353:", "> 224.0.0.252.5355:"):
        assert any(sign in line for line in beside), (sign, beside)


def test_a_commune_gives_its_name_server_once(commune: str, applied: list[str]) -> None:
    first, second = applied
    assert f"{commune}: 1 of 1 endpoints done, 1 changed" in first
    assert f"{commune}: 1 of 1 endpoints done, 0 changed" in second


def test_names_are_asked_in_the_tunnel_and_nowhere_else(
    site: Lab, applied: list[str], laptop: tuple[str, str], tmp_path: Path
) -> None:
    assert applied
    name, cable = laptop
    with captured(site, name, cable, ANY, tmp_path / "beside") as beside:
        with captured(site, name, TUNNEL, ANY, tmp_path / "inside") as inside:
            run(site, name, ASK, "up")
        run(site, name, "systemctl stop nomade-vpn.service")
        try:
            run(site, name, ASK, "down")
        finally:
            run(site, name, "systemctl start nomade-vpn.service")
    assert any(f"> {SERVER}.53:" in line and "up-dns.example" in line for line in inside), inside
    assert {line for line in inside if f"> {SERVER}." not in line} == set()
    assert beside == []
