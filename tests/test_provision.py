"""What a run makes of events, locks, file modes and arguments; no Ansible is started."""

from __future__ import annotations

import fcntl
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import sample
from toolkit import cli
from toolkit.enroll import records
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError
from toolkit.i18n import set_language
from toolkit.provision import BusyError, EndpointRun, Options, Run, State, command_line, lock, provision, summary, words
from toolkit.provision.events import Recorder
from toolkit.provision.safety import refuse_writable_by_all
from toolkit.transport.known_hosts import HostKey, pin
from toolkit.workspace import Workspace

COMMUNE = "essai"
LAPTOP, OTHER = "essai-portable-1", "essai-portable-2"
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    set_language("en")
    yield
    set_language(None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return sample.workspace(tmp_path, essai=sample.FLEET)


def enrol(workspace: Workspace, *names: str) -> None:
    key = HostKey(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32)
    for name in names:
        pin(workspace.commune(COMMUNE).known_hosts, name, key)
        records.record(workspace, COMMUNE, name, key, "bench")


def event(kind: str, host: str, **data: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": {"host": host, "role": "ssh", "task": "Do it"} | data}


def stats(**counts: dict[str, int]) -> dict[str, Any]:
    return {"event": "playbook_on_stats", "event_data": counts}


def test_each_endpoint_is_counted_apart_and_ansible_has_the_last_word() -> None:
    recorder = Recorder(["a", "b", "c"])
    recorder.feed(event("runner_on_start", "a"))
    recorder.feed(event("runner_on_ok", "a", res={"changed": True, "changed_files": ["/etc/x"]}))
    recorder.feed(event("runner_on_failed", "b", res={"msg": "bad\nnews"}))
    recorder.feed(event("runner_on_unreachable", "c", res={"msg": "ssh: Connection timed out"}))
    recorder.feed(
        stats(processed={"a": 1, "b": 1, "c": 1}, ok={"a": 2}, changed={"a": 1}, failures={"b": 1}, dark={"c": 1})
    )
    a, b, c = recorder.results()
    assert (a.state, a.ok, a.changed, a.changes[0].files) == (State.CHANGED, 2, 1, ("/etc/x",))
    assert (b.state, b.error) == (State.FAILED, "ssh · Do it : bad news")
    assert (c.state, c.error) == (State.UNREACHABLE, "no answer (switched off, or another network)")


def test_an_endpoint_that_ansible_never_counted_is_not_done() -> None:
    recorder = Recorder(["a", "b"])
    recorder.feed(stats(processed={"a": 1}, ok={"a": 3}))
    assert [one.state for one in recorder.results()] == [State.OK, State.FAILED]


def test_endpoints_cut_off_by_the_failure_of_others_are_not_done_until_another_pass() -> None:
    recorder = Recorder(["gateway", "laptop"], plays=2)
    recorder.feed({"event": "playbook_on_play_start"})
    recorder.feed(event("runner_on_failed", "gateway", res={"msg": "broken"}))
    recorder.feed(stats(processed={"gateway": 1, "laptop": 1}, ok={"laptop": 3}, failures={"gateway": 1}))
    assert recorder.unfinished() == ["laptop"]
    assert [one.state for one in recorder.results()] == [State.FAILED, State.FAILED]
    recorder.start(["laptop"])
    recorder.feed({"event": "playbook_on_play_start"})
    recorder.feed({"event": "playbook_on_play_start"})
    recorder.feed(stats(processed={"laptop": 1}, ok={"laptop": 5}, changed={"laptop": 1}))
    assert recorder.unfinished() == []
    gateway, laptop = recorder.results()
    assert (gateway.state, gateway.error) == (State.FAILED, "ssh · Do it : broken")
    assert (laptop.state, laptop.ok, laptop.changed) == (State.CHANGED, 8, 1)


def test_a_rescued_or_ignored_failure_is_no_failure() -> None:
    recorder = Recorder(["a"])
    assert recorder.feed(event("runner_on_failed", "a", ignore_errors=True, res={"msg": "x"})) is None
    recorder.feed(event("runner_on_failed", "a", res={"msg": "rescued"}))
    recorder.feed(stats(processed={"a": 1}, ok={"a": 1}, rescued={"a": 1}))
    assert recorder.results()[0].state is State.OK


def test_differences_of_files_are_kept_per_file() -> None:
    recorder = Recorder(["a"])
    diff = [
        {"before_header": "/etc/x (absent)", "after_header": "/etc/x (root root 0644)", "before": "", "after": "new\n"},
        {"prepared": "/etc/key (root root 0600): secret, not shown\n"},
    ]
    recorder.feed(
        event("runner_on_ok", "a", res={"changed": True, "changed_files": ["/etc/x", "/etc/key"], "diff": diff})
    )
    change = recorder.tallies["a"].changes[0]
    assert change.files == ("/etc/x", "/etc/key")
    assert "+new" in change.differences[0]
    assert "secret" in change.differences[1]


def test_a_role_that_others_include_is_entered_once() -> None:
    recorder = Recorder(["a"])
    entered = [recorder.feed(event("runner_on_start", "a", role=role)) for role in ("base", "ssh", "base", "updates")]
    assert [one is not None for one in entered] == [True, True, False, True]
    assert recorder.tallies["a"].role == "updates"


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "non-zero return code", "stderr": "it broke"}, "it broke"),
        ({"msg": "", "stdout": "said here"}, "said here"),
        ({"msg": "MODULE FAILURE: see stderr", "module_stderr": "Traceback"}, "Traceback"),
        (
            {"stderr": "Traceback (most recent call last):\n  File \"/usr/x\", line 3\nKeyError: 'age'\n"},
            "a program of Nomade broke off, see the log: KeyError: 'age'",
        ),
        ({"results": [{"msg": "fine"}, {"failed": True, "msg": "second"}]}, "second"),
        ({"msg": "\x1b[31mred\x1b[0m\nline"}, "[31mred [0m line"),
        ({}, "no reason given; see the log"),
        ({"censored": "hidden", "msg": "s3cret"}, "the result is secret; see the endpoint"),
        ({"msg": "'/usr/bin/apt-get -y install x' failed: E: no x"}, "E: no x"),
    ],
)
def test_the_first_error_is_one_clean_line(result: dict[str, Any], said: str) -> None:
    assert words.failure(result) == said


