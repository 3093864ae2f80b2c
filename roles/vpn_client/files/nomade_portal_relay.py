#!/usr/bin/python3 -I
# SPDX-License-Identifier: EUPL-1.2
"""The relay of the portal window: a small web proxy on 127.0.0.1, run under an account that has no right at all.

Only while the window is open do the firewall and the routes let this account out. It serves the user who opened the
window and nobody else, the ports 80 and 443 only, asks names of the servers that the network gave, and carries little:
enough for a portal, too little to carry files away.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import re
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

STATE = Path("/run/nomade-portal/window.json")
PORT = Path("/run/nomade-portal-relay/port")
PORTS = {80, 443}
SENT, RECEIVED = 2 * 1024 * 1024, 64 * 1024 * 1024  # bytes of one window: logging in needs some kilobytes
HEAD = 32 * 1024
WAIT = 10  # seconds for a request's head or a connection
REQUEST = re.compile(rb"(CONNECT) ([^\s:\[\]/]+|\[[0-9A-Fa-f:.]+\]):(\d+) HTTP/1\.[01]\r\n", re.ASCII)
PLAIN = re.compile(rb"([A-Z]+) http://([^\s:\[\]/]+|\[[0-9A-Fa-f:.]+\])(?::(\d+))?(/\S*)? HTTP/1\.[01]\r\n", re.ASCII)
HOP = re.compile(rb"^(?:proxy-[a-z-]+|connection|keep-alive):.*\r\n", re.IGNORECASE | re.MULTILINE)


class RefusedError(Exception):
    """Why a request is not served: the status line's number and words."""


class Window:
    """What one window carried and may still carry."""

    def __init__(self, asker: int, resolvers: list[str]) -> None:
        self.asker, self.resolvers = asker, resolvers
        self.connections, self.left = 0, {"sent": SENT, "received": RECEIVED}

    def spend(self, direction: str, amount: int) -> bool:
        """Count bytes, and return whether the window may still carry them."""
        self.left[direction] -= amount
        return self.left[direction] >= 0

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, direction: str) -> None:
        """Copy until the end of `source`, or of what this window may carry."""
        try:
            while data := await source.read(65536):
                if not self.spend(direction, len(data)):
                    break
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a browser."""
        try:
            if owner(writer.get_extra_info("peername"), writer.get_extra_info("sockname")) != self.asker:
                raise RefusedError("403 Not yours")
            await self.relay(reader, writer)
        except RefusedError as refused:
            writer.write(f"HTTP/1.1 {refused}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.write(b"HTTP/1.1 504 No answer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        finally:
            writer.close()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect to where the request says and carry both ways."""
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT)
        found = REQUEST.match(head) or PLAIN.match(head)
        if not found:
            raise RefusedError("400 Not a request for a proxy")
        port = int(found[3] or 80)
        if port not in PORTS:
            raise RefusedError("403 Ports 80 and 443 only")
        if not self.spend("sent", len(head)):  # names that are asked can carry files away too
            raise RefusedError("403 Enough for one window")
        address = await asyncio.get_running_loop().run_in_executor(
            None, self.resolve, found[2].decode("ascii").strip("[]")
        )
        out, into = await asyncio.wait_for(asyncio.open_connection(address, port), WAIT)
        self.connections += 1
        if found[1] == b"CONNECT":
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            rest = HOP.sub(b"", head[found.end() :])
            into.write(found[1] + b" " + (found[4] or b"/") + b" HTTP/1.1\r\nConnection: close\r\n" + rest)
        await asyncio.gather(self.carry(reader, into, "sent"), self.carry(out, writer, "received"))

    def resolve(self, name: str) -> str:
        """Return an address of `name`; none of this machine, whose own services are not for a portal."""
        for address in literal(name) or (item for kind in (1, 28) for item in self.ask(name, kind)):
            known = ipaddress.ip_address(address)
            if not (known.is_loopback or known.is_multicast or known.is_unspecified):
                return address
        raise RefusedError("502 No such name")

    def ask(self, name: str, kind: int) -> Iterator[str]:
        """Yield the addresses (kind 1: IPv4, 28: IPv6) that the network's name servers give."""
        question = b"".join(bytes([len(part)]) + part for part in name.encode("idna").split(b".") if part) + b"\0"
        for resolver in self.resolvers:
            family = socket.AF_INET6 if ":" in resolver else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.settimeout(2)
                try:
                    asking.connect((resolver, 53))
                    number = os.urandom(2)
                    asking.send(
                        number + struct.pack("!5H", 0x0100, 1, 0, 0, 0) + question + struct.pack("!2H", kind, 1)
                    )
                    yield from answers(asking.recv(4096), number, kind)
                    return
                except (OSError, ValueError, IndexError, struct.error):
                    continue


def literal(name: str) -> list[str]:
    """Return [name] when it is an address."""
    try:
        return [str(ipaddress.ip_address(name))]
    except ValueError:
        return []


def answers(message: bytes, number: bytes, kind: int) -> list[str]:
    """Return the addresses of a name server's answer. Raises ValueError for one to another question."""
    if message[:2] != number:
        raise ValueError("an answer to another question")
    questions, count = struct.unpack("!2H", message[4:8])
    place, found = 12, []
    for _ in range(questions):
        place = after_name(message, place) + 4
    for _ in range(count):
        place = after_name(message, place)
        type_, _class, _ttl, length = struct.unpack("!2HIH", message[place : place + 10])
        if type_ == kind:
            found.append(str(ipaddress.ip_address(message[place + 10 : place + 10 + length])))
        place += 10 + length
    return found


def after_name(message: bytes, place: int) -> int:
    """Return where the name at `place` ends; a compressed one ends with its pointer."""
    while message[place]:
        if message[place] >= 0xC0:
            return place + 2
        place += message[place] + 1
    return place + 1


def owner(peer: tuple[str, int], own: tuple[str, int]) -> int | None:
    """Return the user id of the other end of a connection on this machine; None when it is not to be found."""

    def coded(address: tuple[str, int]) -> str:
        return f"{int.from_bytes(socket.inet_aton(address[0]), 'little'):08X}:{address[1]:04X}"

    # Not /proc/net: of /proc the unit shows processes only (ProcSubset=pid), and that one is not below a process.
    with Path("/proc/self/net/tcp").open(encoding="ascii") as file:
        for row in map(str.split, file):
            if row[1] == coded(peer) and row[2] == coded(own):
                return int(row[7])
    return None


def ready() -> None:
    """Tell systemd that the port can be read."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


async def main() -> None:
    """Serve until systemd ends it, then say what was carried: amounts, no places."""
    state = json.loads(STATE.read_text(encoding="ascii"))
    window = Window(state["asker"], state["resolvers"])
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    server = await asyncio.start_server(window.serve, "127.0.0.1", 0, limit=HEAD)
    PORT.write_text(str(server.sockets[0].getsockname()[1]), encoding="ascii")
    ready()
    await over.wait()
    sent, received = SENT - window.left["sent"], RECEIVED - window.left["received"]
    sys.stdout.write(f"{window.connections} connections, {sent} bytes sent, {received} bytes received\n")
    sys.stdout.flush()
    os._exit(0)  # connections that are open end with the window


asyncio.run(main())
