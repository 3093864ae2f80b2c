"""The register of openings: lines follow from each other, survive power cuts and company, and cannot be taken back."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
from pathlib import Path

import pytest

from tests.escrow import kept
from toolkit.cli import run
from toolkit.errors import ExitCode
from toolkit.escrow import register
from toolkit.escrow.register import Event
from toolkit.workspace import Workspace


@pytest.fixture(name="workspace")
def workspace_with_a_commune(tmp_path: Path) -> Workspace:
    return kept.made(tmp_path).workspace


def add(workspace: Workspace, reason: str = "essai") -> None:
    register.append(workspace, "essai", Event("opened", kept.HOST, kept.UUID, "0" * 64, reason))


def lines(workspace: Workspace) -> list[bytes]:
    return register.path_of(workspace, "essai").read_bytes().splitlines(keepends=True)


def write(workspace: Workspace, content: list[bytes]) -> None:
    register.path_of(workspace, "essai").write_bytes(b"".join(content))


def code(workspace: Workspace) -> int:
    return run(["escrow", "register", "-w", str(workspace.root)])


def test_each_line_names_the_one_before(workspace: Workspace) -> None:
    for reason in ("un", "deux", "trois"):
        add(workspace, reason)
    found = register.read(workspace, "essai")
    assert [(entry.number, entry.reason) for entry in found.entries] == [(1, "un"), (2, "deux"), (3, "trois")]
    assert (found.problems, code(workspace)) == ((), ExitCode.OK)
    assert register.path_of(workspace, "essai").stat().st_mode & 0o777 == 0o600


def test_a_line_changed_taken_out_put_in_or_moved_is_seen(workspace: Workspace) -> None:
    for reason in ("un", "deux", "trois"):
        add(workspace, reason)
    first, second, third = lines(workspace)
    (workspace.state / "escrow" / "essai.json").unlink()  # another control machine: the chain alone must show it
    for harmed in (
        [first, second.replace(b"deux", b"DEUX"), third],
        [first, third],
        [second, third],
        [first, first, second, third],
        [second, first, third],
        [first, b"{}\n", second, third],
        [first, b"\n", second, third],
        [first.replace(b'"essai"', b'"autre"'), second, third],
    ):
        write(workspace, harmed)
        assert register.read(workspace, "essai").problems, harmed
        assert code(workspace) == ExitCode.NOT_COMPLIANT
    write(workspace, [first, second, third])
    assert code(workspace) == ExitCode.OK


def test_the_last_line_taken_away_is_seen_by_the_machine_that_saw_it(workspace: Workspace) -> None:
    add(workspace)
    add(workspace)
    write(workspace, lines(workspace)[:1])
    assert code(workspace) == ExitCode.NOT_COMPLIANT
    register.path_of(workspace, "essai").unlink()
    assert code(workspace) == ExitCode.NOT_COMPLIANT


@pytest.mark.parametrize("kept_bytes", [1, 50, -1])
def test_a_torn_line_is_closed_off_and_reported(workspace: Workspace, kept_bytes: int) -> None:
    add(workspace, "un")
    add(workspace, "deux")
    first, second = lines(workspace)
    (workspace.state / "escrow" / "essai.json").unlink()  # written after the line, so not of this one
    write(workspace, [first, second[:kept_bytes]])
    found = register.read(workspace, "essai")
    assert (len(found.entries), found.torn, found.problems) == (1, second[:kept_bytes], ())
    add(workspace, "trois")
    found = register.read(workspace, "essai")
    assert found.problems == ()
    assert [entry.action for entry in found.entries][-2:] == ["recovered", "opened"]
    assert lines(workspace)[1] == second[:kept_bytes] + b"\n", "what was written is not taken back"
    write(workspace, [*lines(workspace)[:2], *lines(workspace)[3:]])
    assert register.read(workspace, "essai").problems


def _many(root: Path, name: str) -> None:
    for number in range(5):
        add(Workspace(root), f"{name} {number}")


def test_several_operators_at_once_lose_no_line(workspace: Workspace) -> None:
    context = multiprocessing.get_context("fork")
    people = [context.Process(target=_many, args=(workspace.root, f"p{number}")) for number in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
    found = register.read(workspace, "essai")
    assert (len(found.entries), found.problems) == (20, ())
    assert [entry.number for entry in found.entries] == list(range(1, 21))


def test_csv_opens_in_a_french_spreadsheet_and_computes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, '=HYPERLINK("x");"é"')
    output = tmp_path / "registre.csv"
    words = ["--lang", "fr", "escrow", "register", "-f", "csv", "-o", str(output), "-w", str(workspace.root)]
    assert run(words) == ExitCode.OK
    content = output.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    head, row = csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";")
    assert head[:4] == ["Numéro", "Heure (UTC)", "Qui", "Quoi"]
    assert row[6] == '\'=HYPERLINK("x");"é"'


def test_lines_are_plain_json_that_git_can_show(workspace: Workspace) -> None:
    add(workspace, "départ de l’agent")
    (line,) = lines(workspace)
    assert json.loads(line)["reason"] == "départ de l’agent"
    assert "départ".encode() in line
