"""A workspace whose commune keeps a key in escrow, made here without any endpoint: what the commands work on."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.fleet import sample
from toolkit import inventory
from toolkit.escrow.deposits import BACKUP
from toolkit.escrow.sealed import recipients_digest
from toolkit.workspace import Workspace

HOST = "essai-portable-1"
UUID = "78e9f13c-b6ea-4477-ad1b-35c805f73afb"
KEY = "cbdefghi" * 8


@dataclass(frozen=True)
class Escrow:
    """`cig` and `commune` are identity files; `host_key` the endpoint's private SSH key, its public half pinned."""

    workspace: Workspace
    cig: Path
    commune: Path
    host_key: Path
    recipients: tuple[str, str]

    @property
    def folder(self) -> Path:
        return self.workspace.commune("essai").escrow

    @property
    def request(self) -> Path:
        return self.folder / f"{UUID}.replace.json"


def made(folder: Path) -> Escrow:
    """Return a workspace of which one laptop has a key in escrow."""
    files, recipients = [], []
    for name in ("cig", "commune"):
        identity = pyrage.x25519.Identity.generate()
        files.append(folder / f"{name}.txt")
        files[-1].write_text(f"# created here\n{identity}\n")
        recipients.append(str(identity.to_public()))
    fleet = sample.changed("age16gglejryulsfmxg96lp7ygu36tr787vxkdxfyk0fqw8s838uyf5qn82awv", recipients[1])
    workspace = sample.workspace(folder / "ws", essai=fleet)
    config = sample.CONFIG.replace("age16dhx9mk06zrd4ysa88g3r2g4n45eduwte95fjqkjgy0wt6gyjdgq3yj4ty", recipients[0])
    workspace.config_file.write_text(config, encoding="utf-8")
    inventory.generate_all(workspace, ["essai"])
    escrow = Escrow(workspace, files[0], files[1], folder / "host_key", (recipients[0], recipients[1]))
    _host_key(escrow)
    deposit(escrow)
    return escrow


def deposit(escrow: Escrow, uuid: str = UUID, *, host: str = HOST, device: str = "/dev/sda3", key: str = KEY) -> str:
    """Put a key in escrow, in the files and the form of the role; return the digest of the encrypted file."""
    facts = {"endpoint": host, "uuid": uuid, "device": device, "slot": 31}
    made_on = "2026-11-28T03:27:01Z"
    named = recipients_digest(escrow.recipients)
    inside = json.dumps({"format": 2, **facts, "made": made_on, "key": key, "recipients_sha256": named})
    to = [pyrage.x25519.Recipient.from_str(name) for name in escrow.recipients]
    content = pyrage.encrypt(inside.encode(), to, armored=True)
    digest = hashlib.sha256(content).hexdigest()
    outside = {**facts, "date": made_on, "recipients": escrow.recipients, "ciphertext_sha256": digest}
    if device != BACKUP:
        said = {**facts, "made": made_on, "recipients_sha256": named}
        outside["header"] = header_deposit(escrow, uuid, said, header_of(uuid))
    (escrow.folder / f"{uuid}.age").write_bytes(content)
    (escrow.folder / f"{uuid}.json").write_text(json.dumps(outside, indent=2) + "\n")
    return digest


def header_of(uuid: str) -> bytes:
    """Return what looks like the header of a volume to whoever does not try to open it."""
    head = b"LUKS\xba\xbe\0\2" + bytes(160) + uuid.encode()
    return head + bytes(2**20 - len(head))


def header_deposit(escrow: Escrow, uuid: str, said: dict[str, object], header: bytes) -> dict[str, str]:
    """Put the copy of a header in escrow; return what the description says of it."""
    digest = hashlib.sha256(header).hexdigest()
    line = json.dumps({"format": 2, **said, "header_sha256": digest}).encode()
    to = [pyrage.x25519.Recipient.from_str(name) for name in escrow.recipients]
    content = pyrage.encrypt(line + b"\n" + gzip.compress(header), to, armored=True)
    (escrow.folder / f"{uuid}.header.age").write_bytes(content)
    return {"date": str(said["made"]), "sha256": digest, "ciphertext_sha256": hashlib.sha256(content).hexdigest()}


def _host_key(escrow: Escrow) -> None:
    private = Ed25519PrivateKey.generate()
    escrow.host_key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    escrow.workspace.commune("essai").known_hosts.write_text(f"{HOST} {public}\n")
