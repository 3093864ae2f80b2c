"""What is encrypted: opening it with an identity, comparing the inside with the outside, handing it to its endpoint."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage

from toolkit.errors import BadInputError
from toolkit.escrow.deposits import Deposit
from toolkit.i18n import _
from toolkit.transport.known_hosts import KEY_TYPE, HostKey

Identities = Sequence[pyrage.x25519.Identity]
# A header is 16 MiB unless somebody made it larger; more than this is none (its key slots take 128 MiB at most).
_LARGEST = 160 * 2**20
_LUKS2 = b"LUKS\xba\xbe\0\2"
_UUID_AT = 168  # in the binary header: LUKS2 on-disk format, 2.1
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
    content = _decrypted(deposit, deposit.file, deposit.ciphertext(), keys)
    text = content.decode("utf-8", "replace")
    said = _document(text)
    if said is None:
        if deposit.is_disk:
            raise BadInputError(_("{file}: what is inside does not say what it opens").format(file=deposit.file))
        return Inside(text.strip(), described=False)
    if not isinstance(said.get("key"), str):
        raise _disagreement(deposit.file, ["key"])
    _compare(deposit.file, said, _expected(deposit))
    return Inside(said["key"], described=True)


def opened_header(deposit: Deposit, keys: Identities) -> bytes:
    """Return the copy of a volume's header in escrow, as `cryptsetup luksHeaderRestore` takes it.

    Raises:
        BadInputError: there is none, none of the identities opens it, or it is not the one that is described.
    """
    content = _decrypted(deposit, deposit.header_file, deposit.header_ciphertext(), keys)
    line, _end, packed = content.partition(b"\n")
    said = _document(line.decode("utf-8", "replace"))
    assert deposit.header is not None  # noqa: S101 — else there was no ciphertext
    expected = {"made": deposit.header.date, "header_sha256": deposit.header.sha256}
    _compare(deposit.header_file, said or {}, _expected(deposit) | expected)
    header = _unpacked(packed)
    uuid = header[_UUID_AT : _UUID_AT + len(deposit.uuid)]
    if (
        not header.startswith(_LUKS2)
        or uuid != deposit.uuid.encode()
        or hashlib.sha256(header).hexdigest() != deposit.header.sha256
    ):
        raise BadInputError(
            _("{file}: what is inside is not the header of this volume").format(file=deposit.header_file)
        )
    return header


def _unpacked(packed: bytes) -> bytes:
    """Return what was compressed, or nothing when it is no such thing or too large for a header."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            content = stream.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error):
        return b""
    return content if len(content) <= _LARGEST else b""


def _decrypted(deposit: Deposit, file: Path, ciphertext: bytes, keys: Identities) -> bytes:
    try:
        content: bytes = pyrage.decrypt(ciphertext, keys)
    except pyrage.DecryptError:
        raise BadInputError(
            _("{file}: this identity does not open it; it is encrypted to {recipients}").format(
                file=file, recipients=", ".join(deposit.recipients)
            )
        ) from None
    return content


def _compare(file: Path, said: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    if wrong := [name for name, value in expected.items() if said.get(name) != value]:
        raise _disagreement(file, wrong)


def _disagreement(file: Path, names: Sequence[str]) -> BadInputError:
    return BadInputError(
        _(
            "{file}: inside and outside do not agree ({names}): the description was edited or the file is "
            "another’s; take both files from the history of the workspace"
        ).format(file=file, names=", ".join(names))
    )


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
