"""The teleworker, logged in and without root, against the laptop that is in their hands: nothing of it gives way.

Whoever sits at the laptop has a login session, which polkit trusts more than a stray process: so has this test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.network import captured, chatter, interface, unplugged
from toolkit import fleet
from toolkit.lab.machines import Lab

pytestmark = pytest.mark.lab

COMMUNES = ("pontlierre", "valsorbe")
# What is tried, each as a shell command that must end with an error (fault case F074).
ATTEMPTS = {
    "stop the tunnel": "systemctl stop nomade-vpn.service",
    "keep the tunnel from starting": "systemctl mask nomade-vpn.service",
    "kill the tunnel": "pkill -9 wireguard-go",
    "read the key": "cat /etc/wireguard/nomade.key",
    "remove the peer": "wg set wg-nomade peer AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= remove",
    "take the interface down": "ip link set wg-nomade down",
    "take another address": "ip address add 10.77.3.9/32 dev wg-nomade",
    "go another way": "ip route add 192.0.2.0/24 dev lo",
    "flush the rules": "nft flush ruleset",
    "write other rules": "echo 'flush ruleset' > /etc/nftables.conf",
    "stop the firewall": "systemctl stop nftables.service",
    "start another program as root": "systemd-run --quiet --wait true",
    "ask other name servers": "resolvectl dns wg-nomade 192.0.2.53",
    "write other name servers": "echo nameserver 192.0.2.53 > /etc/resolv.conf",
    "write a resolver setting": "mkdir -p /etc/systemd/resolved.conf.d && touch /etc/systemd/resolved.conf.d/x.conf",
    "add a connection": "nmcli connection add type ethernet con-name dehors ifname '*'",
    "write a connection": "mkdir -p /etc/NetworkManager/system-connections && "
    "touch /etc/NetworkManager/system-connections/x.nmconnection",
    "write a network": "touch /etc/systemd/network/00-x.network",
    "set the clock": "timedatectl set-time '2020-01-01 00:00:00'",
    "disable updates": "systemctl mask apt-daily-upgrade.timer",
    "write a setting of updates": "echo 'APT::Periodic::Enable \"0\";' > /etc/apt/apt.conf.d/99x",
    "start in rescue mode": "systemctl set-default rescue.target",
    "change the start menu": "echo > /boot/grub/custom.cfg",
    "write a setting of the kernel": "sysctl -w net.ipv4.ip_forward=1",
    "become root by sudo": "sudo -n true",
    "become root by su": "su -c true < /dev/null",
    "become root by pkexec": "pkexec true < /dev/null",
    "listen to the network": "tcpdump -c 1 -i any",
    "change the launcher": "echo > /usr/local/bin/bureau-distance",
    "change the pinned certificate": "echo > /usr/local/share/nomade/office-pc.crt",
}
# What stand-ins have no program for; a desktop has it, and asks polkit (GNOME's policy is tests/desktop's).
ABSENT = {"add a connection", "ask other name servers", "become root by pkexec"}
# Attempts one after the other, each bounded; prints those that worked, and those whose program is not there.
RUN = """
import json, os, subprocess, sys
os.environ["PATH"] += ":/usr/sbin:/sbin"
worked, absent = [], []
for name, command in json.loads(sys.stdin.read()).items():
    try:
        done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=8)
    except subprocess.TimeoutExpired:
        continue  # waits for a password that nobody has
    if done.returncode == 0:
        worked.append(name)
    program = command.split()[0]
    if not any(os.path.exists(f"{folder}/{program}") for folder in os.environ["PATH"].split(":")):
        absent.append(name)
print(json.dumps([worked, absent]))
"""
STATE = """
nft --stateless list ruleset
wg show wg-nomade peers; wg show wg-nomade allowed-ips
ip -brief link show wg-nomade; ip -brief address show wg-nomade; ip route show table all type unicast | grep wg-nomade
systemctl is-active nomade-vpn.service nftables.service
systemctl is-enabled nomade-vpn.service nftables.service apt-daily-upgrade.timer; systemctl get-default
sha256sum /etc/nftables.conf /etc/resolv.conf /usr/local/bin/bureau-distance /usr/local/share/nomade/office-pc.crt
find /etc -newermt "@$1" -type f | grep -vE '^/etc/(resolv.conf|mtab)$' || true
"""


@pytest.fixture(params=COMMUNES)
def laptop(site: Lab, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A laptop away from the bench and the login of its teleworker."""
    post = fleet.load(site.workspace, request.param).posts[0]
    with unplugged(site, post.laptop, "bench"):
        yield post.laptop, post.teleworker


def as_teleworker(lab: Lab, host: str, login: str, script: str, given: str = "") -> str:
    """Run a Python script in a login session of the teleworker, and return what it printed."""
    session = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", f"--uid={login}", "-p", "PAMName=login"]
    done = lab.exec(host, [*session, "python3", "-c", script], stdin=given.encode(), timeout=400)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def state(lab: Lab, host: str, since: str) -> str:
    done = lab.exec(host, ["sh", "-c", STATE, "sh", since])
    assert "nomade" in done.stdout.decode(), done.stderr.decode()
    return done.stdout.decode()


def test_nothing_the_teleworker_tries_changes_the_tunnel_the_rules_or_the_updates(
    site: Lab, laptop: tuple[str, str]
) -> None:
    host, login = laptop
    now = site.exec(host, ["date", "+%s"]).stdout.decode().strip()
    before = state(site, host, now)
    worked, absent = json.loads(as_teleworker(site, host, login, RUN, json.dumps(ATTEMPTS)))
    assert worked == []
    assert set(absent) <= ABSENT
    assert state(site, host, now) == before


def test_with_the_tunnel_attacked_nothing_leaves_beside_it(site: Lab, laptop: tuple[str, str], tmp_path: Path) -> None:
    """Sockets bound to the card's own address: what needs no right at all."""
    host, login = laptop
    uplink = site.plan().machine(host).attachments[1].address
    gateway = fleet.load(site.workspace, host.partition("-")[0]).gateway.public
    beside = f"not arp and not icmp6 and not (udp and host {gateway.address} and port {gateway.port})"
    script = f"""
import socket
for family in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
    for port in (22, 53, 123, 443):
        with socket.socket(socket.AF_INET, family) as out:
            out.settimeout(0.5)
            try:
                out.bind(("{uplink}", 0))
                out.connect(("{gateway.address}", port))
                out.send(b"outside")
            except OSError:
                pass
"""
    with captured(site, host, interface(site, host, uplink), beside, tmp_path / "beside.pcap") as left:
        as_teleworker(site, host, login, script)
        chatter(site, host, gateway.address)
    assert left == []
