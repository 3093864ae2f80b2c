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

COMMUNES = ("pontlierre", "valsorbe")
SERVER = "198.18.11.53"  # of an office: nobody answers there, what counts is where the question goes
ROUTER = "192.0.2.53"  # what the laptop's network gives
TUNNEL = "wg-nomade"
ANY = "port 53 or port 853 or port 5353 or port 5355"  # DNS, DNS over TLS, mDNS, LLMNR
ASK = """
for protocol in dns mdns llmnr; do
  timeout 3 resolvectl --protocol=$protocol query "$1-$protocol.example" || true
done
"""


def run(lab: Lab, host: str, script: str, *arguments: str) -> str:
    done = lab.exec(host, ["sh", "-euc", script, "sh", *arguments], timeout=300)
    assert done.returncode == 0, script + done.stdout.decode() + done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture(scope="module")
def laptops(site: Lab) -> Iterator[dict[str, str]]:
    """Laptop with systemd-resolved, which its network gave a name server → the interface of that network."""
    names = [fleet.load(site.workspace, commune).laptops[0].name for commune in COMMUNES]
    cables = {name: interface(site, name, site.plan().machine(name).attachments[1].address) for name in names}
    try:
        for name, cable in cables.items():
            run(site, name, "cp /etc/resolv.conf /root/names-before; apt-get -qq install systemd-resolved")
            run(
                site,
                name,
                f"resolvectl dns {cable} {ROUTER}; resolvectl mdns {cable} yes; resolvectl llmnr {cable} yes",
            )
        yield cables
    finally:
        for name in names:
            run(
                site,
                name,
                "apt-get -qq purge systemd-resolved; rm /etc/resolv.conf; mv /root/names-before /etc/resolv.conf",
            )


@pytest.fixture(scope="module")
def applied(site: Lab, nomade: Nomade, laptops: dict[str, str]) -> Iterator[list[str]]:
    """Both communes with a name server of their own: what applying said, the first time and the second."""
    apply = ("apply", "--all-communes", "-l", ",".join(laptops), "--tags", "vpn_client_tunnel")
    try:
        with rewritten(site, with_line("  laptop:", f"  laptop:\n    vpn_client_dns_servers: [{SERVER}]\n"), *COMMUNES):
            yield [nomade(site.workspace, *apply).stderr for _time in range(2)]
    finally:
        nomade(site.workspace, *apply)


@pytest.mark.parametrize("number", range(len(COMMUNES)))
def test_without_rules_and_settings_the_network_would_be_asked(
    site: Lab, laptops: dict[str, str], number: int, tmp_path: Path
) -> None:
    # Else a resolver that asks nobody would look like a closed laptop.
    name, cable = list(laptops.items())[number]
    with captured(site, name, cable, ANY, tmp_path / "beside") as beside:
        rule = "nft --echo --handle insert rule inet nomade output oifname $1 accept | sed -n 's/.*# handle //p'"
        handle = run(site, name, rule, cable).strip()
        try:
            run(site, name, ASK, "open")
        finally:
            run(site, name, "nft delete rule inet nomade output handle $1", handle)
    for sign in (f"> {ROUTER}.53:", "> 224.0.0.251.5353:", "> 224.0.0.252.5355:"):
        assert any(sign in line for line in beside), (sign, beside)


def test_a_commune_gives_its_name_server_once(applied: list[str]) -> None:
    first, second = applied
    for commune in COMMUNES:
        assert f"{commune}: 1 of 1 endpoints done, 1 changed" in first
        assert f"{commune}: 1 of 1 endpoints done, 0 changed" in second


@pytest.mark.parametrize("number", range(len(COMMUNES)))
def test_names_are_asked_in_the_tunnel_and_nowhere_else(
    site: Lab, applied: list[str], laptops: dict[str, str], number: int, tmp_path: Path
) -> None:
    assert applied
    name, cable = list(laptops.items())[number]
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
