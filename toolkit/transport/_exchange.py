"""One command over an SSH connection: what it is given, what it prints, how it ends; bounded in time and size."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Iterator

from toolkit.transport._paramiko import paramiko
from toolkit.transport.base import Result

_CHUNK = 65_536
_NAP = 0.2
# Whatever a hostile server makes paramiko's own thread stumble over is raised again here, of any type.
LOST = (Exception,)


def exchange(client: paramiko.Transport, command: str, script: str, end: float, limit: int) -> Result:
    """Run `command` with `script` on its standard input until `end` (`time.monotonic`) or `limit` bytes of output."""
    output: dict[str, bytearray] = {"out": bytearray(), "err": bytearray()}
    code: int | None = None
    with contextlib.suppress(*LOST):
        channel = client.open_session(timeout=max(0.1, end - time.monotonic()))
        channel.settimeout(max(0.1, end - time.monotonic()))
        channel.exec_command(command)
        channel.sendall(script.encode())
        channel.shutdown_write()
        for kind, part in _parts(channel, end):
            output[kind] += part
            if len(output["out"]) + len(output["err"]) > limit:
                return Result(None, bytes(output["out"][:limit]), bytes(output["err"][:limit]), truncated=True)
        code = _exit_code(channel, end)
    return Result(code, bytes(output["out"]), bytes(output["err"]))


def _parts(channel: paramiko.Channel, end: float) -> Iterator[tuple[str, bytes]]:
    """Yield what comes, at most `_CHUNK` bytes at a time, until the end of output or of the time."""
    # While the command runs, what came is taken now and then: to be woken by each packet is a tenth of an exchange.
    while not channel.status_event.wait(max(0.0, min(_NAP, end - time.monotonic()))):
        yield from _there(channel)
        if channel.eof_received or time.monotonic() >= end:
            break
    watch = select.poll()
    watch.register(channel.fileno(), select.POLLIN)
    while watch.poll(max(0.0, end - time.monotonic()) * 1000):
        if channel.recv_ready():
            yield "out", channel.recv(_CHUNK)
        elif channel.recv_stderr_ready():
            yield "err", channel.recv_stderr(_CHUNK)
        elif channel.eof_received or channel.closed:
            return


def _there(channel: paramiko.Channel) -> Iterator[tuple[str, bytes]]:
    while channel.recv_ready():
        yield "out", channel.recv(_CHUNK)
    while channel.recv_stderr_ready():
        yield "err", channel.recv_stderr(_CHUNK)


def _exit_code(channel: paramiko.Channel, end: float) -> int | None:
    channel.status_event.wait(max(0.0, end - time.monotonic()))
    return channel.exit_status if channel.exit_status >= 0 else None
