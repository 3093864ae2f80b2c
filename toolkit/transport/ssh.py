"""SSH with paramiko: pinned host keys only, one identity, no agent, nothing read from `~/.ssh`."""

from __future__ import annotations

import contextlib
import logging
import socket
import stat
import threading
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from toolkit.errors import BadInputError, UnreachableError
from toolkit.i18n import _
from toolkit.transport._exchange import LOST, exchange
from toolkit.transport._paramiko import paramiko
from toolkit.transport.base import HostKeyChangedError, LoginRefusedError, NotEnrolledError, Result, Route
from toolkit.transport.known_hosts import KEY_TYPE, HostKey, changed, pins

# What goes wrong is said once, by us: paramiko would print tracebacks of its own on standard error.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)

CONNECT_SECONDS = 10.0
HANDSHAKE_SECONDS = 30.0  # for whoever accepted the connection, so is there: a busy or old machine may be slow


def _quietly(close: Callable[[], None]) -> None:
    # paramiko's thread ends with this. When the gateway underneath went first it raises there, which skips the rest of
    # the thread's tidying up and prints a traceback.
    with contextlib.suppress(*LOST):
        close()


class Client(paramiko.Transport):
    """A connection that offers only what a hardened sshd accepts, cheapest first (measured with paramiko 5)."""

    _preferred_kex = tuple(
        name
        for name in ("curve25519-sha256@libssh.org", "mlkem768x25519-sha256", "ecdh-sha2-nistp256")
        if name in paramiko.Transport._kex_info  # type: ignore[attr-defined] # what this build of paramiko can do
    )
    _preferred_ciphers = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr")
    _preferred_macs = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256")
    _preferred_keys = (KEY_TYPE,)

    def __init__(self, stream: socket.socket | paramiko.Channel) -> None:
        """`stream`: a TCP connection, or a channel through a gateway."""
        if isinstance(stream, paramiko.Channel):
            stream.close = partial(_quietly, stream.close)  # type: ignore[method-assign]
        super().__init__(stream)

    def close(self) -> None:
        """Close at once: a reader blocked on the socket would notice only at its next time-out."""
        # Behind a gateway the stream is a channel of a connection that may be gone already, and says so with EOFError.
        with contextlib.suppress(*LOST):
            self.sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(*LOST):
            super().close()


@lru_cache(maxsize=64)
def _load_key(path: Path, _changed: int) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(path)
    except Exception as error:  # paramiko lets errors of three libraries through
        raise BadInputError(
            _("{file}: not a private key without passphrase ({error})").format(file=path, error=type(error).__name__)
        ) from None


