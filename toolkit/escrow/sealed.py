"""What is encrypted: opening it with an identity, comparing the inside with the outside, handing it to its endpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage

from toolkit.errors import BadInputError
from toolkit.escrow.deposits import Deposit
from toolkit.i18n import _
from toolkit.transport.known_hosts import KEY_TYPE, HostKey

Identities = Sequence[pyrage.x25519.Identity]
# What marks an identity file that is itself encrypted with a passphrase (`age-keygen | age -p -a`).
_ENCRYPTED = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")


@dataclass(frozen=True, slots=True)
class Inside:
    """A decrypted key. `described` is False for a bare secret, which does not say what it opens (backup passwords)."""

    secret: str = field(repr=False)
    described: bool


def identities(file: Path, ask: Callable[[], str]) -> Identities:
    """Return the age identities of a file; `ask` returns its passphrase when it has one.

    Raises:
        BadInputError: it cannot be read, holds no identity, or the passphrase is wrong.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInputError(_("{file}: cannot be read: {error}").format(file=file, error=error.strerror)) from None
    if content.startswith(_ENCRYPTED):
        try:
            content = pyrage.passphrase.decrypt(content, ask())
        except pyrage.DecryptError:
            raise BadInputError(_("{file}: this passphrase does not open it").format(file=file)) from None
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    try:
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except pyrage.IdentityError:
        found = []
    if not found:
        raise BadInputError(_("{file}: no age identity in it (a line AGE-SECRET-KEY-1…)").format(file=file))
    return found


def opened(deposit: Deposit, keys: Identities) -> Inside:
    """Return the key in escrow, after comparing what was encrypted with it with what stands beside it.

    Raises:
        BadInputError: none of the identities opens it, or the description is of something else.
    """
    try:
        content = pyrage.decrypt(deposit.ciphertext(), keys)
    except pyrage.DecryptError:
        raise BadInputError(
            _("{file}: this identity does not open it; it is encrypted to {recipients}").format(
                file=deposit.file, recipients=", ".join(deposit.recipients)
            )
        ) from None
    text = content.decode("utf-8", "replace")
    said = _document(text)
    if said is None:
        if deposit.is_disk:
            raise BadInputError(_("{file}: what is inside does not say what it opens").format(file=deposit.file))
        return Inside(text.strip(), described=False)
    wrong = [name for name, value in _expected(deposit).items() if said.get(name) != value]
    if wrong or not isinstance(said.get("key"), str):
        raise BadInputError(
            _(
                "{file}: inside and outside do not agree ({names}): the description was edited or the file is "
                "another’s; take both files from the history of the workspace"
            ).format(file=deposit.file, names=", ".join(wrong) or "key")
        )
    return Inside(said["key"], described=True)


def to_endpoint(secret: str, host_key: HostKey) -> str:
    """Return `secret` encrypted to an endpoint's SSH host key: nobody but root there reads it."""
    _name, kind, public = host_key.line("x").split()
    assert kind == KEY_TYPE  # noqa: S101 — the only type that is pinned
    recipient = pyrage.ssh.Recipient.from_str(f"{kind} {public}")
    sealed: bytes = pyrage.encrypt(secret.encode(), [recipient], armored=True)
    return sealed.decode()


def recipients_digest(recipients: Sequence[str]) -> str:
    """Return the digest by which the endpoint names the recipients inside: SHA-256 of them, sorted, one a line."""
    return hashlib.sha256("\n".join(sorted(recipients)).encode()).hexdigest()


def _expected(deposit: Deposit) -> dict[str, Any]:
    return {
        "endpoint": deposit.endpoint,
        "uuid": deposit.uuid,
        "device": deposit.device,
        "slot": deposit.slot,
        "made": deposit.date,
        "recipients_sha256": recipients_digest(deposit.recipients),
    }


def _document(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
