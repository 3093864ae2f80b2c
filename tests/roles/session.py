"""A session of the teleworker with the office PC, kept open while the network changes under it."""

from __future__ import annotations

from tests.roles.home import PYTHON, TELEWORKER, Home

_CLIENT = (
    "import socket,sys\nc = socket.create_connection(('192.168.1.20', 3389), 5); c.settimeout(30)\n"
    "f = c.makefile('rw'); f.readline(); print('ready', flush=True)\n"
    "for line in sys.stdin:\n    f.write(line); f.flush(); print(f.readline(), end='', flush=True)"
)


class Session:
    """The connection is there once this is made; it ends with the machine."""

    def __init__(self, home: Home) -> None:
        self._client = home.laptop.spawn(PYTHON, "-c", _CLIENT, user=TELEWORKER)
        assert self._read() == "ready\n"

    def goes_on(self, word: str) -> None:
        """Send a word and wait for it to come back."""
        assert self._client.stdin is not None
        self._client.stdin.write(f"{word}\n")
        self._client.stdin.flush()
        assert self._read() == f"{word}\n"

    def _read(self) -> str:
        assert self._client.stdout is not None
        return self._client.stdout.readline()