def load_key(path: Path) -> paramiko.PKey:
    """Return the private key of a file that nobody else can read.

    Raises:
        BadInputError: missing, readable by others, protected by a passphrase, or not a key.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise BadInputError(_("{file}: no private key: {error}").format(file=path, error=error.strerror)) from None
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise BadInputError(_("{file}: private key that others can read: chmod 600 it").format(file=path))
    return _load_key(path, status.st_mtime_ns)


def connect_tcp(route: Route, timeout: float) -> socket.socket:
    """Return a TCP connection to the route's address, jump not considered.

    Raises:
        UnreachableError: refused, no answer within `timeout` seconds, no route.
    """
    try:
        return socket.create_connection((route.address, route.port), timeout)
    except TimeoutError:
        reason = _("no answer within {seconds} s").format(seconds=round(timeout))
    except ConnectionRefusedError:
        reason = _("connection refused")
    except OSError as error:
        reason = error.strerror or str(error)
    raise UnreachableError(
        _("{endpoint}: not reached at {address} port {port}: {reason}").format(
            endpoint=route.alias, address=route.address, port=route.port, reason=reason
        )
    )


def handshake(route: Route, stream: socket.socket | paramiko.Channel, timeout: float) -> tuple[Client, HostKey]:
    """Exchange keys over `stream`; return the connection, on which nothing else was sent, and the key it showed.

    Raises:
        UnreachableError: not an SSH server, no common algorithm, or too slow. The stream is closed.
    """
    client = Client(stream)
    client.banner_timeout = client.handshake_timeout = timeout
    try:
        client.start_client(timeout=timeout)
        return client, HostKey(client.get_remote_server_key().asbytes())
    except LOST as error:
        client.close()
        raise UnreachableError(
            _("{endpoint}: no SSH key exchange at {address} port {port}: {reason}").format(
                endpoint=route.alias, address=route.address, port=route.port, reason=_one_line(error)
            )
        ) from None


def _one_line(error: BaseException) -> str:
    text = "".join(sign if sign.isprintable() else " " for sign in str(error)) or type(error).__name__
    return " ".join(text.split())[:200]


def _pinned(route: Route) -> HostKey:
    known = pins(route.known_hosts).get(route.alias)
    if known is None:
        raise NotEnrolledError(
            _("{endpoint}: no pinned host key in {file}: run “nomade enroll” first").format(
                endpoint=route.alias, file=route.known_hosts
            )
        )
    return known


def authenticate(route: Route, client: Client, timeout: float, password: str | None = None) -> None:
    """Log in as the route's user, with `password` when there is one, else with the route's key.

    Raises:
        LoginRefusedError: refused or too slow.
        BadInputError: the key file is missing or unusable.
    """
    client.auth_timeout = timeout
    means = _("key {file}").format(file=route.identity) if password is None else _("password")
    key = load_key(route.identity) if password is None else None
    try:
        if key is not None:
            left = client.auth_publickey(route.user, key)
        else:
            left = client.auth_password(route.user, password or "")
    except LOST:
        left = ["?"]
    if left:
        raise LoginRefusedError(
            _("{endpoint}: login of {user} refused ({means})").format(
                endpoint=route.alias, user=route.user, means=means
            )
        )


class SshTransport:
    """Runs scripts over SSH. Safe to use from several threads; a gateway is connected to once for all behind it."""

    def __init__(self, connect_timeout: float = CONNECT_SECONDS, password: str | None = None) -> None:
        """`password`, for first contact only, logs in instead of the route's key and answers sudo when it asks."""
        self._connect_timeout = connect_timeout
        self._handshake_timeout = HANDSHAKE_SECONDS / CONNECT_SECONDS * connect_timeout
        self._password = password
        self._lock = threading.Lock()
        self._locks: dict[Route, threading.Lock] = {}
        self._gateways: dict[Route, Client | UnreachableError] = {}

    def __enter__(self) -> SshTransport:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the shared gateway connections; later runs open new ones."""
        with self._lock:
            for gateway in self._gateways.values():
                if isinstance(gateway, Client):
                    gateway.close()
            self._gateways.clear()

    def run(self, route: Route, script: str, *, timeout: float, limit: int) -> Result:
        """See `toolkit.transport.base.Transport`; root is reached with `sudo -n` unless the user is root."""
        end = time.monotonic() + timeout
        client = self._connect(route, timeout)
        # paramiko waits without limit for some answers: whatever hangs, this ends it.
        watchdog = threading.Timer(max(0.0, end - time.monotonic()), client.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            return self._as_root(client, route, script, end, limit)
        finally:
            watchdog.cancel()
            client.close()

    def _as_root(self, client: Client, route: Route, script: str, end: float, limit: int) -> Result:
        if route.user == "root":
            return exchange(client, "sh", script, end, limit)
        # A password that sudo does not ask for would be read by the shell, so find out before it is sent.
        if self._password is None or exchange(client, "sudo -n true", "", end, limit).exit_code == 0:
            return exchange(client, "sudo -n sh", script, end, limit)
        return exchange(client, "sudo -k -S -p '' sh", f"{self._password}\n{script}", end, limit)

    def _connect(self, route: Route, timeout: float) -> Client:
        pinned = _pinned(route)
        if self._password is None:
            load_key(route.identity)  # our own mistake is found before anybody is connected to
        stream = self._stream(route, timeout)
        patience = min(timeout, self._handshake_timeout)
        client, shown = handshake(route, stream, patience)
        try:
            if shown != pinned:
                raise HostKeyChangedError(changed(route.alias, pinned, shown, route.known_hosts))
            authenticate(route, client, patience, self._password)
        except BaseException:
            client.close()
            raise
        return client

    def _stream(self, route: Route, timeout: float) -> socket.socket | paramiko.Channel:
        limit = min(timeout, self._connect_timeout)
        if route.jump is None:
            return connect_tcp(route, limit)
        gateway = self._gateway(route.alias, route.jump, timeout)
        try:
            return gateway.open_channel("direct-tcpip", (route.address, route.port), ("127.0.0.1", 0), timeout=limit)
        except LOST as error:
            raise UnreachableError(
                _("{endpoint}: {gateway} does not reach {address} port {port}: {reason}").format(
                    endpoint=route.alias,
                    gateway=route.jump.alias,
                    address=route.address,
                    port=route.port,
                    reason=_one_line(error),
                )
            ) from None

    def _gateway(self, endpoint: str, route: Route, timeout: float) -> Client:
        with self._lock:
            lock = self._locks.setdefault(route, threading.Lock())
        with lock:
            known = self._gateways.get(route)
            if known is None or (isinstance(known, Client) and not known.is_active()):
                try:
                    known = self._connect(route, timeout)
                except UnreachableError as error:
                    known = error  # the whole fleet behind it need not wait for it one by one
                self._gateways[route] = known
        if isinstance(known, UnreachableError):
            raise UnreachableError(
                _("{endpoint}: not reached through its gateway: {reason}").format(endpoint=endpoint, reason=known)
            )
        return known
