"""Try what a machine of the lab can reach, and see what leaves it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.lab.machines import Lab
from toolkit.lab.networks import bridge_of

# Run on a stand-in with its python3: connect to all (address, port) of the argument at once, print which answered.
_PROBE = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def answers(target):
    try:
        socket.create_connection(tuple(target), timeout=2).close()
    except OSError:
        return False
    return True
targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(targets)) as pool:
    print(json.dumps(list(pool.map(answers, targets))))
"""
# Things a laptop's programs do all day, each with a bounded wait.
_CHATTER = """
import socket, sys
def attempt(action):
    try:
        action()
    except OSError:
        pass
def datagram(address, port, data):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(data, (address, port))
question = bytes.fromhex("123401000001000000000000076578616d706c65036f72670000010001")
for address in sys.argv[1:]:
    attempt(lambda: datagram(address, 53, question))
    attempt(lambda: datagram(address, 123, b"\\x1b" + bytes(47)))
    for port in (22, 53, 80, 443, 3389):
        attempt(lambda: socket.create_connection((address, port), timeout=0.4).close())
"""


def reachable(lab: Lab, host: str, *targets: tuple[str, int]) -> dict[tuple[str, int], bool]:
    """Return for each (address, TCP port) whether a connection from `host` is accepted."""
    done = lab.exec(host, ["python3", "-c", _PROBE, json.dumps(targets)])
    assert done.returncode == 0, done.stderr.decode()
    return dict(zip(targets, json.loads(done.stdout), strict=True))


def chatter(lab: Lab, host: str, *addresses: str) -> None:
    """Let `host` try names, time, pings and connections towards each address."""
    lab.exec(host, ["python3", "-c", _CHATTER, *addresses])
    for address in addresses:
        lab.exec(host, ["ping", "-c", "1", "-W", "1", address])


def open_ports(address: str) -> list[int]:
    """Return the open TCP ports that this machine finds at `address`, of all 65535."""
    command = ["nmap", "-n", "-Pn", "-p-", "-T5", "--min-rate", "8000", "--max-retries", "1", "-oG", "-", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    assert f"Host: {address}" in done.stdout, done.stdout
    return [int(part.split("/")[0]) for part in done.stdout.replace(",", " ").split() if "/open/" in part]


def interface(lab: Lab, host: str, address: str) -> str:
    """Return the name of the interface of `host` that has `address`."""
    rows = json.loads(lab.exec(host, ["ip", "-json", "address"]).stdout)
    return next(row["ifname"] for row in rows for item in row["addr_info"] if item.get("local") == address)


@contextmanager
def unplugged(lab: Lab, host: str, network: str) -> Iterator[None]:
    """Pull one cable of `host`, and plug it in again whatever happens."""
    lab.disconnect(host, network)
    try:
        yield
    finally:
        lab.connect(host, network)


@contextmanager
def captured(lab: Lab, host: str, name: str, wanted: str, file: Path) -> Iterator[list[str]]:
    """Capture what leaves interface `name` of `host` and matches `wanted`, outside of the stand-in.

    Yields a list that holds tcpdump's lines once the block has ended.
    """
    inside = ["nsenter", "--net", "--target", str(lab.pid(host))]
    with _watched([*inside, "tcpdump", "--direction", "out"], name, wanted, file) as lines:
        yield lines


@contextmanager
def captured_on_the_way(lab: Lab, network: str, wanted: str, file: Path) -> Iterator[list[str]]:
    """Capture on the bridge of a network (a topology key): the machines on it may restart meanwhile."""
    with _watched(["tcpdump"], bridge_of(lab.name, network), wanted, file) as lines:
        yield lines


@contextmanager
def _watched(command: list[str], name: str, wanted: str, file: Path) -> Iterator[list[str]]:
    lines: list[str] = []
    watch = ["--interface", name, "--immediate-mode", "-U", "-w", str(file), wanted]
    with subprocess.Popen([*command, *watch], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "listening on" not in (line := process.stderr.readline()):
            assert line, "tcpdump did not start"
        try:
            yield lines
            time.sleep(0.5)  # the last packets reach the capture
        finally:
            process.terminate()
            process.communicate(timeout=10)
    shown = subprocess.run(["tcpdump", "-n", "-r", str(file)], capture_output=True, text=True, check=True)
    lines += shown.stdout.splitlines()
