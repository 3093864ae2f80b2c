"""Enrolment up to the login, against a real sshd: only a verified key is pinned, and nothing is sent before."""

from __future__ import annotations

import re
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import sshd
from tests.fleet import sample
from toolkit import cli, reach
from toolkit.enroll import Bootstrap, State, by_fingerprint, by_known_hosts, management_public_key, records
from toolkit.enroll.account import creation_script
from toolkit.errors import BadInputError, ExitCode, UnreachableError
from toolkit.transport.base import HostKeyChangedError
from toolkit.transport.known_hosts import HostKey, entries, pin, pins
from toolkit.workspace import Workspace

needs_sshd = pytest.mark.skipif(bool(sshd.available()), reason=str(sshd.available()))
PORTABLE, OTHER = "essai-portable-1", "essai-portable-2"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    port = sshd.free_port()
    more = f"ListenAddress 127.0.0.2:{port}\nLogLevel VERBOSE"
    with sshd.running(tmp_path_factory.mktemp("sshd") / "s", more, port) as running:
        yield running


@pytest.fixture
def workspace(tmp_path: Path, server: sshd.Server) -> Workspace:
    """Return a commune whose two laptops are that server; nobody may log in to it with the key we give."""
    fleet = sample.FLEET
    for number in (1, 2):
        there = f"{{address: 127.0.0.{number}, port: {server.port}}}"
        fleet = fleet.replace(f"{{address: 192.0.2.3{number}}}", there)
    sshd.make_key(tmp_path / "stranger")
    return sample.workspace(tmp_path, essai=fleet)


def nomade(workspace: Workspace, *arguments: str) -> int:
    return cli.run(["enroll", "-w", str(workspace.root), *arguments])


def key_of(server: sshd.Server) -> HostKey:
    return dict(entries(server.folder / "known_hosts"))["poste"]


def another_key(folder: Path) -> HostKey:
    public = sshd.make_key(folder / "another").with_suffix(".pub").read_text()
    (folder / "another_hosts").write_text(f"x {' '.join(public.split()[:2])}\n")
    return dict(entries(folder / "another_hosts"))["x"]


def logins(server: sshd.Server) -> int:
    """Return how often somebody has tried to log in, as sshd's own log tells once every connection is over."""
    for _attempt in range(100):
        log = (server.folder / "sshd.log").read_text()
        if len(re.findall("^Connection from", log, re.M)) == len(
            re.findall("^Connection (?:closed|reset) by", log, re.M)
        ):
            return log.count("authenticating user")
        time.sleep(0.1)
    raise AssertionError(log)


