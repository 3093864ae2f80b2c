"""What `nomade doctor --on` makes of what a laptop says (tests/roles/test_home_networks.py has laptops that say it)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet import sample
from toolkit import cli, doctor_laptop, inventory
from toolkit.doctor import State
from toolkit.errors import ExitCode
from toolkit.fleet import load
from toolkit.i18n import set_language
from toolkit.workspace import Workspace

LAPTOP = "essai-portable-1"
GOOD = "network=up\nhandshake=now\ngateway=answers\nlarge_packets=pass\nsame_network=no\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = sample.workspace(tmp_path, essai=sample.FLEET)
    inventory.generate(made, "essai")
    return made


def meaning(workspace: Workspace, said: str) -> list[tuple[State, str]]:
    set_language("en")
    found = doctor_laptop.of_laptop(load(workspace, "essai"), LAPTOP, doctor_laptop.read(said))
    return [(item.state, item.found) for item in found]


def test_a_tunnel_that_carries_is_fine(workspace: Workspace) -> None:
    assert meaning(workspace, GOOD) == [(State.FINE, "its tunnel carries")]


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("network=none\nhandshake=none\ngateway=silent\nsame_network=no\n", "no network"),
        ("network=up\nhandshake=none\ngateway=silent\nsame_network=no\n", "UDP port 51820"),
        ("network=ipv6\nhandshake=none\ngateway=silent\nsame_network=no\n", "without IPv4"),
        ("network=up\nhandshake=now\ngateway=silent\nsame_network=no\n", "does not answer"),
        (GOOD.replace("pass", "lost"), "large packets"),
        (GOOD.replace("large_packets=pass\n", ""), "large packets"),
    ],
)
def test_only_the_first_thing_that_does_not_work_is_said(workspace: Workspace, said: str, word: str) -> None:
    ((state, found),) = meaning(workspace, said)
    assert state is State.PROBLEM
    assert word in found


def test_a_tunnel_through_a_translation_is_fine_too(workspace: Workspace) -> None:
    assert meaning(workspace, GOOD.replace("network=up", "network=ipv6")) == [(State.FINE, "its tunnel carries")]


def test_the_office_s_addresses_at_home_are_worth_a_word(workspace: Workspace) -> None:
    assert [state for state, _found in meaning(workspace, GOOD.replace("network=no", "network=yes"))] == [
        State.FINE,
        State.ADVICE,
    ]


@pytest.mark.parametrize(
    "text", ["", "network=up\n", GOOD + "more=1\n", GOOD.replace("answers", "maybe"), "sh: not found"]
)
def test_what_is_not_known_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown|cut short"):
        doctor_laptop.read(text)


def test_a_laptop_that_cannot_be_asked_is_not_fine(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--lang", "fr", "doctor", "-w", str(workspace.root), "--on", LAPTOP]) == ExitCode.UNREACHABLE
    said = capsys.readouterr().out
    assert f"✗ {LAPTOP}" in said
    assert "✗ essai-passerelle" in said


def test_an_unknown_laptop_and_another_machine_are_refused(workspace: Workspace) -> None:
    assert cli.run(["doctor", "-w", str(workspace.root), "--on", "essai-portable-9"]) == ExitCode.NOTHING_EVALUATED
    assert cli.run(["doctor", "-w", str(workspace.root), "--on", "essai-bureau-1"]) == ExitCode.BAD_INPUT
