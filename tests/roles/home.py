"""A laptop at home, a hotel or on the move, as namespaces of this machine: real tunnel, real rules, real routers.

    laptop ── home or hotel router ── carrier (translates too) ── gateway ── office
    neighbour ┘

The laptop has the role's own files (rules, routes, programs of the tunnel and of the portal window), rendered from a
generated inventory, each at its own path: every machine has its own view of /etc, /usr/local and /run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.roles import home_files
from tests.roles.home_files import INTERNET, OFFICE_PC, PUBLIC, SERVE, TIME_SERVER

PYTHON = "/usr/bin/python3"  # one that every user may run
TELEWORKER, RELAY = 4321, 990  # user ids
# Router's side and laptop's side of the two places; the first is the office's own network, on purpose.
PLACES = {"home": ("192.168.1.254", "192.168.1.50"), "hotel": ("10.20.0.1", "10.20.0.50")}
NEEDED = ("wireguard-go", "wg", "nft", "tcpdump", "systemd-socket-activate", "setpriv")
_OWN_VIEW = """set -e
mount -t tmpfs own "$1"
for folder in etc usr/local; do
  mkdir -p "$1/$folder/up" "$1/$folder/work"
  mount -t overlay own -o "lowerdir=/$folder,upperdir=$1/$folder/up,workdir=$1/$folder/work" "/$folder"
