"""The one seam to the outside: run a script on an endpoint, get a result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from toolkit.errors import UnreachableError


class NotEnrolledError(UnreachableError):
    """No host key is pinned for the endpoint, so it was not connected to."""


class LoginRefusedError(UnreachableError):
    """The endpoint is the right one and answered, but does not let this user in with this key or password."""


class HostKeyChangedError(UnreachableError):
    """The endpoint showed another host key than the pinned one; nothing was sent to it."""


@dataclass(frozen=True, slots=True)
class Route:
    """How the control machine reaches one endpoint. Ansible, the audit and enrolment use the same one.

    `alias` is the endpoint's name and the name its host key is pinned under in `known_hosts`; `jump` is the gateway's
    route when the endpoint is reached through it.
    """

    alias: str
    address: str
    port: int
    user: str
    identity: Path
    known_hosts: Path
    jump: Route | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a command printed and how it ended. `truncated` says that output passed the limit and was cut."""

    exit_code: int | None
    stdout: bytes
    stderr: bytes
    truncated: bool = False


class Transport(Protocol):
    """Run one POSIX-sh script as root on an endpoint."""

    def run(self, route: Route, script: str, *, timeout: float, limit: int) -> Result:
        """Send `script` to the endpoint's `sh` on standard input and wait.

        Args:
            timeout: seconds for the whole exchange.
            limit: bytes of output kept; more is cut and `truncated` set.

        A script that was cut by the time or by the connection gives a result with `exit_code` None and what had come.

        Raises:
            UnreachableError: no connection within the time (NotEnrolledError: no host key is pinned;
                HostKeyChangedError: another one was shown).
        """
        ...
