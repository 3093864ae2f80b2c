"""This machine as an endpoint: a control machine audits itself, tests need no server."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from contextlib import suppress

from toolkit.transport.base import Result, Route

_CHUNK = 65_536


class LocalTransport:
    """Runs scripts with `sh` here, as the user of this process; the route's address is not used."""

    def run(self, route: Route, script: str, *, timeout: float, limit: int) -> Result:
        """See `toolkit.transport.base.Transport`."""
        end = time.monotonic() + timeout
        # A file instead of a pipe: nobody has to feed the script while the output is read.
        with tempfile.TemporaryFile() as source:
            source.write(script.encode())
            source.seek(0)
            process = subprocess.Popen(
                ["sh"], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
        try:
            return _read(process, end, limit)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _read(process: subprocess.Popen[bytes], end: float, limit: int) -> Result:
    output = {1: bytearray(), 2: bytearray()}
    with selectors.DefaultSelector() as selector:
        for number, stream in ((1, process.stdout), (2, process.stderr)):
            assert stream is not None  # noqa: S101 — both are pipes, see run()
            selector.register(stream, selectors.EVENT_READ, number)
        while selector.get_map():
            ready = selector.select(max(0.0, end - time.monotonic()))
            if not ready:
                return Result(None, bytes(output[1]), bytes(output[2]))
            for key, _events in ready:
                part = os.read(key.fd, _CHUNK)
                output[key.data] += part
                if not part:
                    selector.unregister(key.fileobj)
            if len(output[1]) + len(output[2]) > limit:
                return Result(None, bytes(output[1][:limit]), bytes(output[2][:limit]), truncated=True)
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, end - time.monotonic()))
    code = process.returncode
    return Result(code if code is not None and code >= 0 else None, bytes(output[1]), bytes(output[2]))