done
mount -t tmpfs own /run
ip link set lo up
echo ready
exec sleep infinity
"""


@dataclass(slots=True)
class Machine:
    """One namespace of network and files, alive as long as its process."""

    process: subprocess.Popen[str]
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    def start(cls, folder: Path) -> Machine:
        folder.mkdir()
        command = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", _OWN_VIEW, "sh", str(folder)]
        made = cls(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert made.process.stdout is not None
        assert made.process.stdout.readline() == "ready\n"
        return made

    def inside(self, *command: str) -> list[str]:
        return ["nsenter", "--net", "--mount", "--target", str(self.process.pid), *command]

    def run(self, script: str, *, user: int = 0, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a shell script; the caller judges."""
        command = ["sh", "-c", script]
        if user:
            command = ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups", *command]
        return subprocess.run(
            self.inside(*command),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
            umask=0o022,  # the caller may be one that keeps its files to itself
        )

    def sh(self, script: str, **how: float) -> str:
        """Run a shell script that has to succeed and return its output."""
        done = self.run(f"set -e\n{script}", **how)  # type: ignore[arg-type]
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    def spawn(self, *command: str, user: int = 0) -> subprocess.Popen[str]:
        """Start a program that ends with the machine."""
        ids = ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"] if user else []
        process = subprocess.Popen(
            self.inside(*ids, *command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            umask=0o022,
        )
        self.started.append(process)
        return process

    def python(self, program: str, *arguments: str, user: int = 0) -> subprocess.Popen[str]:
        """Start a server written in Python and wait for its line `ready`."""
        process = self.spawn(sys.executable, "-c", program, *arguments, user=user)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stdout.read()
        return process

    def end(self) -> None:
        for process in (*self.started, self.process):
            process.kill()
            process.communicate()


@dataclass(slots=True)
class Home:
    """The whole arrangement; see the drawing above."""

    folder: Path
    machines: dict[str, Machine]

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]

    @property
    def laptop(self) -> Machine:
        return self.machines["laptop"]

    def cable(self, one: str, first: str, two: str, second: str) -> None:
        """Connect interface `first` of machine `one` with `second` of machine `two`."""
        ends = [
            part
            for name, interface in ((one, first), (two, second))
            for part in (interface, "netns", str(self[name].process.pid))
        ]
        subprocess.run(["ip", "link", "add", *ends[:3], "type", "veth", "peer", "name", *ends[3:]], check=True)
        self[one].sh(f"ip link set {first} up")
        self[two].sh(f"ip link set {second} up")

    def plug_in(self, place: str, interface: str = "") -> str:
        """Connect the laptop to a place, as a DHCP client would end up, and return the name of its interface."""
        interface = interface or f"up-{place}"
        router, own = PLACES[place]
        self.cable("laptop", interface, place, "lan-port")
        self[place].sh("ip link set lan-port master lan")
        self.laptop.sh(
            f"ip address add {own}/24 dev {interface}; ip route replace default via {router} dev {interface}"
            f"\necho 'nameserver {router}' > /etc/resolv.conf"
        )
        return interface

    def unplug(self, interface: str) -> None:
        self.laptop.sh(f"ip link delete {interface}")

    def network_changed(self, interface: str) -> None:
        """Do what NetworkManager does once a network is there: call the role's own file."""
        stand_in = self.folder / "systemd-run"  # where there is no systemd: run it, here and at once
        stand_in.write_text('#!/bin/sh\nshift 4\nexec "$@"\n', encoding="utf-8")
        stand_in.chmod(0o755)
        self.laptop.sh(f"PATH={self.folder}:$PATH /etc/NetworkManager/dispatcher.d/60-nomade-vpn {interface} up")

    def start_over(self) -> None:
        """Bring laptop and routers back to how they were built: rules in force, no cable, no tunnel, no program."""
        while self.laptop.started:
            process = self.laptop.started.pop()
            process.kill()
            process.communicate()
        self.laptop.sh("rm -rf /run/* && mkdir -p /run/nomade-portal")
        found = json.loads(self.laptop.sh("ip -json link"))
        for name in [row["ifname"] for row in found if row["ifname"].startswith(("up", "wg-nomade"))]:
            self.laptop.sh(f"ip link delete {name}")
        own = r"s/^\(3250[0-3]\):.*/\1/p"  # the preferences of the role's rules
        self.laptop.sh(
            f"for v in -4 -6; do for own in $(ip $v rule | sed -n '{own}'); do\n"
            "ip $v rule delete preference $own; done; done"
        )
        for place in PLACES:
            self[place].sh("nft delete table inet trial 2> /dev/null || true; ip link set wan mtu 1500")
        self.load_rules("laptop")

    def trouble(self, place: str, rules: str) -> None:
        """Let the router of a place do something with what it forwards or gets (rules of a table of nftables)."""
        self[place].sh(f"nft -f - <<'END'\ntable inet trial {{\n{rules}\n}}\nEND")

    def load_rules(self, machine: str, **replaced: str) -> None:
        """Load the role's rules, as nftables.service does at boot; `replaced` changes values in them."""
        text = (self.folder / f"{machine}.rules").read_text(encoding="utf-8")
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        changed = self.folder / f"{machine}.loaded"
        changed.write_text(text, encoding="utf-8")
        self[machine].sh(f"nft -f {changed}")

    def start_tunnel(self, machine: str) -> subprocess.Popen[str]:
        """Do what nomade-vpn.service does."""
        self[machine].sh("mkdir -p /run/nomade-vpn /run/wireguard")
        process = self[machine].spawn("wireguard-go", "-f", "wg-nomade")
        self[machine].sh("/usr/local/libexec/nomade-vpn configure")
        return process

    def shaken(self, seconds: int = 10) -> bool:
        """Whether the laptop shakes hands anew within so many seconds."""
        return self.laptop.run(f"/usr/local/libexec/nomade-vpn renew {seconds}", timeout=seconds + 20).returncode == 0

    def says(self, address: str, port: int, *, machine: str = "laptop", user: int = 0) -> str:
        """Return the name that a server answers with; empty when there is no answer."""
        script = (
            f"import socket; c = socket.create_connection(('{address}', {port}), 3); c.settimeout(3); "
            "print(c.recv(100).decode().split()[0])"
        )
        return self[machine].run(f'{PYTHON} -c "{script}"', user=user).stdout.strip()

    @contextmanager
    def captured(self, interface: str, wanted: str = "") -> Iterator[list[str]]:
        """Capture what leaves the laptop; the list holds tcpdump's lines once the block has ended."""
        lines: list[str] = []
        file = self.folder / f"capture-{time.monotonic_ns()}.pcap"
        watch = f"tcpdump --interface {interface} --direction out --immediate-mode -U -w {file} {wanted}"
        process = subprocess.Popen(self.laptop.inside(*watch.split(maxsplit=9)), stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        while "listening on" not in (line := process.stderr.readline()):
            assert line, "tcpdump did not start"
        try:
            yield lines
            time.sleep(0.3)
        finally:
            process.terminate()
            process.communicate(timeout=10)
        shown = subprocess.run(["tcpdump", "-n", "-r", str(file)], capture_output=True, text=True, check=True)
        lines += shown.stdout.splitlines()


def build(folder: Path) -> Home:
    """Start every machine and connect them; the laptop is plugged in nowhere yet."""
    names = ("laptop", "neighbour", "home", "hotel", "carrier", "gateway", "office")
    home = Home(folder, {name: Machine.start(folder / f"view-{name}") for name in names})
    for number, place in enumerate(PLACES):
        home[place].sh(f"ip link add lan type bridge; ip link set lan up; ip address add {PLACES[place][0]}/24 dev lan")
        home.cable(place, "wan", "carrier", f"in{number}")
        home[place].sh(f"ip address add 100.64.{number}.2/24 dev wan; ip route add default via 100.64.{number}.1")
        home["carrier"].sh(f"ip address add 100.64.{number}.1/24 dev in{number}")
    home.cable("carrier", "out", "gateway", "internet")
    home["carrier"].sh(f"ip address add 203.0.113.1/24 dev out; ip address add {INTERNET}/32 dev lo")
    for name, out in (("home", "wan"), ("hotel", "wan"), ("carrier", "out")):
        chain = f"type nat hook postrouting priority 100; oifname {out} masquerade"
        nat = f"table ip nat {{\nchain post {{ {chain}; }}\n}}"
        home[name].sh(f"echo 1 > /proc/sys/net/ipv4/ip_forward; nft '{nat}'")
    home.cable("neighbour", "lan", "home", "port")
    home["home"].sh("ip link set port master lan")
    home["neighbour"].sh(f"ip address add {OFFICE_PC}/24 dev lan")
    home.cable("office", "lan", "gateway", "office")
    home["office"].sh(
        f"ip address add {OFFICE_PC}/24 dev lan; ip address add {TIME_SERVER}/24 dev lan\n"
        "ip route add 10.77.9.0/29 via 192.168.1.2"
    )
    home["office"].python(SERVE, "office", f"{OFFICE_PC}:3389", f"udp:{TIME_SERVER}:123")
    home["neighbour"].python(SERVE, "neighbour", f"{OFFICE_PC}:3389")
    home["carrier"].python(SERVE, "internet", f"{INTERNET}:443", f"udp:{INTERNET}:123", f"udp:{INTERNET}:53")
    return home


def furnish(home: Home) -> None:
    """Put the role's files in their places, on the laptop and on the gateway."""
    folder = home.folder
    home.laptop.sh(
        # Into the laptop's own views only: what lies above them is this machine's.
        f"chmod -R u=rwX,go=rX {folder}/laptop; cp -a {folder}/laptop/etc/. /etc; "
        f"cp -a {folder}/laptop/usr/local/. /usr/local; install -m 600 {folder}/laptop.key /etc/wireguard/nomade.key; "
        "sed -i '/^nomade-portal:/d;/^anna:/d' /etc/passwd; "
        f"echo 'nomade-portal:x:{RELAY}:{RELAY}::/:/usr/sbin/nologin' >> /etc/passwd; "
        f"echo 'anna:x:{TELEWORKER}:{TELEWORKER}::/:/bin/sh' >> /etc/passwd\n"
        "sysctl -qp /etc/sysctl.d/60-nomade-vpn.conf"
    )
    texts = {
        "gateway.conf": home_files.gateway_peers(folder / "laptop.key"),
        "gateway-routes": home_files.GATEWAY_ROUTES,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    home["gateway"].sh(f"""cd {folder}
        ip address add {PUBLIC}/24 dev internet; ip address add 192.168.1.2/24 dev office
        ip route add default via 203.0.113.1; echo 1 > /proc/sys/net/ipv4/ip_forward
        mkdir -p /usr/local/libexec /etc/systemd/system
        install -m 600 gateway.key /etc/wireguard/nomade.key; install -m 600 gateway.conf /etc/wireguard/nomade.conf
        install -m 755 laptop/usr/local/libexec/nomade-vpn /usr/local/libexec/nomade-vpn
        install -m 755 gateway-routes /usr/local/libexec/nomade-vpn-routes
        touch /etc/systemd/system/nomade-vpn.service /etc/sysctl.d/60-nomade-vpn.conf""")
    home.load_rules("gateway")
    home.start_tunnel("gateway")


@contextmanager
def standing(folder: Path) -> Iterator[Home]:
    """The arrangement with the gateway's tunnel up; the laptop has its files and is plugged in nowhere."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    assert not missing, f"install them: {missing} (tests/system-packages.txt)"
    home_files.render(folder)
    home = build(folder)
    try:
        furnish(home)
        yield home
    finally:
        for machine in home.machines.values():
            machine.end()
