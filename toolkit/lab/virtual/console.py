"""The serial console of a virtual machine: wait for what it says, type what a person would.

QEMU writes all it says to a file and takes what is typed on a socket, so any process may look on at any time.
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from pathlib import Path

from toolkit.errors import NomadeError
from toolkit.i18n import _


class Console:
    """What one boot says: `log` holds it, `typed` is the socket for typing. Reading starts where it last ended."""

    def __init__(self, log: Path, typed: Path) -> None:
        """Look on from the start of `log`."""
        self._log, self._typed = log, typed
        self._read = 0
        self._line: socket.socket | None = None

    def expect(self, pattern: str, timeout: float) -> re.Match[str]:
        """Wait until the console shows `pattern` (a regular expression) after what was read before; return the match.

        Raises:
            NomadeError: not within `timeout` seconds; the message has the last line the console shows.
        """
        deadline = time.monotonic() + timeout
        while True:
            text = self.text()
            if found := re.compile(pattern).search(text, self._read):
                self._read = found.end()
                return found
            if time.monotonic() > deadline:
                last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
                raise NomadeError(
                    _("{log}: no “{pattern}” within {seconds} s; the console ends with: {last}").format(
                        log=self._log, pattern=pattern, seconds=int(timeout), last=last
                    )
                )
            time.sleep(0.2)

    def type(self, line: str) -> None:
        """Type one line and Enter. The line stays open: QEMU forgets what the guest has not yet read when it closes."""
        if self._line is None:
            self._line = socket.socket(socket.AF_UNIX)
            self._line.connect(str(self._typed))
            threading.Thread(target=self._drain, args=(self._line,), daemon=True).start()
        self._line.sendall(f"{line}\r".encode())

    def _drain(self, line: socket.socket) -> None:
        # All that is said comes here too; the log has it. Left unread it would stop the guest at its next word.
        with contextlib.suppress(OSError):
            while line.recv(65536):
                pass

    def text(self) -> str:
        """Return all that was shown, from the power switch on."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.is_file() else ""
