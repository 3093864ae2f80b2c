"""A teleworker gets another machine: fleet file, inventory, peers and keys, before and after."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.fleet import sample
from tests.fleet.hosts import variables
from toolkit import inventory, replace
from toolkit.cli import run
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError, ProblemsError
from toolkit.fleet import load, load_config
from toolkit.fleet.addresses import load as load_addresses
from toolkit.fleet_facts import facts_of
from toolkit.i18n import set_language
from toolkit.workspace import Workspace

DAY = date(2026, 3, 2)
SPARE = "  # en réserve\n  - {name: essai-portable-3, os: debian-13, management: {address: 192.0.2.33}, serial: S5}\n"
FIXED = "fixed_posts:\n  - {name: PC-ACCUEIL, os: Windows 10}\n  - {name: PC-MAIRE}\n"
KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language(None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A commune with a laptop, an office PC and fixed posts to spare; the first laptop has made its key."""
    text = sample.FLEET.replace("office_pcs:\n", SPARE + "office_pcs:\n", 1) + FIXED
    made = sample.workspace(tmp_path, essai=text, voisin=sample.other("voisin", 1))
    inventory.generate_all(made, made.communes())
    (made.commune("essai").public / "essai-portable-1.wg.pub").write_text(KEY)
    return made


def text(workspace: Workspace) -> str:
    return workspace.commune("essai").fleet.read_text(encoding="utf-8")


def peers(workspace: Workspace) -> dict[str, str]:
    """Return the tunnel addresses of the peers the gateway is told of, by name."""
    told = variables(workspace.commune("essai").hosts)["essai-passerelle"]["nomade_peers"]
    return {peer["name"]: peer["tunnel_address"] for peer in told}


def moved(workspace: Workspace, target: str, by: str) -> replace.Change:
    change = replace.move(workspace, ["essai"], target, by, reason="vol", today=DAY)
    replace.carry_out(workspace, change)
    return change


@pytest.mark.parametrize("target", ["anna", "essai-portable-1"])
def test_the_teleworker_has_the_new_laptop_and_the_old_one_is_no_peer(workspace: Workspace, target: str) -> None:
    before = peers(workspace)
    assert set(before) == {"essai-portable-1", "essai-portable-2", "essai-portable-3"}
    moved(workspace, target, "essai-portable-3")
    assert peers(workspace) == {name: before[name] for name in ("essai-portable-2", "essai-portable-3")}
    hosts = variables(workspace.commune("essai").hosts)
    assert hosts["essai-portable-3"]["nomade_teleworker"]["login"] == "anna"
    assert hosts["essai-portable-3"]["nomade_office_pc"]["name"] == "essai-bureau-1"
    assert "nomade_teleworker" not in hosts["essai-portable-1"]
    assert hosts["essai-bureau-1"]["nomade_laptop"] == {
        "name": "essai-portable-3",
        "tunnel_address": before["essai-portable-3"],
    }


def test_the_gateway_is_judged_by_the_same_peers(workspace: Workspace) -> None:
    moved(workspace, "anna", "essai-portable-3")
    fleet = load(workspace, "essai")
    tunnel = load_addresses(workspace.commune("essai").addresses, fleet).tunnel
    facts = facts_of(load_config(workspace), fleet, fleet.gateway, tunnel)
    assert facts["peer_networks"] == [f"{address}/32" for address in peers(workspace).values()]


def test_history_is_kept_and_the_rest_of_the_file_is_as_it_was(workspace: Workspace) -> None:
    before = text(workspace)
    moved(workspace, "anna", "essai-portable-3")
    after = text(workspace)
    (step,) = load(workspace, "essai").replaced
    assert (step.teleworker, step.former, step.to) == ("anna", "essai-portable-1", "essai-portable-3")
    assert (step.date, step.reason) == ("2026-03-02", "vol")
    assert set(before.splitlines()) - set(after.splitlines()) == {
        "  - {teleworker: anna, laptop: essai-portable-1, office_pc: essai-bureau-1}"
    }
    assert "  # en réserve" in after


def test_the_public_key_of_the_old_laptop_is_revoked(workspace: Workspace) -> None:
    folder = workspace.commune("essai").public
    moved(workspace, "anna", "essai-portable-3")
    assert not (folder / "essai-portable-1.wg.pub").exists()
    assert (folder / "revoked" / "essai-portable-1.wg.pub").read_text() == KEY


def test_nobody_gets_the_old_address(workspace: Workspace) -> None:
    old = peers(workspace)["essai-portable-1"]
    moved(workspace, "anna", "essai-portable-3")
    assert old not in peers(workspace).values()
    gone = "\n".join(line for line in text(workspace).splitlines() if "name: essai-portable-1," not in line)
    new = gone.replace(
        "office_pcs:\n", SPARE.replace("-3", "-4").replace(".33", ".34").replace("S5", "S6") + "office_pcs:\n", 1
    )
    workspace.commune("essai").fleet.write_text(new + "\n", encoding="utf-8")
    inventory.generate(workspace, "essai")
    assert "essai-portable-4" in peers(workspace)
    assert old not in peers(workspace).values()


def test_a_second_time_changes_nothing(workspace: Workspace) -> None:
    for target in ("anna", "essai-portable-1", "anna"):
        moved(workspace, target, "essai-portable-3")
    assert len(load(workspace, "essai").replaced) == 1


