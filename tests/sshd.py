"""A real sshd on 127.0.0.1 with keys of its own, for tests and benches; ended by its process id."""

from __future__ import annotations

import contextlib
import getpass
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.transport.base import Route

# The algorithms that the role `ssh` leaves: what is proven against this server holds on a hardened endpoint.
_CONFIGURATION = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_ed25519
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org
Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr
MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com
HostKeyAlgorithms ssh-ed25519
MaxStartups 200:30:400
{more}
LogLevel ERROR
"""


def available() -> str | None:
    """Return why sshd cannot be run here, or None."""
    if os.geteuid() != 0:
        return "sshd needs root"
    return None if shutil.which("sshd", path="/usr/sbin:/usr/bin") else "openssh-server is not installed"


def make_key(path: Path) -> Path:
    """Make an ed25519 key pair without passphrase, `path` and `path.pub`."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)
    return path


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing uses now.

    It is below those that the kernel gives to connections (net.ipv4.ip_local_port_range): one of those could
    be the near end of another connection by the time that its server starts.
    """
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no free port among a hundred")


@dataclass(frozen=True)
class Server:
    """A running sshd. `folder` holds its host key, a client key it accepts and a known_hosts file."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def host_key(self) -> str:
        """Type and base64 of the public host key."""
        return " ".join((self.folder / "host_ed25519.pub").read_text().split()[:2])

    def pin(self, *aliases: str) -> None:
        """Write `known_hosts` with this server's key under each alias and nothing else."""
        (self.folder / "known_hosts").write_text("".join(f"{alias} {self.host_key}\n" for alias in aliases))

    def route(self, alias: str = "poste", jump: Route | None = None) -> Route:
        return Route(
            alias=alias,
            address="127.0.0.1",
            port=self.port,
            user=getpass.getuser(),
            identity=self.folder / "client_ed25519",
            known_hosts=self.folder / "known_hosts",
            jump=jump,
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(5)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _attempt in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"sshd did not start (exit {process.poll()})")


_LISTS = "/var/lib/apt/lists"
_APT_HELPER = "/usr/lib/apt/apt-helper"


def _lists_as_text(folder: Path) -> None:
    """Copy what apt knows of its sources to `folder`, uncompressed and as old as it is."""
    if folder.exists():
        return
    shutil.copytree(_LISTS, folder)
    for packed in folder.glob("*_Packages.*"):
        text = packed.with_suffix("")
        with text.open("wb") as file:
            subprocess.run([_APT_HELPER, "cat-file", packed], stdout=file, check=True)
        shutil.copystat(packed, text)
        packed.unlink()
    shutil.copystat(_LISTS, folder)


def stand_in_account(folder: Path, name: str) -> tuple[list[str], str]:
    """Return how to start sshd, and its options, so that `name` is an account to it, equal to root and with `sudo`.

    Only that process sees the account: it has a mount namespace of its own with another /etc/passwd. In it the machine
    is one that was installed, even when the tests run in a container image for developers: apt keeps its cache, has
    its lists as text, and /opt is empty.
    """
    passwd, programs, cache, lists = (folder / name for name in ("passwd", "bin", "apt", "lists"))
    cache.mkdir(exist_ok=True)
    _lists_as_text(lists)
    passwd.write_text(f"{Path('/etc/passwd').read_text()}{name}:x:0:0::{folder}:/bin/sh\n")
    programs.mkdir(exist_ok=True)
    sudo = programs / "sudo"
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n')
    sudo.chmod(0o755)
    enter = (
        f"mount --bind '{passwd}' /etc/passwd && mount --bind '{cache}' /var/cache/apt || exit\n"
        f"mount --bind '{lists}' {_LISTS} && mount -t tmpfs none /opt || exit\n"
        "for file in /etc/apt/apt.conf.d/docker-*; do [ ! -e $file ] || mount --bind /dev/null $file || exit; done\n"
        'exec "$@"'
    )
    wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", enter, "sh"]
    return wrapper, f"SetEnv PATH={programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextlib.contextmanager
def running(folder: Path, more: str = "", port: int | None = None, account: str | None = None) -> Iterator[Server]:
    """Run sshd until the block ends. Keys in `folder` are made when missing.

    `more` comes before its other options, so it wins; `account`: see `stand_in_account`.
    """
    folder.mkdir(exist_ok=True)
    for name in ("host_ed25519", "client_ed25519"):
        if not (folder / name).exists():
            make_key(folder / name)
    shutil.copy(folder / "client_ed25519.pub", folder / "authorized_keys")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd's own privilege separation folder
    port = port or free_port()
    wrapper, environment = stand_in_account(folder, account) if account else ([], "")
    more = f"{more}\n{environment}"
    configuration = folder / "sshd_config"
    configuration.write_text(_CONFIGURATION.format(port=port, folder=folder, more=more))
    process = subprocess.Popen(
        [*wrapper, "/usr/sbin/sshd", "-D", "-e", "-f", configuration],
        stdin=subprocess.DEVNULL,
        stderr=(folder / "sshd.log").open("wb"),
    )
    try:
        _wait(port, process)
        server = Server(folder, port, process)
        server.pin("poste")
        yield server
    finally:
        process.terminate()
        process.wait(5)
