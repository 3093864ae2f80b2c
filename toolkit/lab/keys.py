"""Keys of a lab: the one an installer would leave for the technician, and host keys, read out of band."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from toolkit.errors import NomadeError
from toolkit.files import write_atomically
from toolkit.i18n import _
from toolkit.lab import engine
from toolkit.workspace import Workspace


def folder(workspace: Workspace) -> Path:
    """Return the lab's private folder in the workspace, made on first use."""
    path = workspace.state / "lab"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def bootstrap_key(workspace: Workspace) -> Path:
    """Return the private key that every stand-in accepts for root until it is enrolled, made on first use.

    Raises:
        NomadeError: ssh-keygen is not there.
    """
    path = folder(workspace) / "bootstrap_ed25519"
    if not path.is_file():
        try:
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "nomade lab", "-f", str(path)],
                check=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
            )
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise NomadeError(
                _("{file}: ssh-keygen could not make this key: {error}").format(file=path, error=error)
            ) from error
    return path


def authorise(container: str, public_key: str) -> None:
    """Let the holder of the key in as root, as an installer would."""
    script = "umask 077 && mkdir -p /root/.ssh && cat > /root/.ssh/authorized_keys"
    engine.run("exec", "--interactive", container, "sh", "-c", script, stdin=public_key.encode())


def host_keys(container: str) -> list[str]:
    """Return the public host keys (`type base64`) of a started stand-in, read from inside it, not from the network."""
    text = engine.run("exec", container, "sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub")
    return [" ".join(line.split()[:2]) for line in text.splitlines()]


def write_known_hosts(workspace: Workspace, endpoints: Iterable[tuple[str, str, list[str]]]) -> Path:
    """Write `.nomade/lab/known_hosts` from (name, bench address, host keys) and return its path."""
    path = folder(workspace) / "known_hosts"
    lines = [f"{name},{address} {key}\n" for name, address, keys in endpoints for key in keys]
    write_atomically(path, "".join(lines), 0o600)
    return path