@needs_sshd
class TestVerification:
    def test_unconfirmed_key_is_not_pinned(
        self,
        workspace: Workspace,
        server: sshd.Server,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        asked = []
        monkeypatch.setattr("click.confirm", lambda text, default, err: asked.append(default))
        before = logins(server)
        assert nomade(workspace, "-l", PORTABLE, "--key", str(workspace.root / "stranger")) == ExitCode.UNREACHABLE
        assert asked == [False]
        assert key_of(server).fingerprint in capfd.readouterr().err
        assert not workspace.commune("essai").known_hosts.exists()
        assert logins(server) == before

    @pytest.mark.parametrize("how", ["fingerprint", "lot", "not in lot"])
    def test_key_that_is_not_the_expected_one_is_refused(
        self, workspace: Workspace, server: sshd.Server, how: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        other = another_key(workspace.root)
        (workspace.root / "lot").write_text(other.line(PORTABLE if how == "lot" else "autre"))
        option = ["--fingerprint", other.fingerprint] if how == "fingerprint" else ["--known-hosts", "lot"]
        option = [part if part != "lot" else str(workspace.root / "lot") for part in option]
        before = logins(server)
        code = nomade(workspace, "-l", PORTABLE, "--key", str(workspace.root / "stranger"), *option)
        assert code == ExitCode.UNREACHABLE
        assert capfd.readouterr().err.count("SHA256:") == (0 if how == "not in lot" else 2)
        assert not workspace.commune("essai").known_hosts.exists()
        assert logins(server) == before

    def test_verified_key_is_pinned_even_when_the_login_fails_and_the_others_go_on(
        self, workspace: Workspace, server: sshd.Server, capfd: pytest.CaptureFixture[str]
    ) -> None:
        key = ["--key", str(workspace.root / "stranger")]
        limit = ["-l", f"{PORTABLE},essai-bureau-1"]  # nothing listens at the office PC's address
        before = logins(server)
        (workspace.root / "lot").write_text(key_of(server).line(f"[127.0.0.1]:{server.port}"))
        fleet = workspace.commune("essai").fleet
        fleet.write_text(
            fleet.read_text().replace("{address: 192.0.2.41}", f"{{address: 127.0.0.1, port: {sshd.free_port()}}}")
        )
        assert nomade(workspace, *limit, *key, "--known-hosts", str(workspace.root / "lot")) == ExitCode.UNREACHABLE
        assert len(capfd.readouterr().out.splitlines()) == 2
        assert logins(server) > before
        assert dict(pins(workspace.commune("essai").known_hosts)) == {PORTABLE: key_of(server)}
        assert reach.enrolment(workspace, "essai") == {}  # pinned, but not proven

    def test_changed_key_is_refused_loudly_and_nothing_is_sent(
        self, workspace: Workspace, server: sshd.Server, capfd: pytest.CaptureFixture[str]
    ) -> None:
        other = another_key(workspace.root)
        pin(workspace.commune("essai").known_hosts, PORTABLE, other)
        before = logins(server)
        fingerprint = [
            "--fingerprint",
            key_of(server).fingerprint,
        ]  # even whoever vouches for it does not replace a pin
        key = ["--key", str(workspace.root / "stranger")]
        assert nomade(workspace, "-l", PORTABLE, *key, *fingerprint) == ExitCode.UNREACHABLE
        shown = capfd.readouterr().err
        assert other.fingerprint in shown
        assert key_of(server).fingerprint in shown
        assert dict(pins(workspace.commune("essai").known_hosts)) == {PORTABLE: other}
        assert logins(server) == before

    def test_f049_two_endpoints_with_one_key_are_refused(
        self, workspace: Workspace, server: sshd.Server, capfd: pytest.CaptureFixture[str]
    ) -> None:
        lot = workspace.root / "lot"
        lot.write_text(key_of(server).line(f"{PORTABLE},{OTHER}"))
        key = ["--key", str(workspace.root / "stranger")]
        assert nomade(workspace, "-l", f"{PORTABLE},{OTHER}", *key, "--known-hosts", str(lot)) == ExitCode.UNREACHABLE
        assert list(pins(workspace.commune("essai").known_hosts)) == [PORTABLE]
        assert OTHER in capfd.readouterr().err

    def test_first_login_without_means_says_which(
        self, workspace: Workspace, server: sshd.Server, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert nomade(workspace, "-l", PORTABLE, "--fingerprint", key_of(server).fingerprint) == ExitCode.BAD_INPUT
        assert "--ask-password" in capfd.readouterr().err

    def test_f019_no_private_key_in_what_is_printed_or_pinned(
        self, workspace: Workspace, server: sshd.Server, capfd: pytest.CaptureFixture[str]
    ) -> None:
        key = ["--key", str(workspace.root / "stranger")]
        nomade(workspace, "-l", PORTABLE, *key, "--fingerprint", key_of(server).fingerprint)
        canary = workspace.management_key.read_text().splitlines()[2]
        assert len(canary) > 40
        printed = capfd.readouterr()
        texts = [printed.out, printed.err, (server.folder / "sshd.log").read_text()]
        files = [path for path in workspace.root.rglob("*") if path.is_file() and path != workspace.management_key]
        assert not [text for text in [*texts, *(path.read_text() for path in files)] if canary in text]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--fingerprint", "SHA256:" + "A" * 43], ExitCode.USAGE),
        (["-l", PORTABLE, "--fingerprint", "MD5:00"], ExitCode.BAD_INPUT),
        (["-l", "nobody", "--fingerprint", "SHA256:" + "A" * 43], ExitCode.NOTHING_EVALUATED),
        (["--known-hosts", "/dev/null"], ExitCode.BAD_INPUT),
        (["--ask-password", "--key", "/etc/hostname"], ExitCode.USAGE),
        (["-c", "ailleurs"], ExitCode.BAD_INPUT),
    ],
)
def test_wrong_requests_stop_before_anything(tmp_path: Path, arguments: list[str], code: ExitCode) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET)
    if arguments[0] == "--known-hosts":
        (tmp_path / "empty").touch()
        arguments = ["--known-hosts", str(tmp_path / "empty")]
    assert nomade(workspace, *arguments) == code
    assert not workspace.management_key.exists()