def test_what_an_interruption_left_undone_is_done_the_next_time(workspace: Workspace) -> None:
    change = replace.move(workspace, ["essai"], "anna", "essai-portable-3", reason="vol", today=DAY)
    workspace.commune("essai").fleet.write_bytes(change.file.after)
    assert "essai-portable-1" in peers(workspace)
    moved(workspace, "anna", "essai-portable-3")
    assert "essai-portable-1" not in peers(workspace)
    assert (workspace.commune("essai").public / "revoked" / "essai-portable-1.wg.pub").exists()


def test_a_revoked_laptop_does_not_come_back_with_its_old_key(workspace: Workspace) -> None:
    moved(workspace, "anna", "essai-portable-3")
    with pytest.raises(BadInputError, match="revoked/essai-portable-1"):
        moved(workspace, "bruno", "essai-portable-1")
    (workspace.commune("essai").public / "revoked" / "essai-portable-1.wg.pub").unlink()
    moved(workspace, "bruno", "essai-portable-1")
    assert set(peers(workspace)) == {"essai-portable-1", "essai-portable-3"}


def test_an_office_pc_is_replaced_with_an_office_pc(workspace: Workspace) -> None:
    (workspace.commune("essai").public / "essai-bureau-1.rdp.crt").write_text("x\n")
    moved(workspace, "essai-bureau-1", "essai-bureau-2")
    hosts = variables(workspace.commune("essai").hosts)
    assert hosts["essai-bureau-2"]["nomade_laptop"]["name"] == "essai-portable-1"
    assert "nomade_laptop" not in hosts["essai-bureau-1"]
    assert hosts["essai-portable-1"]["nomade_office_pc"]["address"] == "198.51.100.21"
    assert not (workspace.commune("essai").public / "essai-bureau-1.rdp.crt").exists()
    assert "essai-portable-1" in peers(workspace)


@pytest.mark.parametrize(
    ("target", "by", "error", "said"),
    [
        ("ana", "essai-portable-3", NothingEvaluatedError, "“anna”"),
        ("anna", "essai-portable-33", NothingEvaluatedError, "“essai-portable-3”"),
        ("anna", "essai-portable-2", BadInputError, "bruno"),
        ("anna", "voisin-portable-1", BadInputError, "voisin"),
        ("anna", "essai-passerelle", BadInputError, "gateway"),
        ("essai-portable-1", "essai-bureau-2", BadInputError, "same kind"),
        ("essai-portable-3", "essai-portable-2", BadInputError, "no post"),
        ("bruno", "essai-bureau-2", BadInputError, "no office PC"),
    ],
)
def test_what_cannot_be_replaced_is_refused_and_nothing_written(
    workspace: Workspace, target: str, by: str, error: type[Exception], said: str
) -> None:
    before = text(workspace)
    with pytest.raises(error, match=said):
        moved(workspace, target, by)
    assert text(workspace) == before


def test_a_login_of_two_communes_needs_the_commune(workspace: Workspace) -> None:
    with pytest.raises(BadInputError, match="--commune"):
        replace.move(workspace, workspace.communes(), "anna", "essai-portable-3", reason="vol", today=DAY)


def test_a_fixed_post_is_retired_or_kept(workspace: Workspace) -> None:
    change = replace.decide(workspace, ["essai"], "PC-MAIRE", "retired", retired_on=DAY, disposal="donné à l’école")
    replace.carry_out(workspace, change)
    change = replace.decide(workspace, ["essai"], "PC-ACCUEIL", "kept", office_pc="essai-bureau-2")
    replace.carry_out(workspace, change)
    kept, retired = load(workspace, "essai").fixed_posts
    assert (kept.fate, kept.office_pc) == ("kept", "essai-bureau-2")
    assert (retired.fate, retired.retired_on, retired.disposal) == ("retired", "2026-03-02", "donné à l’école")
    assert replace.decide(workspace, ["essai"], "PC-ACCUEIL", "kept").is_done
    with pytest.raises(NothingEvaluatedError, match="PC-MAIRE"):
        replace.decide(workspace, ["essai"], "PC-MAIR", "kept")
    with pytest.raises(ProblemsError):
        replace.decide(workspace, ["essai"], "PC-ACCUEIL", "kept", office_pc="essai-bureau-9")


def test_command_line_asks_shows_and_writes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace.root)
    before = text(workspace)
    wanted = ["replace", "essai-portable-1", "--by", "essai-portable-3", "-c", "essai"]
    assert run([*wanted, "--dry-run"]) == ExitCode.OK
    shown = capsys.readouterr()
    assert "+  - {teleworker: anna, laptop: essai-portable-3, office_pc: essai-bureau-1}" in shown.out
    assert text(workspace) == before
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run(wanted) == ExitCode.OK
    assert text(workspace) == before
    assert run([*wanted, "--yes"]) == ExitCode.OK
    said = capsys.readouterr().err
    assert "--commune essai --limit essai-passerelle,essai-bureau-1,essai-portable-3" in said
    assert run(["replace", "PC-MAIRE", "--retired"]) == ExitCode.USAGE
    assert run(["replace", "PC-MAIRE", "--retired", "--on", "2026-03-02", "--disposal", "détruit", "-y"]) == ExitCode.OK
    assert load(workspace, "essai").fixed_posts[1].disposal == "détruit"
