"""Stored evidence judged again: by today's controls, at the age it has, without asking anybody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import rejudge
from toolkit.audit import Request
from toolkit.cli import run as command_line
from toolkit.errors import BadInputError, ExitCode
from toolkit.finding import (
    Audit,
    EndpointAudit,
    EndpointStatus,
    Evidence,
    Finding,
    Section,
    SectionStatus,
    Severity,
    Verdict,
)
from toolkit.inventory import generate
from toolkit.paris import day_of
from toolkit.report.commune import reports
from toolkit.store import Store, open_store
from toolkit.store.health import examine
from toolkit.workspace import Workspace

ROOT = Path(__file__).parent.parent
CONTROL = "ssh-root-login-refused"
LAPTOP, OTHER = "essai-portable-1", "essai-portable-2"
TODAY = day_of(datetime.now(UTC))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = sample.workspace(tmp_path / "ws", essai=sample.FLEET, autre=sample.other("autre", 4))
    generate(made, "essai")
    generate(made, "autre")
    return made


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    made = open_store(workspace.store_url)
    yield made
    made.close()


def ago(days: float) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)


def save(store: Store, days: float, endpoint: str, answer: str) -> datetime:
    """Keep an old judgement that says what today's control would not: everything failed."""
    at = ago(days)
    sections = {"sshd": Section("sshd", SectionStatus.OK, 0, f"permitrootlogin {answer}\npasswordauthentication no\n")}
    old = Finding(endpoint, CONTROL, Severity.HIGH, Verdict.FAIL, "compared")
    part = EndpointAudit(endpoint, "laptop", EndpointStatus.COLLECTED, "", Evidence(endpoint, at, sections), (old,))
    store.save(Audit("essai", "nomade", at, at, "0" * 64, (part,)))
    return at


def verdict(audit: Audit, endpoint: str) -> Verdict:
    part = next(item for item in audit.endpoints if item.endpoint == endpoint)
    return next(item.verdict for item in part.findings if item.control == CONTROL)


def again(workspace: Workspace, source: str, *communes: str, limit: str | None = None) -> Audit:
    found = rejudge.source_of(source, TODAY)
    (audit,) = rejudge.each(workspace, communes or ["essai"], Request(limit=limit), found)
    return audit


def test_stored_evidence_is_judged_by_todays_controls(workspace: Workspace, store: Store) -> None:
    save(store, 3, LAPTOP, "no")
    save(store, 3, OTHER, "yes")
    audit = again(workspace, TODAY.isoformat())
    assert (verdict(audit, LAPTOP), verdict(audit, OTHER)) == (Verdict.PASS, Verdict.FAIL)
    assert len(audit.endpoints) == 5
    silent = [part for part in audit.endpoints if part.evidence is None]
    assert {part.status for part in silent} == {EndpointStatus.UNREACHABLE}
    assert all(part.detail for part in silent)


def test_it_says_that_it_is_a_judgement_of_old_evidence_and_never_becomes_newer(
    workspace: Workspace, store: Store
) -> None:
    at = save(store, 3, LAPTOP, "no")
    again(workspace, TODAY.isoformat())
    (report,) = reports(workspace, ["essai"], "en", datetime.now(UTC))
    machine = next(item for item in report.machines if item.name == LAPTOP)
    assert machine.collected_at == machine.attempted_at == at
    assert machine.rejudged_at is not None
    assert day_of(machine.rejudged_at) == TODAY
    assert next(line.verdict for line in machine.lines if line.control == CONTROL) is Verdict.PASS
    assert set(store.state("essai").endpoints) == {LAPTOP}  # what has no evidence was not attempted either


def test_what_a_day_of_the_past_knew_is_judged_and_stays_older_than_what_came_since(
    workspace: Workspace, store: Store
) -> None:
    save(store, 5, LAPTOP, "no")
    newer = save(store, 1, LAPTOP, "yes")
    assert verdict(again(workspace, (TODAY - timedelta(days=3)).isoformat()), LAPTOP) is Verdict.PASS
    state = store.state("essai").endpoints[LAPTOP]
    assert state.last is not None
    assert state.last.evidence is not None
    assert state.last.evidence.collected_at == newer
    assert state.last.rejudged_at is None


def test_nothing_stored_is_nothing_evaluated_and_keeps_nothing(workspace: Workspace, store: Store) -> None:
    arguments = ["audit", "-w", str(workspace.root), "-c", "essai", "--from", TODAY.isoformat()]
    assert command_line(arguments) == ExitCode.NOTHING_EVALUATED
    assert store.latest("essai") is None


