"""Who reaches what through a gateway, as traffic: every laptop, address and port, TCP and UDP, against `fleet.yml`.

The ruleset is the role's, rendered from a generated inventory and loaded in a network namespace of this machine that
stands for the gateway; laptops and the office are namespaces around it. Two communes, four laptops, four office PCs,
four services.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import inventory
from toolkit.fleet import Fleet, load
from toolkit.fleet.addresses import load as load_addresses
from toolkit.fleet.parts import OfficePc
from toolkit.paths import roles_dir
from toolkit.workspace import Workspace

pytestmark = pytest.mark.lab  # root, ip and nft

PORTS = (22, 53, 80, 443, 3142, 3389, 5060, 8022, 8080, 51820)
Reach = set[tuple[str, int, str]]
PLAYBOOK = """
- hosts: gateways
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: firewall, tasks_from: check}
    - ansible.builtin.template:
        src: "TEMPLATES/gateway.nft.j2"
        dest: "{{ playbook_dir }}/{{ inventory_hostname }}.rules"
        mode: "0600"
"""
# Listens on every port of the arguments, says so, and stays. What comes by UDP is sent back from where it was sent to.
LISTEN = """
import socket, sys, threading
def echo(socket_):
    while True:
        data, place, _flags, sender = socket_.recvmsg(100, 256)
        socket_.sendmsg([data], place, 0, sender)
held = []
for port in sys.argv[1:]:
    listener = socket.create_server(("0.0.0.0", int(port)), reuse_port=False)
    held.append(listener)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO: which of its addresses was asked
    datagrams.bind(("0.0.0.0", int(port)))
    threading.Thread(target=echo, args=[datagrams], daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""
# Prints those of the (address, port, protocol) of its argument that accept a connection, or send a datagram back.
CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def answers(target):
    address, port, protocol = target
    try:
        if protocol == "tcp":
            socket.create_connection((address, port), timeout=1.5).close()
            return True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1.5)
            asking.connect((address, port))
            asking.send(b"there?")
            return asking.recv(100) == b"there?"
    except OSError:
        return False
targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(150) as pool:
    print(json.dumps([target for target, there in zip(targets, pool.map(answers, targets)) if there]))
"""

# Prints whether a connection from the address of its argument to the CIG's store is accepted.
CONNECT_FROM = """
import socket, sys
try:
    socket.create_connection((sys.argv[2], int(sys.argv[3])), timeout=1.5, source_address=(sys.argv[1], 0)).close()
    print("reached")
except OSError as error:
    print(error)
