"""The SSH transport against a real sshd: what it trusts, and that a hostile endpoint costs only itself."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from tests import sshd
from toolkit.errors import BadInputError, UnreachableError
from toolkit.transport.base import HostKeyChangedError, NotEnrolledError, Result
from toolkit.transport.ssh import Client, SshTransport

pytestmark = pytest.mark.skipif(bool(sshd.available()), reason=str(sshd.available()))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    with sshd.running(tmp_path_factory.mktemp("sshd") / "s") as running:
        yield running


@pytest.fixture
def transport() -> Iterator[SshTransport]:
    with SshTransport(connect_timeout=5) as running:
        yield running


def test_script_arrives_and_result_comes_back(server: sshd.Server, transport: SshTransport) -> None:
    result = transport.run(server.route(), "echo out; echo err >&2; exit 7\n", timeout=10, limit=1000)
    assert (result.exit_code, result.stdout, result.stderr, result.truncated) == (7, b"out\n", b"err\n", False)


def test_binary_output_is_kept(server: sshd.Server, transport: SshTransport) -> None:
    result = transport.run(server.route(), r"printf 'a\000b\377\n'", timeout=10, limit=1000)
    assert result.stdout == b"a\x00b\xff\n"


def test_large_output_on_both_streams_does_not_stall(server: sshd.Server, transport: SshTransport) -> None:
    script = "head -c 5000000 /dev/zero >&2; head -c 5000000 /dev/zero; exit 3"
    result = transport.run(server.route(), script, timeout=30, limit=20_000_000)
    assert (result.exit_code, len(result.stdout), len(result.stderr)) == (3, 5_000_000, 5_000_000)


def test_flood_is_cut_at_the_limit(server: sshd.Server, transport: SshTransport) -> None:
    started = time.monotonic()
    result = transport.run(server.route(), "cat /dev/zero", timeout=20, limit=100_000)
    assert (result.truncated, result.exit_code, len(result.stdout)) == (True, None, 100_000)
    assert time.monotonic() - started < 15


def test_hang_is_cut_in_time_and_keeps_what_came(server: sshd.Server, transport: SshTransport) -> None:
    started = time.monotonic()
    result = transport.run(server.route(), "echo before; sleep 60", timeout=2, limit=1000)
    assert (result.exit_code, result.stdout) == (None, b"before\n")
    assert time.monotonic() - started < 6


def test_unknown_key_is_refused_before_connecting(server: sshd.Server, transport: SshTransport) -> None:
    with pytest.raises(NotEnrolledError, match="enroll"):
        transport.run(server.route("inconnu"), "touch /tmp/never", timeout=5, limit=10)


def test_changed_key_is_refused_loudly_and_nothing_is_sent(
    tmp_path: Path, server: sshd.Server, transport: SshTransport
) -> None:
    other = sshd.make_key(tmp_path / "other")
    pinned = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    (tmp_path / "known_hosts").write_text(f"poste {pinned}\n")
    route = dataclasses.replace(server.route(), known_hosts=tmp_path / "known_hosts")
    witness = tmp_path / "witness"
    with pytest.raises(HostKeyChangedError) as refusal:
        transport.run(route, f"touch {witness}", timeout=5, limit=10)
    assert str(refusal.value).count("SHA256:") == 2
    assert not witness.exists()


def test_f049_pin_of_one_endpoint_is_not_valid_for_another(server: sshd.Server, transport: SshTransport) -> None:
    """Who an endpoint is follows from the key under its own name, not from an address or from what it prints."""
    server.pin("alice")
    try:
        assert transport.run(server.route("alice"), "true", timeout=5, limit=10).exit_code == 0
        with pytest.raises(NotEnrolledError):
            transport.run(server.route("bob"), "true", timeout=5, limit=10)
    finally:
        server.pin("poste")


def test_refused_login_and_closed_port_are_told_apart(
    tmp_path: Path, server: sshd.Server, transport: SshTransport
) -> None:
    stranger = dataclasses.replace(server.route(), identity=sshd.make_key(tmp_path / "stranger"))
    with pytest.raises(UnreachableError, match=r"(?i)login of root refused|root.*refus"):
        transport.run(stranger, "true", timeout=5, limit=10)
    closed = dataclasses.replace(server.route(), port=sshd.free_port())
    with pytest.raises(UnreachableError, match=str(closed.port)):
        transport.run(closed, "true", timeout=5, limit=10)


@pytest.mark.parametrize("content", [None, "not a key", "open"])
def test_unusable_private_key_stops_before_the_endpoint(
    tmp_path: Path, server: sshd.Server, transport: SshTransport, content: str | None
) -> None:
    key = tmp_path / "key"
    if content == "open":
        sshd.make_key(key).chmod(0o644)
    elif content:
        key.write_text(content)
        key.chmod(0o600)
    with pytest.raises(BadInputError, match=str(key)):
        transport.run(dataclasses.replace(server.route(), identity=key), "true", timeout=5, limit=10)


def _mute_listener(answer: bytes, repeat: int) -> tuple[socket.socket, threading.Thread]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _address = listener.accept()
        with connection:
            connection.settimeout(10)
            try:
                for _ in range(repeat):
                    connection.sendall(answer)
                while connection.recv(1000):
                    pass
            except OSError:
                pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listener, thread


@pytest.mark.parametrize(
    ("answer", "repeat"), [(b"", 0), (b"HTTP/1.0 200\r\n", 300), (b"x" * 1000, 2000), (b"SSH-2.0-x\r\n\xff" * 9, 1)]
)
def test_server_that_is_no_ssh_server_is_bounded(server: sshd.Server, answer: bytes, repeat: int) -> None:
    listener, thread = _mute_listener(answer, repeat)
    route = dataclasses.replace(server.route(), port=listener.getsockname()[1])
    started = time.monotonic()
    with SshTransport(connect_timeout=2) as transport, pytest.raises(UnreachableError):
        transport.run(route, "true", timeout=3, limit=10)
    assert time.monotonic() - started < 6
    thread.join(10)
    listener.close()


def test_endpoint_behind_its_gateway(tmp_path: Path, server: sshd.Server, transport: SshTransport) -> None:
    with sshd.running(tmp_path / "gateway") as gateway:
        gateway.pin("passerelle")
        route = server.route(jump=gateway.route("passerelle"))
        script = 'echo "$SSH_CONNECTION"'
        assert transport.run(route, script, timeout=10, limit=1000).exit_code == 0
        assert transport.run(route, script, timeout=10, limit=1000).exit_code == 0  # over the same gateway connection
        closed = dataclasses.replace(route, port=sshd.free_port())
        with pytest.raises(UnreachableError, match="passerelle"):
            transport.run(closed, "true", timeout=5, limit=10)


def test_gateway_with_another_key_carries_nothing(tmp_path: Path, server: sshd.Server, transport: SshTransport) -> None:
    with sshd.running(tmp_path / "gateway") as gateway:
        (gateway.folder / "known_hosts").write_text(f"passerelle {server.host_key}\n")
        with pytest.raises(UnreachableError, match="SHA256:"):
            transport.run(server.route(jump=gateway.route("passerelle")), "true", timeout=5, limit=10)


class Sullen(paramiko.ServerInterface):
    """Lets anybody in, opens a channel, and then never says whether the command runs."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.release.wait(20)
        return False


