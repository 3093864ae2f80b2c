#!/usr/bin/python3 -I
# SPDX-License-Identifier: EUPL-1.2
"""The bounded window to a captive portal: opened for the teleworker who asks on a socket, without any right of root.

Run by nomade-portal.service, with the listening socket as descriptor 3. How long it may stay open is not decided here
but by the timeout of the ruleset's set: the kernel closes it even when this program is gone. It only lets out the
account of the relay (nomade-portal-relay.service). Each line told to the asker is one word and its values.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import pwd
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ACCOUNT = "nomade-portal"
INTERFACE = "wg-nomade"
TUNNEL = "/usr/local/libexec/nomade-vpn"
STATE = Path("/run/nomade-portal/window.json")
PORT = Path("/run/nomade-portal-relay/port")
RULE = ["rule", "{action}", "preference", "32499", "uidrange", "{uid}-{uid}", "lookup", "main"]
PATIENCE = 4  # seconds for the tunnel to show that it needs no window
START = 10  # seconds for the relay to start, on a slow laptop
NUDGE = 5  # seconds between two tries of the tunnel while the window is open
ADDRESS = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+")


def log(text: str) -> None:
    """Say it in the journal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(*command: str) -> str:
    """Return the output of a command, empty when it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout if done.returncode == 0 else ""


def allowed_seconds() -> int:
    """Return what the ruleset allows; 0 when it has no window."""
    said = run("nft", "--json", "list", "set", "inet", "nomade", "portal_window")
    sets = [item["set"] for item in json.loads(said or '{"nftables": []}')["nftables"] if "set" in item]
    return int(sets[0].get("timeout", 0)) if sets else 0


def resolvers() -> list[str]:
    """Return what the network gave: to NetworkManager, systemd-networkd or dhclient, else what resolv.conf says."""
    for source in sources():
        found = [word for word in ADDRESS.findall(source) if usable(word)]
        if found:
            return list(dict.fromkeys(found))[:4]
    return []


def sources() -> Iterator[str]:
    """Yield texts with addresses of name servers, the surest first."""
    if manager := shutil.which("nmcli"):
        yield run(manager, "--escape", "no", "--get-values", "IP4.DNS,IP6.DNS", "device", "show")
    for folder, name in ("/run/systemd/netif/leases", "*"), ("/var/lib/dhcp", "dhclient*.leases"):
        for path in sorted(Path(folder).glob(name), key=lambda path: path.stat().st_mtime, reverse=True):
            # dhclient keeps what earlier networks gave; the last lease is the one in use.
            yield "".join(read(path, r"^DNS=.*|domain-name-servers .*")[-1:])
    for place in "/run/systemd/resolve/resolv.conf", "/etc/resolv.conf":
        yield "\n".join(read(Path(place), r"^nameserver .*"))


def usable(word: str) -> bool:
    """Whether it is an address of another machine."""
    try:
        return not ipaddress.ip_address(word).is_loopback
    except ValueError:
        return False


def read(path: Path, pattern: str) -> list[str]:
    """Return the parts of a file that match; none when it is not there."""
    try:
        return re.findall(pattern, path.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
    except OSError:
        return []


def routing(action: str, uid: int) -> None:
    """Send the relay's packets to the network the laptop is in, or no longer."""
    for family in ("-4", "-6"):
        subprocess.run(
            ["ip", family, *(word.format(action=action, uid=uid) for word in RULE)],
            stderr=subprocess.DEVNULL,
            check=False,
        )


def open_window(uid: int, asker: int, servers: list[str]) -> int:
    """Let the relay out. The order matters: the rules close by themselves, so they come first."""
    commands = [f"add element inet nomade portal_window {{ {uid} }}"]
    for version, name in ((4, "portal_resolvers4"), (6, "portal_resolvers6")):
        own = [server for server in servers if (":" in server) == (version == 6)]
        commands += [f"add element inet nomade {name} {{ {', '.join(own)} }}"] if own else []
    subprocess.run(["nft", "--file", "-"], input="\n".join(commands), text=True, check=True)
    routing("add", uid)
    STATE.write_text(json.dumps({"asker": asker, "resolvers": servers}), encoding="ascii")
    ready()
    end = time.monotonic() + START
    while not (PORT.exists() and PORT.read_text(encoding="ascii")):
        if time.monotonic() > end:
            raise TimeoutError("the relay did not start")
        time.sleep(0.1)
    return int(PORT.read_text(encoding="ascii"))


def ready() -> None:
    """Let systemd go on: it starts the relay, which comes after this service, if the window's state is there."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


def close_window() -> None:
    """Close it, whatever is open of it. Run again by systemd at the end, should this program be killed.

    The relay ends with this service (BindsTo).
    """
    STATE.unlink(missing_ok=True)
    names = "portal_window", "portal_resolvers4", "portal_resolvers6"
    subprocess.run(
        ["nft", "; ".join(f"flush set inet nomade {name}" for name in names)], stderr=subprocess.DEVNULL, check=False
    )
    routing("delete", account())


def account() -> int:
    """Return the user id of the relay."""
    return pwd.getpwnam(ACCOUNT).pw_uid


def last_handshake() -> int:
    """Return when the tunnel shook hands last, in seconds since 1970; 0 for never."""
    return max(
        [int(line.split()[1]) for line in run("wg", "show", INTERFACE, "latest-handshakes").splitlines()], default=0
    )


def until_closed(listener: socket.socket, asker: socket.socket, opened: int, seconds: int) -> str:
    """Return why the window closes: the tunnel shook hands, the time is over, or the asker has gone."""
    end, nudge = time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        if last_handshake() >= opened:
            return "handshake"
        if time.monotonic() >= nudge:
            run(TUNNEL, "nudge")
            nudge = time.monotonic() + NUDGE
        readable, _, _ = select.select([listener, asker], [], [], 0.5)
        if asker in readable and not asker.recv(100):
            return "ended"
        if listener in readable:
            second, _ = listener.accept()
            tell(second, "busy")
            second.close()
    return "expired"


def tell(asker: socket.socket, *words: object) -> None:
    """Tell the asker; that they are gone is no matter."""
    with contextlib.suppress(OSError):
        asker.sendall((" ".join(map(str, words)) + "\n").encode())


def serve(listener: socket.socket) -> None:
    """Serve one asker."""
    asker, _ = listener.accept()
    pid, uid, _gid = struct.unpack("3i", asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    seconds = allowed_seconds()
    if not seconds:
        log(f"asked by user {uid}: refused, the ruleset has no window")
        return tell(asker, "refused")
    tell(asker, "trying")
    if subprocess.run([TUNNEL, "renew", str(PATIENCE)], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        log(f"asked by user {uid}: not needed, the tunnel answers")
        return tell(asker, "tunnel")
    servers, opened, start = resolvers(), int(time.time()), time.monotonic()
    try:
        port = open_window(account(), uid, servers)
        log(f"opened for user {uid} (process {pid}), {seconds} s at most, name servers: {' '.join(servers) or 'none'}")
        tell(asker, "open", port, seconds)
        reason = until_closed(listener, asker, opened, seconds)
    except (TimeoutError, subprocess.SubprocessError) as error:
        log(f"not opened: {error}")
        reason = "failed"
    finally:
        close_window()
    log(f"closed after {time.monotonic() - start:.0f} s: {reason}")
    return tell(asker, "closed", reason)


if __name__ == "__main__":
    if sys.argv[1:] == ["close"]:
        close_window()
    else:
        serve(socket.socket(fileno=3))
        ready()
