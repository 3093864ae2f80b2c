"""Where a commune's endpoints are backed up: the section `backup` of `fleet.yml`, and what its parts must agree on."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from toolkit.fleet.document import Document
from toolkit.fleet.parts import Model
from toolkit.fleet.text import Address, Login, Port
from toolkit.i18n import _

# OpenSSH's form of a public key: the type, then 51 bytes in base64, the first of which say the type again.
HostKey = Annotated[str, StringConstraints(pattern=r"^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}$")]


class BackupStore(Model):
    """The machine that keeps the backups: the commune's gateway, or another one that the CIG looks after."""

    address: Address | None = None
    """Where it is when it is not the gateway; laptops reach it through the tunnel. Without `host_key`: a machine of the
    CIG that `playbooks/backup_store.yml` prepares."""
    port: Port = 8022
    account: Login = "nomade-store"
    """Whom endpoints log in as, each with its own key and a forced command."""
    host_key: HostKey | None = None
    """Public host key (`ssh-ed25519 AAAA…`) of a store that others prepare; else the toolkit makes and reads it."""


class Backup(Model):
    """Backups of laptops and office PCs."""

    store: BackupStore


def check(document: Document, backup: Backup | None) -> None:
    """Add to `document` what is wrong between the parts of the section."""
    store = backup.store if backup else None
    if store and store.address is None and store.host_key:
        document.report(
            ("backup", "store"),
            _("a store with a host_key needs its address"),
            _("give the address too, or neither: then the gateway keeps the backups"),
        )