def test_server_that_never_answers_the_request_is_bounded(tmp_path: Path, server: sshd.Server) -> None:
    listener, sullen = socket.create_server(("127.0.0.1", 0)), Sullen()
    host_key = paramiko.Ed25519Key.from_private_key_file(str(server.folder / "host_ed25519"))

    def serve() -> None:
        with paramiko.Transport(listener.accept()[0]) as connection:
            connection.add_server_key(host_key)
            connection.start_server(event=threading.Event(), server=sullen)
            sullen.release.wait(20)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    started = time.monotonic()
    with SshTransport() as transport:
        route = dataclasses.replace(server.route(), port=listener.getsockname()[1])
        result = transport.run(route, "true", timeout=3, limit=10)
    assert result == Result(None, b"", b"")
    assert time.monotonic() - started < 8
    sullen.release.set()
    thread.join(10)
    listener.close()


def test_closing_what_is_gone_already_is_no_error() -> None:
    """The watchdog closes in a thread of its own, where an exception would be a traceback on the user's screen."""

    class Gone:
        def shutdown(self, _how: int) -> None:
            raise EOFError

    near, far = socket.socketpair()
    with near, far:
        client = Client(near)
        client.sock = Gone()
        client.close()


def test_a_thread_whose_gateway_is_gone_ends_without_a_word(
    tmp_path: Path, server: sshd.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", said.append)
    monkeypatch.setattr(paramiko.Channel, "close", _no_way_out)
    with sshd.running(tmp_path / "gateway") as gateway, SshTransport() as transport:
        gateway.pin("passerelle")
        route = server.route(jump=gateway.route("passerelle"))
        assert transport.run(route, "true", timeout=10, limit=1000).exit_code == 0
    for thread in threading.enumerate():
        if isinstance(thread, Client):
            thread.join(10)
    assert not said


def _no_way_out(_channel: paramiko.Channel) -> None:
    raise EOFError
