"""Attacks on the tunnel with real WireGuard: a gateway, two laptops and a thief, each in a network namespace.

Ids are those of the project's list of faults: F066 a revoked laptop tries again, F075 a colleague's way in.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType

import jinja2
import pytest

from tests.programs import module_of
from toolkit.paths import roles_dir
from toolkit.probes._shared import ask
from toolkit.probes.tunnel_keys import PROBE

pytestmark = pytest.mark.lab  # root, ip, wg and wireguard-go

PREFIX = f"na{os.getpid() % 10000}"
DOOR, TUNNEL = 51820, "10.77.9.1"
PLACES = {"g": "198.18.250.1", "l0": "198.18.250.10", "l1": "198.18.250.11", "x": "198.18.250.66"}
INSIDE = {"l0": "10.77.9.2", "l1": "10.77.9.3"}
# Prints each datagram's sender and text, with a bounded life.
HEAR = """
import socket, sys
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.bind(("10.77.9.1", 9000))
listener.settimeout(60)
print("ready", flush=True)
while True:
    data, (address, _port) = listener.recvfrom(100)
    print(address, data.decode(), flush=True)
"""


def sh(script: str, text: str = "") -> str:
    done = subprocess.run(["sh", "-euc", script], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def places_program() -> ModuleType:
    path = roles_dir() / "vpn_gateway" / "files" / "nomade_places.py"
    return module_of(path)


@dataclass
class Net:
    """The machines by place; each has its own network and its own files below /etc/wireguard and /run."""

    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    public: dict[str, str] = field(default_factory=dict)

    def start(self, place: str) -> None:
        self.keys[place] = sh("wg genkey")
        self.public[place] = sh("wg pubkey", self.keys[place])
        own = f"{PREFIX}-{place}"
        sh(f"ip netns add {own}; ip -n {own} link set lo up")
        if place == "g":
            sh(f"ip -n {own} link add lan type bridge; ip -n {own} link set lan up")
        else:
            pair = f"ip link add lan netns {own} type veth peer name p{place} netns {PREFIX}-g"
            sh(f"{pair}; ip -n {own} link set lan up")
            sh(f"ip -n {PREFIX}-g link set p{place} master lan up")
        sh(f"ip -n {own} address add {PLACES[place]}/24 dev lan")
        hide = "mkdir -p /etc/wireguard; mount -t tmpfs none /run; mount -t tmpfs none /etc/wireguard"
        script = f"{hide}; mkdir -p /run/wireguard /run/nomade-access /run/nomade-vpn; exec wireguard-go -f wg-nomade"
        command = ["ip", "netns", "exec", own, "unshare", "--mount", "sh", "-euc", script]
        quiet = subprocess.DEVNULL
        self.running[place] = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, text=True)
        up = "for i in $(seq 100); do wg show wg-nomade >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1"
        time.sleep(0.3)  # until it is in its own mount namespace
        self.on(place, up)

    def inside(self, place: str) -> list[str]:
        return ["nsenter", "--target", str(self.running[place].pid), "--mount", "--net"]

    def on(self, place: str, script: str, text: str = "") -> str:
        command = [*self.inside(place), "sh", "-euc", script]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def gateway(self, refused: tuple[str, ...] = ()) -> None:
        """Give the gateway its peers as the role does: its template, its program."""
        there = [
            {"name": name, "tunnel_address": INSIDE[name], "public_key": self.public[name], "next_key": ""}
            for name in INSIDE
            if self.public[name] not in refused
        ]
        text = (roles_dir() / "vpn_gateway" / "templates" / "gateway.conf.j2").read_text(encoding="utf-8")
        template = jinja2.Environment(trim_blocks=True).from_string(text)  # noqa: S701 — not HTML
        facts = {"__vpn_gateway_peers": there, "__vpn_gateway_refused": refused}
        conf = template.render(nomade_gateway_endpoint={"port": DOOR}, **facts)
        self.on("g", "cat > /etc/wireguard/nomade.conf", conf)
        self.on("g", "umask 077; cat > /etc/wireguard/nomade.key", self.keys["g"] + "\n")
        program = (roles_dir() / "vpn_client" / "templates" / "nomade-vpn.j2").read_text(encoding="utf-8")
        self.on("g", "cat > /run/nomade-vpn/program; sh /run/nomade-vpn/program reload", program)

    def laptop(self, place: str, key: str, address: str) -> None:
        """Connect a place with a key, under an address of the tunnel."""
        self.on(place, "umask 077; cat > /run/key; wg set wg-nomade private-key /run/key", key + "\n")
        hub = f"peer {self.public['g']} endpoint {PLACES['g']}:{DOOR} allowed-ips 0.0.0.0/0 persistent-keepalive 1"
        # Begun anew: a session that the gateway has forgotten would be noticed after a while only.
        self.on(place, f"wg set wg-nomade peer {self.public['g']} remove; wg set wg-nomade {hub}")
        self.on(place, "ip address flush dev wg-nomade; ip link set wg-nomade up")
        self.on(place, f"ip address add {address}/32 dev wg-nomade; ip route replace {TUNNEL}/32 dev wg-nomade")

    def facts(self) -> dict[str, object]:
        """Return what the audit reads of the gateway."""
        return PROBE.parse(self.on("g", "".join(map(ask, PROBE.shares)) + PROBE.command))

    @contextmanager
    def heard(self) -> Iterator[list[tuple[str, str]]]:
        """Yield, once the block ended, what datagrams reached the gateway through the tunnel: sender and text."""
        lines: list[tuple[str, str]] = []
        command = [*self.inside("g"), sys.executable, "-c", HEAR]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            try:
                yield lines
                time.sleep(1)
            finally:
                process.kill()
            lines += [(words[0], words[1]) for line in process.stdout if len(words := line.split()) == 2]

    def say(self, place: str, text: str, source: str) -> None:
        there = f"s.bind(('{source}', 0)); s.sendto(b'{text}', ('{TUNNEL}', 9000))"
        self.on(place, f'{sys.executable} -c "import socket; s = socket.socket(2, 2); {there}"')


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    made = Net()
    try:
        for place in PLACES:
            made.start(place)
        made.gateway()
        made.on("g", f"ip address add {TUNNEL}/32 dev wg-nomade; ip link set wg-nomade up")
        made.on("g", "ip route replace 10.77.9.0/24 dev wg-nomade")
        yield made
    finally:
        for process in made.running.values():
            process.kill()
            process.wait()
        for place in PLACES:
            subprocess.run(["ip", "netns", "delete", f"{PREFIX}-{place}"], check=False, capture_output=True)


@pytest.fixture(autouse=True)
def _everybody_at_home(net: Net) -> None:
    for place, address in INSIDE.items():
        net.laptop(place, net.keys[place], address)
    with net.heard() as lines:
        for place, address in INSIDE.items():
            net.say(place, "hello", address)
    assert set(lines) == {(address, "hello") for address in INSIDE.values()}, "the witness"


def test_f075_a_peer_that_claims_a_colleagues_address_is_not_heard(net: Net) -> None:
    victim = INSIDE["l0"]
    net.on("l1", f"ip address add {victim}/32 dev wg-nomade")
    with net.heard() as lines:
        net.say("l1", "forged", victim)
        net.say("l1", "own", INSIDE["l1"])
        net.say("l0", "own", victim)
    assert sorted(lines) == [(victim, "own"), (INSIDE["l1"], "own")]
    assert f"{net.public['l0']}\t{victim}/32" in net.on("g", "wg show wg-nomade allowed-ips"), "it stays whose it is"
    assert net.facts()["orphans"] == net.facts()["missing"] == []


def test_f066_a_revoked_key_is_heard_trying_wherever_it_comes_from_and_carries_nothing(net: Net) -> None:
    net.gateway(refused=(net.public["l0"],))
    try:
        net.laptop("x", net.keys["l0"], INSIDE["l0"])
        with net.heard() as lines:
            net.say("x", "stolen", INSIDE["l0"])
            net.say("l1", "own", INSIDE["l1"])
        assert lines == [(INSIDE["l1"], "own")]
        assert net.facts()["attempts"] == [net.public["l0"]]
    finally:
        net.on("x", "ip link set wg-nomade down")
        net.gateway()


def test_a_copied_key_is_noticed_and_a_laptop_that_roams_is_not(net: Net) -> None:
    program = places_program()
    state: dict[str, object] = {}
    key, now = net.public["l0"], int(time.time())

    def looked(place: str, minute: int) -> int:
        """Let the key be used from a place, then look as the gateway does each minute; return its count."""
        nonlocal state
        with net.heard() as lines:
            net.say(place, "there", INSIDE["l0"])
        assert lines == [(INSIDE["l0"], "there")], "WireGuard itself refuses neither"
        seen = program.places(net.on("g", "wg show wg-nomade endpoints"), b"secret")
        state = program.look(state, seen, now + 60 * minute)
        return len(state[key]["returns"])  # type: ignore[index]

    assert looked("l0", 0) == 0
    net.on("l0", "wg set wg-nomade peer $(wg show wg-nomade peers) persistent-keepalive 0")
    net.laptop("x", net.keys["l0"], INSIDE["l0"])  # another network, or a thief: at first nobody can tell
    net.on("x", "wg set wg-nomade peer $(wg show wg-nomade peers) persistent-keepalive 0")
    assert looked("x", 1) == 0
    counts = [looked("l0" if minute % 2 == 0 else "x", minute) for minute in range(2, 8)]
    assert counts == [1, 2, 3, 4, 5, 6]
    assert PLACES["l0"] not in str(state)
    net.on("g", f"umask 077; echo '{key} {counts[-1]}' > /run/nomade-access/returns")
    assert net.facts()["copied"] == [key]
    assert net.facts()["watched"] is True
    net.on("x", "ip link set wg-nomade down")