def test_reasons_of_config_files_are_said_in_words() -> None:
    said = words.failure({"reason": "guard_unreachable", "msg": "guard “firewall”: …"})
    assert said.startswith("the change would have cut us off; the endpoint puts the previous configuration back")


def test_a_changed_host_key_is_said_loudly() -> None:
    said = words.unreachable(
        {"msg": "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! … Host key verification failed."}
    )
    assert said.startswith("HOST KEY CHANGED")


def result(*states: State) -> Run:
    return Run(COMMUNE, False, NOW, NOW, tuple(EndpointRun(f"e{number}", state) for number, state in enumerate(states)))


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((State.OK, State.CHANGED), ExitCode.OK),
        ((State.OK, State.UNREACHABLE), ExitCode.UNREACHABLE),
        ((State.NOT_ENROLLED,), ExitCode.UNREACHABLE),
        ((State.FAILED, State.UNREACHABLE), ExitCode.NOT_COMPLIANT),
        ((), ExitCode.NOTHING_EVALUATED),
    ],
)
def test_exit_codes_of_a_run(states: tuple[State, ...], code: ExitCode) -> None:
    assert result(*states).code is code


def test_absent_endpoints_are_listed_apart_with_the_command_for_their_return() -> None:
    lines = list(summary.outcome(result(State.OK, State.UNREACHABLE, State.FAILED)))
    assert lines[0] == "essai: 1 of 3 endpoints done, 0 changed"
    assert lines[lines.index("Failed:") + 1].startswith("  e2")
    assert lines[lines.index("Not reached, the others were finished:") + 1].startswith("  e1")
    assert lines[-1] == "When they are back: nomade apply -c essai -l e1"


def test_a_difference_cannot_drive_the_terminal() -> None:
    recorder = Recorder(["a"])
    diff = {"before_header": "/etc/x", "after_header": "/etc/x", "before": "", "after": "\x1b]0;owned\x07\n"}
    recorder.feed(event("runner_on_ok", "a", res={"changed": True, "diff": diff}))
    recorder.feed(stats(processed={"a": 1}, ok={"a": 1}, changed={"a": 1}))
    run = Run(COMMUNE, True, NOW, NOW, recorder.results())
    assert "\x1b" not in "\n".join(summary.changes(run, differences=True))


