"""A machine leaves the fleet: fleet file, inventory, peers, keys and pins before and after; history, escrow stay."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.fleet import sample
from tests.fleet.hosts import variables
from toolkit import drift, inventory, restoring, retire
from toolkit.cli import run
from toolkit.errors import BadInputError, ExitCode, NothingEvaluatedError
from toolkit.fleet import load
from toolkit.i18n import set_language
from toolkit.transport import known_hosts
from toolkit.workspace import Workspace

DAY = date(2026, 3, 2)
KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
PIN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
MORE = """\
settings:
  endpoints:
    essai-portable-1: {vpn_client_handshake_timeout: 5}  # son fournisseur est lent
declarations:
  - {control: charter-signed, date: "2026-01-05", author: Mme Petit, endpoint: essai-portable-1}
  - {control: charter-signed, date: "2026-01-06", author: Mme Petit}
fixed_posts:
  - {name: PC-MAIRE, fate: kept, office_pc: essai-bureau-1}
"""


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    set_language("en")
    yield
    set_language(None)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A commune whose first laptop has made its key, is enrolled, applied and has a key in escrow."""
    made = sample.workspace(tmp_path, essai=sample.FLEET + MORE, voisin=sample.other("voisin", 1))
    inventory.generate_all(made, made.communes())
    folder = made.commune("essai")
    (folder.public / "essai-portable-1.wg.pub").write_text(KEY)
    entry = {"enrolled": "2026-01-01T00:00:00+00:00", "host_key": "SHA256:x", "path": "bench"}
    folder.enrolment.write_text(
        yaml.safe_dump({name: dict(entry) for name in ("essai-portable-1", "essai-portable-2")})
    )
    folder.known_hosts.write_text(f"essai-portable-1 {PIN}\nessai-portable-2 {PIN[:-1]}B\n")
    (folder.escrow / "u.json").write_text(json.dumps({"endpoint": "essai-portable-1"}))
    drift.record(made, "essai", ["essai-portable-1", "essai-portable-2"])
    return made


def text(workspace: Workspace) -> str:
    return workspace.commune("essai").fleet.read_text(encoding="utf-8")


def left(workspace: Workspace, name: str) -> retire.Leaving:
    leaving = retire.leave(workspace, workspace.communes(), name, reason="hors d’usage", today=DAY)
    retire.carry_out(workspace, leaving)
    return leaving


def test_a_laptop_leaves_with_its_post_its_settings_and_its_declarations(workspace: Workspace) -> None:
    before = text(workspace)
    left(workspace, "essai-portable-1")
    fleet = load(workspace, "essai")
    assert [laptop.name for laptop in fleet.laptops] == ["essai-portable-2"]
    assert [post.teleworker for post in fleet.posts] == ["bruno"]
    assert (fleet.settings.endpoints, len(fleet.declarations)) == ({}, 1)
    (gone,) = fleet.retired
    assert (gone.name, gone.kind, gone.date, gone.reason) == (
        "essai-portable-1", "laptop", "2026-03-02", "hors d’usage",
    )  # fmt: skip
    assert (gone.serial, gone.restored) == ("S1", False)
    added = set(text(workspace).splitlines()) - set(before.splitlines())
    assert {line.strip() for line in added} <= {"", "retired:"} | {
        line for line in map(str.strip, added) if "name" in line
    }
    assert "anna" in {teleworker.login for teleworker in fleet.teleworkers}


def test_it_is_shut_out_and_forgotten_but_its_keys_stay_in_escrow(workspace: Workspace) -> None:
    leaving = left(workspace, "essai-portable-1")
    folder = workspace.commune("essai")
    hosts = variables(folder.hosts)
    assert "essai-portable-1" not in hosts
    assert [peer["name"] for peer in hosts["essai-passerelle"]["nomade_peers"]] == ["essai-portable-2"]
    assert (folder.public / "revoked" / "essai-portable-1.wg.pub").read_text() == KEY
    assert set(yaml.safe_load(folder.enrolment.read_text())) == {"essai-portable-2"}
    assert set(known_hosts.pins(folder.known_hosts)) == {"essai-portable-2"}
    assert set(drift.applied(workspace, "essai")) == {"essai-portable-2"}
    assert (folder.escrow / "u.json").exists()
    assert any("escrow" in line for line in leaving.remains)
    assert any("--limit essai-passerelle,essai-bureau-1" in line for line in leaving.remains)


def test_a_second_time_changes_nothing_and_finishes_what_was_interrupted(workspace: Workspace) -> None:
    leaving = retire.leave(workspace, ["essai"], "essai-portable-1", reason="don", today=DAY)
    workspace.commune("essai").fleet.write_bytes(leaving.file.after)
    again = left(workspace, "essai-portable-1")
    assert again.is_done
    assert "2026-03-02" in again.told[0]
    assert (workspace.commune("essai").public / "revoked" / "essai-portable-1.wg.pub").exists()
    assert len(load(workspace, "essai").retired) == 1


def test_an_office_pc_leaves_its_post_and_the_fixed_post_it_was(workspace: Workspace) -> None:
    left(workspace, "essai-bureau-1")
    fleet = load(workspace, "essai")
    assert fleet.posts[0].office_pc is None
    (fixed,) = fleet.fixed_posts
    assert (fixed.fate, fixed.office_pc, fixed.retired_on, fixed.disposal) == (
        "retired", None, "2026-03-02", "hors d’usage",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("essai-portable-11", NothingEvaluatedError, "“essai-portable-1”"),
        ("essai-passerelle", BadInputError, "a commune has one"),
    ],
)
def test_what_cannot_leave_is_refused_and_nothing_written(
    workspace: Workspace, name: str, error: type[Exception], said: str
) -> None:
    before = text(workspace)
    with pytest.raises(error, match=said):
        left(workspace, name)
    assert text(workspace) == before


def test_a_gateway_that_others_are_reached_through_is_not_put_back(workspace: Workspace) -> None:
    path = workspace.commune("essai").enrolment
    path.write_text(path.read_text().replace("bench", "gateway"))
    fleet = load(workspace, "essai")
    with pytest.raises(BadInputError, match="essai-portable-1, essai-portable-2"):
        restoring.options(workspace, fleet, fleet.gateway, packages=False, check=False)


def test_command_line_asks_shows_and_writes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace.root)
    before = text(workspace)
    words = ["--lang", "en", "retire", "essai-portable-1"]
    assert run([*words, "--dry-run"]) == ExitCode.OK
    said = capsys.readouterr()
    assert "-  - {name: essai-portable-1" in said.out
    assert "nothing was written" in said.err
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run(words) == ExitCode.OK
    assert text(workspace) == before
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run(words) == ExitCode.OK
    assert text(workspace) != before
    assert "escrow" in capsys.readouterr().err
    assert run([*words, "--eval"]) == ExitCode.USAGE
    assert run(["retire", "inconnue"]) == ExitCode.NOTHING_EVALUATED
