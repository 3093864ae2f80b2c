"""`nomade store` as its user types it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fleet import sample
from tests.store.conftest import Opened
from tests.store.test_store import audit, change, collected, rows_of
from toolkit.cli import run as command_line
from toolkit.errors import ExitCode
from toolkit.finding import Verdict
from toolkit.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, url: str, opened: Opened) -> Workspace:
    """A workspace whose store is at `url`, with a year of audits in it."""
    made = sample.workspace(tmp_path / "ws", essai=sample.FLEET)
    config = made.config_file.read_text(encoding="utf-8")
    made.config_file.write_text(f'{config}store: "{url}"\nretention: {{all_days: 30}}\n', encoding="utf-8")
    store = opened(url)
    for days in range(0, 366, 5):
        at = datetime.now(UTC) - timedelta(days=days)
        store.save(audit(at, collected("essai-portable-1", at, str(days), root=Verdict.PASS), commune="essai"))
    return made


def test_checking_tells_damage_by_the_exit_code(
    workspace: Workspace, url: str, opened: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["store", "check", "-w", str(workspace.root)]
    assert command_line(arguments) == ExitCode.OK
    assert "74" in capsys.readouterr().out
    store = opened(url)
    store.begin(audit(datetime.now(UTC), commune="essai"))
    assert command_line(arguments) == ExitCode.OK
    assert "essai" in capsys.readouterr().out
    change(store, "UPDATE evidence SET body = (SELECT body FROM evidence ORDER BY digest LIMIT 1)")
    assert command_line(arguments) == ExitCode.INTERNAL
    assert capsys.readouterr().out.count("essai-portable-1") == 73


def test_thinning_says_first_what_it_would_do(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["store", "thin", "-w", str(workspace.root)]
    assert command_line([*arguments, "--dry-run"]) == ExitCode.OK
    would = capsys.readouterr().out.split()[0]
    assert int(would) > 10
    assert command_line(arguments) == ExitCode.OK
    assert capsys.readouterr().out.split()[0] == would
    assert command_line(arguments) == ExitCode.OK
    assert capsys.readouterr().out.split()[0] == "0"


@pytest.mark.parametrize("declared", [True, False])
def test_an_audit_ends_with_thinning_where_a_rule_is_declared_and_keeps_the_last_of_each_post(
    workspace: Workspace, url: str, opened: Opened, capsys: pytest.CaptureFixture[str], *, declared: bool
) -> None:
    if not declared:
        text = workspace.config_file.read_text(encoding="utf-8")
        workspace.config_file.write_text(text.replace("retention: {all_days: 30}\n", ""), encoding="utf-8")
    store = opened(url)
    before = store.state("essai").endpoints["essai-portable-1"].last
    # No machine is enrolled, so none answers: the audit adds an attempt, and the last evidence must outlive the rule.
    assert command_line(["audit", "-w", str(workspace.root), "--limit", "essai-portable-1"]) != ExitCode.INTERNAL
    told = capsys.readouterr().err
    assert ("nomade.yml" in told) == declared
    ((left,),) = rows_of(store, "SELECT count(*) FROM endpoint_audits")
    assert (left < 60) == declared
    if not declared:
        assert left == 75
    assert store.state("essai").endpoints["essai-portable-1"].last == before


def test_moving_copies_everything_and_leaves_the_old_store(
    workspace: Workspace, url: str, other_url: str, opened: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["store", "move", other_url, "-w", str(workspace.root)]
    assert command_line(arguments) == ExitCode.OK
    assert "store:" in capsys.readouterr().err
    assert opened(other_url).state("essai") == opened(url).state("essai")
    assert command_line(arguments) == ExitCode.BAD_INPUT  # not a second time over what is there


def test_a_store_that_cannot_be_reached_is_one_line(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["store", "move", "postgresql://nobody:hunter2@127.0.0.1:1/none", "-w", str(workspace.root)]
    assert command_line(arguments) == ExitCode.INTERNAL
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "hunter2" not in told
