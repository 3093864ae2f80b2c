"""Shutting a laptop out: written down first, the same twice, and said when the gateway does not hear of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.fleet import sample
from toolkit import cli, inventory
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError
from toolkit.fleet import load
from toolkit.vpn import keys, revoke
from toolkit.workspace import Workspace

LAPTOP = "essai-portable-1"
KEY, NEXT = (f"{letter}N7GlLIQOFCqgR/EwpKqv6hOyQ6Wh1yEmu1O0LcGHHw=" for letter in "ST")
TODAY = date(2026, 3, 2)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = sample.workspace(tmp_path, essai=sample.FLEET)
    inventory.generate(made, "essai")
    (made.commune("essai").public / f"{LAPTOP}.wg.pub").write_text(KEY + "\n", encoding="utf-8")
    return made


def peers_told(workspace: Workspace) -> list[str]:
    hosts = yaml.safe_load(workspace.commune("essai").hosts.read_text(encoding="utf-8"))
    group = hosts["all"]["children"]["commune_essai"]["children"]["gateways_AT_essai"]
    return [peer["name"] for peer in group["hosts"]["essai-passerelle"]["nomade_peers"]]


def test_the_next_apply_keeps_it_out_and_twice_is_as_once(workspace: Workspace) -> None:
    keys.expect_next(workspace.commune("essai"), LAPTOP, NEXT)
    fleet = revoke.find(workspace, ["essai"], LAPTOP)
    fleet, refused = revoke.write_down(workspace, fleet, LAPTOP, reason="volé", today=TODAY)
    assert refused == {KEY, NEXT}
    assert peers_told(workspace) == ["essai-portable-2"]
    once = workspace.commune("essai").fleet.read_bytes()
    _fleet, again = revoke.write_down(workspace, fleet, LAPTOP, reason="autre", today=date(2026, 3, 9))
    assert again == refused
    assert workspace.commune("essai").fleet.read_bytes() == once


def test_what_was_revoked_may_be_lost_later(workspace: Workspace) -> None:
    fleet = revoke.find(workspace, ["essai"], LAPTOP)
    fleet, _keys = revoke.write_down(workspace, fleet, LAPTOP, reason="départ", today=TODAY)
    fleet, _keys = revoke.write_down(workspace, fleet, LAPTOP, reason="volé", today=TODAY, lost=True)
    assert [(item.reason, item.lost) for item in fleet.revoked] == [("départ", True)]


def test_it_comes_back_as_a_peer_and_its_former_key_does_not(workspace: Workspace) -> None:
    fleet = revoke.find(workspace, ["essai"], LAPTOP)
    fleet, _keys = revoke.write_down(workspace, fleet, LAPTOP, reason="volé", today=TODAY)
    fleet = revoke.let_in_again(workspace, fleet, LAPTOP, today=date(2026, 3, 9))
    assert peers_told(workspace) == [LAPTOP, "essai-portable-2"]
    assert KEY in keys.known(workspace.commune("essai")).revoked
    with pytest.raises(NothingEvaluatedError):
        revoke.let_in_again(workspace, fleet, LAPTOP, today=TODAY)


def test_a_gateway_that_does_not_answer_is_said_and_everything_is_written_down(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    for _again in range(2):
        assert cli.run(["vpn", "revoke", LAPTOP, "-w", str(workspace.root)]) == ExitCode.UNREACHABLE
        assert "NOT YET IN FORCE" in capsys.readouterr().err
    assert list(load(workspace, "essai").shut_out) == [LAPTOP]


@pytest.mark.parametrize(
    ("name", "error"), [("essai-bureau-1", BadInputError), ("essai-portable", NothingEvaluatedError)]
)
def test_only_laptops_are_shut_out(workspace: Workspace, name: str, error: type[Exception]) -> None:
    before = workspace.commune("essai").fleet.read_bytes()
    with pytest.raises(error):
        revoke.find(workspace, ["essai"], name)
    assert workspace.commune("essai").fleet.read_bytes() == before


def test_a_broken_key_file_is_named(workspace: Workspace) -> None:
    path = workspace.commune("essai").public / f"{LAPTOP}.wg.pub"
    path.write_text("no key\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"portable-1\.wg\.pub"):
        keys.known(workspace.commune("essai"))
