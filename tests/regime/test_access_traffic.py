"""Windows as traffic, through the kernel: what is open, what may finish, what ends, what always works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import sample
from tests.regime.test_access import ANNA, SCHEDULE, access, at
from tests.roles.test_reachability import LISTEN, _build, _remove
from toolkit.fleet import load

pytestmark = pytest.mark.lab  # root, ip and nft

PREFIX = f"nw{os.getpid() % 10000}"
APPLICATION, DEPOT = "198.51.100.10", "198.51.100.11"
# Keeps the connection that `open` made; says yes or no to each line on standard input.
TALK = """
import socket, sys
held = None
def new(address, port):
    return socket.create_connection((address, int(port)), timeout=1.5)
for line in sys.stdin:
    word, *place = line.split()
    try:
        if word == "open":
            held = new(*place)
        elif word == "new":
            new(*place).close()
        else:
            held.settimeout(1.5)
            held.sendall(b"x")
            assert held.recv(1) == b"x"
        print("yes", flush=True)
    except (OSError, AssertionError):
        print("no", flush=True)
"""
ECHO = """
import socket, sys, threading
def serve(connection):
    while data := connection.recv(100):
        connection.sendall(data)
listener = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
"""


Laptop = subprocess.Popen[str]


@pytest.fixture
def laptops(tmp_path: Path) -> Iterator[tuple[Laptop, Laptop]]:
    """Two laptops that do what they are told, behind a gateway without other rules; application and depot answer."""
    fleet = load(sample.workspace(tmp_path, essai=sample.FLEET), "essai")
    inner = {"essai-passerelle": "10.77.9.1", "essai-portable-1": "10.77.9.2", "essai-portable-2": "10.77.9.3"}
    started: list[subprocess.Popen[str]] = []

    def start(place: str, code: str, *arguments: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", f"{PREFIX}-{place}", sys.executable, "-c", code, *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    try:
        _build(PREFIX, fleet, inner, [])
        for listener in (start("o", ECHO, "443"), start("o", LISTEN, "3142")):
            assert listener.stdout is not None
            assert listener.stdout.readline() == "ready\n"
        yield start("l0", TALK), start("l1", TALK)
    finally:
        for process in started:
            process.kill()
            process.communicate()
        _remove(PREFIX)


@pytest.fixture
def laptop(laptops: tuple[Laptop, Laptop]) -> Laptop:
    return laptops[0]


def told(laptop: Laptop, line: str) -> bool:
    assert laptop.stdin is not None
    assert laptop.stdout is not None
    laptop.stdin.write(line + "\n")
    laptop.stdin.flush()
    return laptop.stdout.readline() == "yes\n"


def make_it(moment: str) -> None:
    load_rules(access.ruleset(SCHEDULE, at(moment)))


def load_rules(rules: str) -> None:
    command = ["ip", "netns", "exec", f"{PREFIX}-g", "nft", "-f", "-"]
    subprocess.run(command, input=rules, text=True, check=True)


def test_a_window_opens_ends_with_grace_and_closes(laptop: Laptop) -> None:
    assert ANNA["address"] == "10.77.9.2"
    make_it("2026-03-02 17:00")
    assert told(laptop, f"open {APPLICATION} 443")
    assert told(laptop, "talk")
    make_it("2026-03-02 18:05")
    assert told(laptop, "talk"), "what was open may finish"
    assert not told(laptop, f"new {APPLICATION} 443"), "nothing new begins"
    make_it("2026-03-02 18:20")
    assert not told(laptop, "talk"), "after the grace it ends"
    assert not told(laptop, f"new {APPLICATION} 443")
    assert told(laptop, f"new {DEPOT} 3142"), "updates go on"
    make_it("2026-03-03 08:00")
    assert told(laptop, f"new {APPLICATION} 443")