def test_the_second_run_says_who_holds_the_commune(workspace: Workspace) -> None:
    holding = (
        "import time\nfrom pathlib import Path\n"
        "from toolkit.provision import lock\nfrom toolkit.workspace import Workspace\n"
        f"with lock(Workspace(Path({str(workspace.root)!r})), 'essai'):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(BusyError, match=rf"since \d\d:\d\d \(process {other.pid}\)") as caught,
            lock(workspace, COMMUNE),
        ):
            pass
        assert caught.value.exit_code is ExitCode.INTERNAL
        assert "\n" not in str(caught.value)
        with lock(workspace, "another"):
            pass
        other.kill()
    with lock(workspace, COMMUNE):  # a killed run leaves nothing to clean up
        pass


def test_the_lock_is_held_by_the_kernel(workspace: Workspace) -> None:
    with (
        lock(workspace, COMMUNE),
        (workspace.state / "locks" / "essai.lock").open() as stream,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("which", ["config_file", "root", "fleet", "ansible.cfg", "hosts"])
def test_f073_files_writable_by_everybody_are_refused(workspace: Workspace, which: str) -> None:
    refuse_writable_by_all(workspace, COMMUNE)
    folder = workspace.commune(COMMUNE)
    path = {
        "config_file": workspace.config_file,
        "root": workspace.root,
        "fleet": folder.fleet,
        "ansible.cfg": workspace.root / "ansible.cfg",
        "hosts": folder.hosts,
    }[which]
    if not path.exists():
        path.write_text("")
    path.chmod(0o777)
    with pytest.raises(BadInputError, match="chmod o-w"):
        provision(workspace, COMMUNE, Options())
    assert not (workspace.root / ".nomade" / "runs").exists()


def test_f073_an_ansible_cfg_in_the_current_folder_counts_too(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "ansible.cfg").write_text("")
    (elsewhere / "ansible.cfg").chmod(0o666)
    monkeypatch.chdir(elsewhere)
    with pytest.raises(BadInputError, match=r"elsewhere/ansible\.cfg"):
        refuse_writable_by_all(workspace, COMMUNE)


def test_endpoints_that_were_never_enrolled_are_listed_not_tried(workspace: Workspace) -> None:
    run = provision(workspace, COMMUNE, Options(limit=LAPTOP))
    assert [(one.name, one.state) for one in run.endpoints] == [(LAPTOP, State.NOT_ENROLLED)]
    assert run.code is ExitCode.UNREACHABLE
    assert run.log is None


def test_f029_without_the_management_key_no_machine_is_tried(workspace: Workspace) -> None:
    enrol(workspace, LAPTOP)
    with pytest.raises(BadInputError, match="management key"):
        provision(workspace, COMMUNE, Options(limit=LAPTOP))
    assert not list((workspace.root / ".nomade").glob("runs/*"))


def test_a_limit_that_matches_nothing_is_not_success(workspace: Workspace) -> None:
    with pytest.raises(NothingEvaluatedError):
        provision(workspace, COMMUNE, Options(limit="nobody"))
    assert cli.run(["apply", "-w", str(workspace.root), "-l", "nobody"]) == ExitCode.NOTHING_EVALUATED


def test_a_wrong_fleet_file_changes_nothing(workspace: Workspace) -> None:
    fleet = workspace.commune(COMMUNE).fleet
    fleet.write_text(fleet.read_text() + "unknown_key: 1\n")
    assert cli.run(["apply", "-w", str(workspace.root)]) == ExitCode.BAD_INPUT


def test_several_communes_must_be_said(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path, essai=sample.FLEET, autre=sample.FLEET)
    assert cli.run(["plan", "-w", str(workspace.root)]) == ExitCode.USAGE


def test_the_printed_command_can_be_pasted(workspace: Workspace) -> None:
    enrol(workspace, LAPTOP, OTHER)
    text = command_line(workspace, COMMUNE, Options(limit="essai-portable-*", tags="ssh,base", check=True, diff=True))
    done = subprocess.run(
        ["sh", "-c", f"{text} --list-hosts"], capture_output=True, text=True, check=False, cwd=workspace.root
    )
    assert done.returncode == 0, done.stderr
    assert LAPTOP in done.stdout
    assert OTHER in done.stdout
    assert "passerelle" not in done.stdout
    assert "--check" in shlex.split(text)


def test_the_printed_command_is_one_line_on_stdout(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    enrol(workspace, LAPTOP)
    assert cli.run(["plan", "-w", str(workspace.root), "-l", LAPTOP, "--eval"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert "--check --diff" in out
