"""The regime in `fleet.yml`: changed in place, once, with its history; the gateway's silence is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import cli, inventory
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError
from toolkit.fleet import load
from toolkit.i18n import set_language
from toolkit.regime import change, text
from toolkit.regime.view import windows
from toolkit.workspace import Workspace

TODAY = date(2026, 11, 2)
REGIME = (
    '# Horaires\nregime: {mode: normal, hours: "08:00-18:00", weekdays: [monday, tuesday, thursday], enforced: true}\n'
)


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    set_language("en")
    yield
    set_language(None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = sample.workspace(tmp_path, essai=sample.FLEET + REGIME, voisin=sample.other("voisin", 1))
    inventory.generate(made, "essai")
    return made


def fleet_text(workspace: Workspace, commune: str = "essai") -> str:
    return workspace.commune(commune).fleet.read_text(encoding="utf-8")


def emergency(workspace: Workspace, *communes: str) -> None:
    change.set_mode(
        workspace, communes or ("essai",), "emergency", until=date(2026, 12, 31), reason="confinement", today=TODAY
    )


def test_an_emergency_is_written_in_place_once(workspace: Workspace) -> None:
    emergency(workspace)
    once = fleet_text(workspace)
    emergency(workspace)
    assert fleet_text(workspace) == once
    assert "# Horaires\n" in once
    fleet = load(workspace, "essai")
    assert (fleet.regime.mode, fleet.regime.until, fleet.regime.enforced) == ("emergency", "2026-12-31", True)
    assert [(line.mode, line.until, line.reason) for line in fleet.regime_history] == [
        ("emergency", "2026-12-31", "confinement")
    ]


def test_back_to_normal_takes_the_end_away_and_keeps_both_lines(workspace: Workspace) -> None:
    emergency(workspace)
    (fleet,) = change.set_mode(workspace, ["essai"], "normal", until=None, reason="fin", today=date(2026, 12, 1))
    assert (fleet.regime.mode, fleet.regime.until) == ("normal", None)
    assert [line.mode for line in fleet.regime_history] == ["emergency", "normal"]


def test_a_commune_that_never_wrote_a_regime_gets_one(workspace: Workspace) -> None:
    emergency(workspace, "voisin")
    assert load(workspace, "voisin").regime.mode == "emergency"
    assert load(workspace, "essai").regime.mode == "normal"


@pytest.mark.parametrize(("mode", "until"), [("normal", date(2026, 12, 31)), ("emergency", date(2026, 11, 1))])
def test_an_end_that_means_nothing_changes_nothing(workspace: Workspace, mode: change.Mode, until: date) -> None:
    before = fleet_text(workspace)
    with pytest.raises(BadInputError):
        change.set_mode(workspace, ["essai"], mode, until=until, reason="x", today=TODAY)
    assert fleet_text(workspace) == before


def test_the_gateway_is_told_of_it_by_the_next_run_when_it_does_not_answer(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["regime", "set", "emergency", "-w", str(workspace.root), "-c", "essai", "--until", "2099-12-31"]
    assert cli.run(command) == ExitCode.UNREACHABLE
    assert "NOT YET IN FORCE" in capsys.readouterr().err
    assert '"emergency_until": "2099-12-31"' in workspace.commune("essai").hosts.read_text(encoding="utf-8")
    assert cli.run([*command[:-4], "-c", "voisin"]) == ExitCode.OK  # nothing is enforced there


def test_an_exception_is_one_however_often_it_is_asked_for(workspace: Workspace) -> None:
    for _again in range(2):
        fleet = change.allow(workspace, ["essai"], "anna", "2026-12-24 18:00", "2026-12-25 08:00", "astreinte")
    assert [item.reason for item in fleet.on_call] == ["astreinte"]
    with pytest.raises(BadInputError):
        change.allow(workspace, ["essai"], "anna", "2026-12-24 18:00", "2026-12-24 08:00", "x")
    with pytest.raises(NothingEvaluatedError, match="anna"):
        change.allow(workspace, ["essai"], "ana", "2026-12-24 18:00", "2026-12-25 08:00", "x")
    with pytest.raises(BadInputError, match="voisin"):
        change.allow(workspace, ["essai", "voisin"], "anna", "2026-12-24 18:00", "2026-12-25 08:00", "x")


def test_what_is_shown_is_what_the_gateway_would_do(workspace: Workspace) -> None:
    fleet = load(workspace, "essai")
    found = windows(fleet, inventory.allocated(workspace, fleet), datetime(2026, 11, 2, 9, tzinfo=UTC))
    assert {item.state for item in found} == {"open"}
    shown = "\n".join(text.lines(fleet, found, "en"))
    assert "Anna Petit" in shown
    assert "Mon Tue Thu" in shown
    assert "open until 2026-11-02 18:00" in shown