def test_f021_management_key_is_private_from_the_first_moment_and_made_once(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET)
    lines: set[str] = set()
    threads = [threading.Thread(target=lambda: lines.add(management_public_key(workspace))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines) == 1
    assert stat.S_IMODE(workspace.management_key.stat().st_mode) == 0o600
    assert stat.S_IMODE(workspace.management_key.parent.stat().st_mode) == 0o700
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", workspace.management_key], capture_output=True, text=True, check=True
    )
    assert derived.stdout.split()[:2] == lines.pop().split()[:2]


def test_f021_management_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET)
    management_public_key(workspace)
    workspace.management_key.chmod(0o640)
    with pytest.raises(BadInputError, match="chmod"):
        management_public_key(workspace)


def test_records_of_many_at_once_are_all_kept_and_plain(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET)
    key = another_key(tmp_path)
    names = [f"poste-{number}" for number in range(20)]
    threads = [threading.Thread(target=records.record, args=(workspace, "essai", name, key)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = yaml.safe_load(workspace.commune("essai").enrolment.read_text())
    assert sorted(content) == sorted(names)
    assert list(content) == sorted(content)
    assert content["poste-7"]["host_key"] == key.fingerprint


def test_date_of_an_entry_is_kept_while_its_key_is_the_same(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET)
    key = another_key(tmp_path)
    entry = {"poste": {"enrolled": "2026-01-02T03:04:05+00:00", "host_key": key.fingerprint, "path": "bench"}}
    workspace.commune("essai").enrolment.write_text(yaml.safe_dump(entry))
    records.record(workspace, "essai", "poste", key, "gateway")
    assert reach.enrolment(workspace, "essai")["poste"].enrolled == "2026-01-02T03:04:05+00:00"
    assert reach.enrolment(workspace, "essai")["poste"].path == "gateway"


def test_damaged_record_is_left_as_it_is(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET)
    workspace.commune("essai").enrolment.write_text("poste: {path: moon}\n")
    with pytest.raises(BadInputError):
        records.record(workspace, "essai", "poste", another_key(tmp_path))
    assert workspace.commune("essai").enrolment.read_text() == "poste: {path: moon}\n"


def test_one_key_is_not_pinned_in_two_communes(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET, autre=sample.FLEET)
    key = another_key(tmp_path)
    records.pin(workspace, "autre", "poste", key)
    with pytest.raises(UnreachableError):
        records.pin(workspace, "essai", "copie", key)
    assert not workspace.commune("essai").known_hosts.exists()


def test_fingerprint_and_lot_raise_on_another_key(tmp_path: Path) -> None:
    first, other = another_key(tmp_path), HostKey(b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00 " + b"k" * 32)
    workspace = sample.workspace(tmp_path, essai=sample.FLEET)
    from toolkit.fleet import load

    route = reach.route(workspace, load(workspace, "essai"), PORTABLE)
    (tmp_path / "lot").write_text(first.line(route.address))
    for trust in (by_fingerprint(first.fingerprint), by_known_hosts(tmp_path / "lot")):
        trust(route, first)
        with pytest.raises(HostKeyChangedError):
            trust(route, other)


def test_script_is_valid_for_dash_and_does_nothing_when_it_arrives_incomplete(tmp_path: Path) -> None:
    script = creation_script("nomade", "ssh-ed25519 AAAA nomade")
    assert subprocess.run(["dash", "-n"], input=script, text=True, check=False).returncode == 0
    body, _, last = script.rstrip("\n").rpartition("\n")
    assert last.startswith("main ")
    trace = subprocess.run(["dash", "-x"], input=body, text=True, capture_output=True, check=False)
    assert (trace.stdout, trace.stderr, trace.returncode) == ("", "", 0)


def test_default_bootstrap_is_root_without_any_secret() -> None:
    assert Bootstrap() == Bootstrap(user="root", identity=None, password=None)
    assert State.FAILED.value == "failed"