def test_an_exported_file_is_judged_elsewhere_and_not_kept(workspace: Workspace, store: Store, tmp_path: Path) -> None:
    at = save(store, 3, LAPTOP, "no")
    target = tmp_path / "evidence.jsonl"
    assert command_line(["store", "export", "-w", str(workspace.root), "-c", "essai", "-o", str(target)]) == 0
    assert target.stat().st_mode & 0o777 == 0o600
    elsewhere = sample.workspace(tmp_path / "elsewhere", essai=sample.FLEET)
    generate(elsewhere, "essai")
    audit = again(elsewhere, str(target))
    part = next(item for item in audit.endpoints if item.endpoint == LAPTOP)
    assert part.evidence is not None
    assert (verdict(audit, LAPTOP), part.evidence.collected_at) == (Verdict.PASS, at)
    other = open_store(elsewhere.store_url)
    assert other.state("essai").endpoints == {}
    other.close()
    with pytest.raises(BadInputError, match="essai"):
        again(workspace, str(target), "autre")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text.replace("permitrootlogin no", "permitrootlogin yes"), "essai-portable-1"),
        (lambda text: text[:-20], "trop tôt"),
        (lambda text: text + text.splitlines()[1] + "\n", "deux fois"),
        (lambda text: text.replace("nomade-evidence", "other"), "store export"),
        (lambda text: "", "trop tôt"),
        (lambda text: "[" * 100_000 + "\n", "store export"),
        (lambda text: text.replace("essai-portable-1", "../../etc"), "store export"),
        (lambda text: text.replace("+00:00", ""), "store export"),
        (lambda text: text.replace('"essai"', r'"\u001b[2J"'), "store export"),
        (lambda text: text.replace("essai-portable-1", r"essai-portable-1\n"), "store export"),
    ],
)
def test_a_damaged_file_is_one_line_and_says_where(
    workspace: Workspace, store: Store, tmp_path: Path, damage: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    save(store, 3, LAPTOP, "no")
    target = tmp_path / "evidence.jsonl"
    command_line(["store", "export", "-w", str(workspace.root), "-c", "essai", "-o", str(target)])
    target.write_text(damage(target.read_text(encoding="utf-8")), encoding="utf-8")  # type: ignore[operator]
    capsys.readouterr()
    code = command_line(["audit", "-w", str(workspace.root), "-c", "essai", "--from", str(target)])
    told = capsys.readouterr().err
    assert code == ExitCode.BAD_INPUT
    assert told.count("\n") == 1
    assert str(target) in told
    assert said in told


def test_a_day_to_come_and_no_file_are_refused(workspace: Workspace) -> None:
    for source in ((TODAY + timedelta(days=1)).isoformat(), "no-such-file.jsonl"):
        with pytest.raises(BadInputError):
            again(workspace, source)


def test_old_evidence_is_stale_and_not_compliant(
    workspace: Workspace, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    save(store, 40, LAPTOP, "no")
    arguments = ["audit", "-w", str(workspace.root), "-l", LAPTOP, "-c", "essai", "-f", "json"]
    command_line([*arguments, "--from", TODAY.isoformat()])
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert report["endpoints"][0]["state"] != "compliant"
    assert report["coverage"]["passed"] == 0
    assert report["coverage"]["stale"] > 0
    assert report["endpoints"][0]["evidence"]["rejudged_at"] is not None
    assert report["partial"] is True
    command_line([*arguments, "--from", TODAY.isoformat(), "--max-age", "60"])
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert report["coverage"]["passed"] > 0


# A real audit that is cut off

KILLED = """
import sys
from pathlib import Path
from toolkit import audit, catalogue
from toolkit.errors import UnreachableError
from toolkit.fleet import load, load_config
from toolkit.store import open_store
from toolkit.workspace import Workspace
from tests.test_audit import GOOD_SSHD, Replay
workspace = Workspace(Path(sys.argv[1]))
answers = {name: GOOD_SSHD for name in ("essai-passerelle", "essai-portable-1", "essai-bureau-1", "essai-bureau-2")}
answers["essai-portable-2"] = UnreachableError("no answer")
store = open_store(workspace.store_url)
for _round in range(100):
    audit.audit(
        workspace, load_config(workspace), load(workspace, "essai"), catalogue.load(), audit.Request(parallel=2),
        Replay(answers), lambda progress: print(progress.endpoint, flush=True), store,
    )
"""


@pytest.mark.parametrize("after", [1, 4, 6])
def test_an_audit_killed_at_any_moment_keeps_every_endpoint_it_told_of(
    workspace: Workspace, store: Store, after: int
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(workspace.root)], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _number in range(after)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().split()
    assert process.returncode == -signal.SIGKILL
    latest = store.latest("essai")
    assert latest is not None
    told = said[len(said) // 5 * 5 :]
    kept = {part.endpoint for part in latest.endpoints}
    if latest.partial and told:
        assert set(told) <= kept
    assert set(said) <= set(store.state("essai").endpoints)
    assert all(part.findings for part in latest.endpoints if part.status is EndpointStatus.COLLECTED)
    assert examine(store.database).problems == ()


def test_a_limited_audit_is_partial_in_the_store(workspace: Workspace, store: Store) -> None:
    command_line(["audit", "-w", str(workspace.root), "-c", "essai", "-l", LAPTOP])  # nothing is enrolled
    latest = store.latest("essai")
    assert latest is not None
    assert (latest.complete, latest.expected, len(latest.endpoints), latest.partial) == (True, 5, 1, True)