"""
# A store of the CIG, beyond the gateway, which knows no way back to tunnel or office: only the gateway's own address.
STORE, STORE_PORT = "203.0.113.60", 8022


def fleet_text() -> str:
    text = sample.changed("laptop: essai-portable-2}", "laptop: essai-portable-2, office_pc: essai-bureau-2}")
    text = text.replace("duty: redacteur}\nlaptops", "duty: technicien}\nlaptops")
    text = text.replace(
        "  - {id: gardien",
        "  - {id: technicien, name: T, service: accueil, eligible: true, applications: [cadastre, voix]}\n"
        "  - {id: gardien",
    )
    text += f"backup:\n  store: {{address: {STORE}, port: {STORE_PORT}}}\n"
    return text.replace(
        "  - {id: depot",
        "  - {id: cadastre, name: C, address: 198.51.100.12, port: 8080}\n"
        "  - {id: voix, name: V, address: 198.51.100.13, port: 5060, protocol: udp}\n  - {id: depot",
    )


def wanted(fleet: Fleet, laptop: str) -> Reach:
    """Return what a laptop must reach, from the words of the fleet file alone."""
    post = next(post for post in fleet.posts if post.laptop == laptop)
    duty = next(duty for duty in fleet.duties if duty.id == fleet.teleworker(post.teleworker).duty)
    found = {
        (item.address, item.port, item.protocol)
        for item in fleet.applications
        if item.everyone or item.id in duty.applications
    }
    pc = next((pc for pc in fleet.office_pcs if pc.name == post.office_pc), None)
    return found | ({(pc.office_address, 3389, "tcp")} if pc else set())


def sh(script: str) -> str:
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass
class Site:
    """One gateway with its laptops and everything else behind it, as namespaces `<prefix>-…`."""

    prefix: str
    fleet: Fleet
    inner: dict[str, str]
    everywhere: list[str]

    def reached(self, place: str, addresses: list[str]) -> Reach:
        targets = [(address, port, protocol) for address in addresses for port in PORTS for protocol in ("tcp", "udp")]
        name = f"{self.prefix}-{place}"
        command = ["ip", "netns", "exec", name, sys.executable, "-c", CONNECT, json.dumps(targets)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        return {(address, port, protocol) for address, port, protocol in json.loads(done.stdout)}


def _build(prefix: str, fleet: Fleet, inner: dict[str, str], outside: list[str]) -> None:
    """Make the namespaces: laptops on a bridge called wg-nomade, whose ports cannot see each other, as in a tunnel."""
    gateway, tunnel = fleet.gateway, inner[fleet.gateway.name]
    lines = [f"ip netns add {prefix}-{place}" for place in "gos"]
    inside = f"ip -n {prefix}-g"
    lines += [f"{inside} link set lo up; {inside} link add wg-nomade type bridge; {inside} link set wg-nomade up"]
    lines += [
        f"{inside} address add {tunnel}/32 dev wg-nomade; {inside} route add {gateway.tunnel_network} dev wg-nomade"
    ]
    lines += [f"ip netns exec {prefix}-g sysctl -qw net.ipv4.ip_forward=1"]
    for number, laptop in enumerate(fleet.laptops):
        own, address = f"{prefix}-l{number}", inner[laptop.name]
        lines += [f"ip netns add {own}; ip link add tun netns {own} type veth peer name p{number} netns {prefix}-g"]
        lines += [
            f"{inside} link set p{number} master wg-nomade up",
            f"{inside} link set p{number} type bridge_slave isolated on",
        ]
        lines += [
            f"ip -n {own} link set lo up; ip -n {own} link set tun up; ip -n {own} address add {address}/32 dev tun"
        ]
        lines += [f"ip -n {own} route add {tunnel} dev tun; ip -n {own} route add default via {tunnel} dev tun"]
    office, length = gateway.office, gateway.office.network.partition("/")[2]
    lines += [f"ip link add lan netns {prefix}-o type veth peer name office netns {prefix}-g"]
    lines += [f"{inside} link set office up; {inside} address add {office.address}/{length} dev office"]
    lines += [f"ip -n {prefix}-o link set lo up; ip -n {prefix}-o link set lan up"]
    theirs = [pc.office_address for pc in fleet.office_pcs] + [item.address for item in fleet.applications]
    lines += [f"ip -n {prefix}-o address add {address}/{length} dev lan" for address in theirs]
    lines += [f"ip -n {prefix}-o address add {address}/32 dev lan" for address in outside]
    lines += [f"ip -n {prefix}-o route add {gateway.tunnel_network} via {office.address}"]
    lines += [f"ip link add wan netns {prefix}-s type veth peer name wan netns {prefix}-g; {inside} link set wan up"]
    lines += [f"{inside} address add {gateway.public.address}/24 dev wan; ip -n {prefix}-s link set wan up"]
    lines += [
        f"ip -n {prefix}-s address add {STORE}/24 dev wan; ip -n {prefix}-o route add {STORE} via {office.address}"
    ]
    lines += [f"{inside} route add default via {theirs[0]}"]  # so that only rules keep strangers out of reach
    sh("\n".join(lines))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("matrix")
    made = sample.workspace(folder, essai=fleet_text(), voisin=sample.other("voisin", 1))
    inventory.generate_all(made, ["essai", "voisin"])
    (folder / "play.yml").write_text(
        PLAYBOOK.replace("TEMPLATES", str(roles_dir() / "firewall" / "templates")), encoding="utf-8"
    )
    hosts = [word for name in ("essai", "voisin") for word in ("-i", str(made.commune(name).hosts))]
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *hosts, "play.yml"]
    command += ["-e", json.dumps({"ansible_python_interpreter": sys.executable})]
    environment = os.environ | {"ANSIBLE_ROLES_PATH": str(roles_dir()), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def _remove(prefix: str) -> None:
    """Remove what is there of the namespaces of a prefix."""
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split()
    for name in names:
        if name.startswith(f"{prefix}-"):
            sh(f"ip netns delete {name}")


@pytest.fixture(scope="module", params=["essai", "voisin"])
def site(workspace: Workspace, request: pytest.FixtureRequest) -> Iterator[Site]:
    fleets = {name: load(workspace, name) for name in ("essai", "voisin")}
    fleet = fleets[request.param]
    addresses = {name: dict(load_addresses(workspace.commune(name).addresses, fleets[name]).tunnel) for name in fleets}
    other = next(name for name in fleets if name != request.param)
    strangers = [pc.office_address for pc in fleets[other].office_pcs] + [*addresses[other].values()]
    own = {pc.office_address for pc in fleet.office_pcs} | {item.address for item in fleet.applications}
    outside = [address for address in strangers if address not in own]
    prefix = f"nm{os.getpid() % 10000}{request.param[0]}"
    inner = addresses[request.param]
    everywhere = [*sorted(own), *outside, *inner.values(), fleet.gateway.office.address]
    listeners: list[subprocess.Popen[str]] = []
    try:
        _build(prefix, fleet, inner, outside)
        sh(f"ip netns exec {prefix}-g nft -f {workspace.root}/{fleet.gateway.name}.rules")
        for place in ("g", "o", "s", *(f"l{number}" for number in range(len(fleet.laptops)))):
            command = ["ip", "netns", "exec", f"{prefix}-{place}", sys.executable, "-c", LISTEN, *map(str, PORTS)]
            listeners.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for listener in listeners:
            assert listener.stdout is not None
            assert listener.stdout.readline() == "ready\n"
        time.sleep(0.2)
        yield Site(prefix, fleet, inner, everywhere)
    finally:
        for listener in listeners:
            listener.communicate()
        _remove(prefix)


def test_every_laptop_reaches_what_the_fleet_says_and_nothing_else(site: Site) -> None:
    for number, laptop in enumerate(site.fleet.laptops):
        others = [address for address in site.everywhere if address != site.inner[laptop.name]]
        assert site.reached(f"l{number}", others) == wanted(site.fleet, laptop.name), laptop.name


def test_the_commune_that_names_the_cig_s_store_reaches_its_one_port_in_the_gateway_s_name(site: Site) -> None:
    named = {(STORE, STORE_PORT, "tcp")} if site.fleet.backup else set()
    for number in range(len(site.fleet.laptops)):
        assert site.reached(f"l{number}", [STORE]) == named
    pcs = [pc.office_address for pc in site.fleet.office_pcs]
    for source, port in [(pcs[0], STORE_PORT), (pcs[1], STORE_PORT), (pcs[0], 22), ("198.51.100.10", STORE_PORT)]:
        inside = ["ip", "netns", "exec", f"{site.prefix}-o", sys.executable, "-c", CONNECT_FROM]
        command = [*inside, source, STORE, str(port)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        wanted_here = bool(named) and source in pcs and port == STORE_PORT
        assert (said == "reached\n") == wanted_here, (source, port, said)


def test_the_witness_everything_is_reached_without_the_rules(site: Site, tmp_path: Path) -> None:
    # Else a broken network would look like a strict one.
    rules = sh(f"ip netns exec {site.prefix}-g nft list ruleset")
    sh(f"ip netns exec {site.prefix}-g nft flush ruleset")
    try:
        own = site.inner[site.fleet.laptops[0].name]
        others = [address for address in site.everywhere if address != own]
        assert len(site.reached("l0", others)) == 2 * len(set(others)) * len(PORTS)
    finally:
        kept = tmp_path / "rules"
        kept.write_text(rules, encoding="utf-8")
        sh(f"ip netns exec {site.prefix}-g nft -f {kept}")


def test_the_office_reaches_no_laptop_and_of_the_gateway_the_door_of_the_tunnel_alone(site: Site) -> None:
    laptops = [address for name, address in site.inner.items() if name != site.fleet.gateway.name]
    gateway = [site.inner[site.fleet.gateway.name], site.fleet.gateway.office.address]
    assert site.reached("o", [*laptops, *gateway]) == {(address, 51820, "udp") for address in gateway}


def test_the_gateway_reaches_its_own_endpoints_for_administration_only(site: Site) -> None:
    ours = [address for name, address in site.inner.items() if name != site.fleet.gateway.name]
    ours += [pc.office_address for pc in site.fleet.office_pcs if isinstance(pc, OfficePc)]
    # `firewall_outgoing`: to anywhere
    updates = {(53, "tcp"), (53, "udp"), (80, "tcp"), (443, "tcp"), (123, "udp")}
    assert {(port, protocol) for _address, port, protocol in site.reached("g", ours)} - updates == {(22, "tcp")}
