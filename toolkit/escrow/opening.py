"""Opening a key in escrow and having it replaced: first the request to replace it, then the register, then the key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from toolkit.errors import BadInputError, NothingEvaluatedError
from toolkit.escrow import register
from toolkit.escrow.deposits import Deposit, deposits
from toolkit.escrow.register import Event
from toolkit.escrow.sealed import Identities, Inside, opened, opened_header, to_endpoint
from toolkit.files import create_atomically, write_atomically
from toolkit.fleet import load_all
from toolkit.i18n import _
from toolkit.transport.known_hosts import HostKey, pins
from toolkit.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Kept:
    """A key in escrow, of the commune that keeps it."""

    commune: str
    deposit: Deposit


@dataclass(frozen=True, slots=True)
class Asked:
    """One key that the next `apply` replaces; `by_itself`: without anybody typing a passphrase on the endpoint."""

    kept: Kept
    by_itself: bool


def of_host(workspace: Workspace, communes: Sequence[str], host: str, volume: str | None = None) -> list[Kept]:
    """Return the keys in escrow of one endpoint; `volume` is a UUID or the beginning of one, or a device.

    Raises:
        BadInputError: an unknown commune.
        NothingEvaluatedError: nothing is in escrow under that name.
    """
    found = [
        Kept(commune, item)
        for commune in workspace.select(communes)
        for item in deposits(workspace.commune(commune))[0]
        if item.endpoint == host and (volume is None or item.device == volume or item.uuid.startswith(volume))
    ]
    if not found:
        raise NothingEvaluatedError(
            _("nothing is in escrow for {host}: “nomade escrow verify” lists what is").format(host=host)
            if volume is None
            else _("nothing is in escrow for {host}, volume {volume}").format(host=host, volume=volume)
        )
    return found


def open_key(workspace: Workspace, kept: Kept, keys: Identities, reason: str) -> Inside:
    """Return one key to be shown to whoever gave `reason`: it is written down and to be replaced before this returns.

    Raises:
        BadInputError: it cannot be decrypted or is not what it is said to be (nothing was written then), or the
            register cannot be written.
    """
    inside = opened(kept.deposit, keys)
    if kept.deposit.is_disk:
        _request(workspace, kept, inside)
    _note(workspace, kept, "opened", reason)
    return inside


def open_header(workspace: Workspace, kept: Kept, keys: Identities, reason: str) -> bytes:
    """Return the copy of a volume's header for whoever gave `reason`; it is written down before this returns.

    Raises:
        BadInputError: as `open_key`.
    """
    content = opened_header(kept.deposit, keys)
    _note(workspace, kept, "header", reason)
    return content


def ask_replacement(workspace: Workspace, chosen: Iterable[Kept], keys: Identities | None, reason: str) -> list[Asked]:
    """Have the keys of volumes replaced by the next `apply`; with an identity nobody needs to type a passphrase there.

    Raises:
        BadInputError: as `open_key`; the keys before that one are asked for.
    """
    asked = []
    for kept in chosen:
        by_itself = _request(workspace, kept, opened(kept.deposit, keys) if keys else None)
        _note(workspace, kept, "replace", reason)
        asked.append(Asked(kept, by_itself))
    return asked


def readable_by_leavers(workspace: Workspace, communes: Sequence[str]) -> list[Kept]:
    """Return what is encrypted to others than today's recipients of its commune: keys of volumes, backup passwords.

    Raises:
        ProblemsError: `nomade.yml` or a fleet file is wrong.
    """
    chosen = workspace.select(communes)
    config, fleets = load_all(workspace, chosen)
    return [
        Kept(fleet.commune.id, item)
        for fleet in fleets
        for item in deposits(workspace.commune(fleet.commune.id))[0]
        if set(item.recipients) != {*config.escrow_recipients, *fleet.commune.escrow_recipients}
    ]


def write_new(path: Path, content: str | bytes) -> None:
    """Write a key, or the copy of a header, to a new file that its owner alone reads.

    Raises:
        BadInputError: something is there already, or the file system lets others read it.
    """
    try:
        create_atomically(path, content, 0o600)
        open_to_others = path.stat().st_mode & 0o077
    except OSError as error:
        raise BadInputError(_("{file}: cannot be written: {error}").format(file=path, error=error.strerror)) from None
    if open_to_others:
        path.unlink()
        raise BadInputError(_("{file}: others could read it there; it was not written").format(file=path))


def _request(workspace: Workspace, kept: Kept, inside: Inside | None) -> bool:
    """Write the request that the next `apply` takes to the endpoint; return whether it carries what authorises it."""
    deposit = kept.deposit
    pinned = _host_key(workspace, kept) if inside else None
    unlock = to_endpoint(inside.secret, pinned) if inside and pinned else authorisation(deposit)
    said = {
        "endpoint": deposit.endpoint,
        "uuid": deposit.uuid,
        "ciphertext_sha256": deposit.ciphertext_sha256,
        "asked": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "unlock": unlock,
    }
    write_atomically(deposit.replacement_file, json.dumps(said, indent=2, sort_keys=True) + "\n", 0o600)
    return unlock is not None


def _host_key(workspace: Workspace, kept: Kept) -> HostKey | None:
    with suppress(BadInputError):  # a broken known_hosts must not stand between a user and his disk
        return pins(workspace.commune(kept.commune).known_hosts).get(kept.deposit.endpoint)
    return None


def authorisation(deposit: Deposit) -> str | None:
    """Return what the request to replace this very key carries for its endpoint, so that nobody types a passphrase."""
    try:
        said = json.loads(deposit.replacement_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    same = isinstance(said, dict) and said.get("ciphertext_sha256") == deposit.ciphertext_sha256
    return said["unlock"] if same and isinstance(said.get("unlock"), str) else None


def _note(workspace: Workspace, kept: Kept, action: str, reason: str) -> None:
    deposit = kept.deposit
    digest = deposit.ciphertext_sha256
    if action == "header" and deposit.header:
        digest = deposit.header.ciphertext_sha256
    event = Event(action, deposit.endpoint, deposit.uuid, digest, reason)
    register.append(workspace, kept.commune, event)
