"""What makes one machine of an image: its name, addresses and keys, on a small read-only disk."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

from toolkit.lab import topology
from toolkit.lab.virtual import disks


def mac(lab: str, host: str, index: int) -> str:
    """Return the hardware address of an interface: locally administered, the same on every start."""
    digest = hashlib.sha256(f"{lab}/{host}/{index}".encode()).hexdigest()
    return "52:54:00:" + ":".join(digest[at : at + 2] for at in (0, 2, 4))


def host_key(folder: Path) -> Path:
    """Return the machine's host key, made on first use: its public half is known before it is first reached."""
    path = folder / "ssh_host_ed25519_key"
    if not path.is_file():
        disks.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "nomade lab", "-f", path)
    return path


def write(
    disk: Path,
    lab: str,
    machine: topology.Machine,
    plan: topology.Topology,
    authorised: str,
    key: Path,
    crypttab: str,
) -> None:
    """Write the archive that the image unpacks over its root at first boot."""
    name = machine.name
    files = {
        "etc/hostname": f"{name}\n",
        "etc/hosts": f"127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n\n::1\tlocalhost ip6-localhost ip6-loopback\n",
        "etc/crypttab": crypttab,
        "etc/ssh/ssh_host_ed25519_key.pub": key.with_suffix(".pub").read_text(encoding="utf-8"),
        "etc/apt/apt.conf": f'Acquire::http::Proxy "http://{plan.depot}:3142";\nAcquire::Languages "none";\n',
    }
    for index, attachment in enumerate(machine.attachments):
        network = plan.networks[attachment.network]
        length = network.partition("/")[2]
        text = f"[Match]\nMACAddress={mac(lab, name, index)}\n[Network]\nAddress={attachment.address}/{length}\n"
        text += "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"
        if topology.is_in(machine.router, network):
            text += f"Gateway={machine.router}\n"
        files[f"etc/systemd/network/20-lab-{index}.network"] = text
    secret = {"etc/ssh/ssh_host_ed25519_key": key.read_text(encoding="utf-8"), "root/.ssh/authorized_keys": authorised}
    with tarfile.open(disk, "w") as archive:
        folder = tarfile.TarInfo("root/.ssh")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        archive.addfile(folder)
        for path, text in (files | secret).items():
            entry = tarfile.TarInfo(path)
            content = text.encode()
            entry.size, entry.mode = len(content), 0o600 if path in secret else 0o644
            archive.addfile(entry, io.BytesIO(content))
    disk.chmod(0o600)


def public_key(key: Path) -> str:
    """Return the public half of a host key as known_hosts writes it: type and base64."""
    return " ".join(key.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])
