"""How a host key seen for the first time is verified. Each way says no by raising; none says yes by default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from toolkit.errors import BadInputError, UnreachableError
from toolkit.i18n import _
from toolkit.transport.base import HostKeyChangedError, Route
from toolkit.transport.known_hosts import HostKey, entries

Trust: TypeAlias = Callable[[Route, HostKey], None]
"""Called with where the endpoint was reached and the key it showed; raises UnreachableError unless that is its key."""


def _mismatch(route: Route, expected: str, shown: HostKey) -> HostKeyChangedError:
    return HostKeyChangedError(
        _("{endpoint}: WRONG HOST KEY at {address}: expected {expected}, shown {shown}. Nothing was sent").format(
            endpoint=route.alias, address=route.address, expected=expected, shown=shown.fingerprint
        )
    )


def by_fingerprint(fingerprint: str) -> Trust:
    """Trust the one key of that fingerprint, `SHA256:` and 43 base64 characters as `ssh-keygen -lf` prints it.

    Raises:
        BadInputError: it does not look like one.
    """
    if not fingerprint.startswith("SHA256:") or len(fingerprint) != len("SHA256:") + 43:
        raise BadInputError(_("“{text}” is not a fingerprint such as SHA256:…").format(text=fingerprint))

    def verify(route: Route, shown: HostKey) -> None:
        if shown.fingerprint != fingerprint:
            raise _mismatch(route, fingerprint, shown)

    return verify


def by_known_hosts(path: Path) -> Trust:
    """Trust the keys of a known_hosts file, by endpoint name, else by address.

    Raises:
        BadInputError: the file is missing, empty or broken.
    """
    known: dict[str, set[HostKey]] = {}
    for name, key in entries(path):
        known.setdefault(name, set()).add(key)
    if not known:
        raise BadInputError(_("{file}: no ed25519 host key in it").format(file=path))

    def verify(route: Route, shown: HostKey) -> None:
        plain = [route.address] if route.port == 22 else []
        names = [route.alias, f"[{route.address}]:{route.port}", *plain]
        expected = next((known[name] for name in names if name in known), None)
        if expected is None:
            raise UnreachableError(
                _("{endpoint}: neither its name nor {address} is in {file}: not enrolled").format(
                    endpoint=route.alias, address=route.address, file=path
                )
            )
        if shown not in expected:
            raise _mismatch(route, ", ".join(sorted(key.fingerprint for key in expected)), shown)

    return verify


def by_asking(confirm: Callable[[Route, HostKey], bool]) -> Trust:
    """Trust what `confirm` (a person) says yes to."""

    def verify(route: Route, shown: HostKey) -> None:
        if not confirm(route, shown):
            raise UnreachableError(
                _("{endpoint}: host key {shown} not confirmed: not enrolled").format(
                    endpoint=route.alias, shown=shown.fingerprint
                )
            )

    return verify
