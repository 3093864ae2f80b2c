"""waivers.yml: read with places, changed in place, its history kept; `nomade waiver` writes and lists it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fleet import sample
from toolkit import waiver_file
from toolkit.cli import run as command_line
from toolkit.errors import BadInputError, ExitCode, ProblemsError
from toolkit.fleet import load as load_fleet
from toolkit.waivers import LONGEST_DAYS, Standing
from toolkit.workspace import Workspace

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
WRITTEN = """\
# Accordées en réunion de bureau.
waivers:
  - control: ssh-keys-only # ancien logiciel
    kind: office_pc
    reason: "Télémaintenance : contrat jusqu’en décembre"
    approver: Odile Ferrand
    since: "2026-09-01"
    until: "2026-12-31"
  - {control: ssh-keys-only, endpoints: [essai-portable-1], reason: r, approver: a, since: "2026-01-01",
     until: "2026-11-23"}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return sample.workspace(tmp_path / "ws", essai=sample.FLEET, autre=sample.other("autre", 4))


def file_of(workspace: Workspace, text: str | None = None) -> Path:
    path = workspace.commune("essai").waivers
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return path


def problems(workspace: Workspace, text: str) -> list[tuple[int, int, str]]:
    file_of(workspace, text)
    with pytest.raises(ProblemsError) as caught:
        waiver_file.load(workspace, load_fleet(workspace, "essai"), NOW)
    return [(item.line, item.column, item.message) for item in caught.value.problems]


def one(**changes: str | None) -> str:
    fields: dict[str, str | None] = {
        **{"control": "ssh-keys-only", "reason": "raison", "approver": "Odile"},
        **{"since": '"2026-11-01"', "until": '"2026-12-31"', **changes},
    }
    return "waivers:\n  - " + "\n    ".join(f"{name}: {value}" for name, value in fields.items() if value) + "\n"


def test_no_file_is_no_waiver(workspace: Workspace) -> None:
    assert waiver_file.load(workspace, load_fleet(workspace, "essai"), NOW) == ()


def test_the_waivers_of_a_commune_are_read(workspace: Workspace) -> None:
    file_of(workspace, WRITTEN)
    active, expired = waiver_file.load(workspace, load_fleet(workspace, "essai"), NOW)
    assert (active.standing(NOW), expired.standing(NOW)) == (Standing.ACTIVE, Standing.EXPIRED)
    assert waiver_file.load(workspace, load_fleet(workspace, "autre"), NOW) == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (one(until=None), 2, "until"),
        (one(until="2026-12-31"), 6, "2026-12-31"),  # without quotes YAML makes something else of it
        (one(until='"31/12/2026"'), 6, "31/12/2026"),
        (one(until='"2026-10-31"'), 2, "2026-10-31"),
        (one(until='"2099-12-31"'), 2, "until"),
        (one(approver=None), 2, "approver"),
        (one(control="ssh-key-only"), 2, "ssh-key-only"),
        (one(kind="portable"), 7, "laptop, office_pc, gateway"),
        (one(endpoints="[essai-portable-9]"), 7, "essai-portable-9"),
        (one(kind="laptop", endpoints="[essai-portable-1]"), 7, ""),
        (one(expiry="never"), 7, "expiry"),
        (one() + one(), 7, "waivers"),
        ("- control: x\n", 1, ""),
    ],
)
def test_what_is_wrong_is_said_with_its_place(workspace: Workspace, text: str, line: int, said: str) -> None:
    found = problems(workspace, text)
    assert [place for place, _column, _message in found] == [line]
    assert said in found[0][2]


@pytest.mark.parametrize("days", [0, LONGEST_DAYS])
def test_a_single_day_and_three_years_are_taken(workspace: Workspace, days: int) -> None:
    last = date(2026, 11, 1) + timedelta(days)
    file_of(workspace, one(until=f'"{last}"'))
    assert [item.until for item in waiver_file.load(workspace, load_fleet(workspace, "essai"), NOW)] == [last]


def test_a_day_more_than_three_years_is_too_long(workspace: Workspace) -> None:
    [(line, _column, said)] = problems(workspace, one(until=f'"{date(2026, 11, 1) + timedelta(LONGEST_DAYS + 1)}"'))
    assert (line, "until" in said) == (2, True)


def test_history_may_speak_of_what_is_gone(workspace: Workspace) -> None:
    gone = one(control="a-control-of-old", endpoints="[a-laptop-of-old]", since='"2026-01-01"')
    file_of(workspace, gone.replace("2026-12-31", "2026-11-23"))
    assert len(waiver_file.load(workspace, load_fleet(workspace, "essai"), NOW)) == 1
    file_of(workspace, gone + '    revoked: {date: "2026-11-01", by: Odile}\n')
    assert len(waiver_file.load(workspace, load_fleet(workspace, "essai"), NOW)) == 1


FIELDS: dict[str, Any] = {
    **{"control": "ssh-root-login-refused", "reason": "a: b # c", "approver": "Odile Ferrand"},
    **{"since": "2026-11-24", "until": "2027-01-31"},
}


def test_adding_changes_nothing_else_in_the_file(workspace: Workspace) -> None:
    file_of(workspace, WRITTEN)
    fleet = load_fleet(workspace, "essai")
    after = waiver_file.add(workspace, fleet, {**FIELDS, "endpoints": ("essai-bureau-1", "essai-bureau-2")}, NOW)
    assert after.startswith(WRITTEN)
    assert file_of(workspace).read_text(encoding="utf-8") == after
    added = waiver_file.load(workspace, fleet, NOW)[-1]
    assert (added.reason, added.endpoints) == ("a: b # c", ("essai-bureau-1", "essai-bureau-2"))


@pytest.mark.parametrize("before", [None, "", "# rien encore", "waivers: []\n"])
def test_the_first_waiver_makes_the_file(workspace: Workspace, before: str | None) -> None:
    file_of(workspace, before)
    fleet = load_fleet(workspace, "essai")
    waiver_file.add(workspace, fleet, FIELDS, NOW)
    assert len(waiver_file.load(workspace, fleet, NOW)) == 1
    assert (
        file_of(workspace).read_text(encoding="utf-8").startswith(before if before == "# rien encore" else "waivers:")
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"control": "no-such-control"}, "no-such-control"),
        ({"until": "2036-01-31"}, "until"),
        ({"endpoints": ("nobody",)}, "nobody"),
        ({"reason": "{{ 7 * 7 }}"}, "{{"),
        ({"approver": "a\x1b[2J"}, "U\\+001B"),
    ],
)
def test_a_bad_waiver_leaves_the_file_as_it_was(workspace: Workspace, changes: dict[str, Any], said: str) -> None:
    file_of(workspace, WRITTEN)
    with pytest.raises(BadInputError, match=said):
        waiver_file.add(workspace, load_fleet(workspace, "essai"), {**FIELDS, **changes}, NOW)
    assert file_of(workspace).read_text(encoding="utf-8") == WRITTEN


def test_the_same_waiver_twice_is_refused_and_a_later_end_is_taken(workspace: Workspace) -> None:
    fleet = load_fleet(workspace, "essai")
    waiver_file.add(workspace, fleet, FIELDS, NOW)
    with pytest.raises(BadInputError):
        waiver_file.add(workspace, fleet, FIELDS, NOW)
    waiver_file.add(workspace, fleet, {**FIELDS, "until": "2027-02-28"}, NOW)
    assert len(waiver_file.load(workspace, fleet, NOW)) == 2


def test_revoking_keeps_the_history_and_needs_to_know_which(workspace: Workspace) -> None:
    file_of(workspace, WRITTEN)
    fleet, said = load_fleet(workspace, "essai"), {"date": "2026-11-24", "by": "Hugo Marchal"}
    with pytest.raises(BadInputError, match="--kind"):
        waiver_file.revoke(workspace, fleet, "ssh-keys-only", said, NOW)
    after = waiver_file.revoke(workspace, fleet, "ssh-keys-only", said, NOW, scope=("office_pc", ()))
    line = '    revoked: {date: "2026-11-24", by: Hugo Marchal}\n'
    assert after == WRITTEN.replace('    until: "2026-12-31"\n', '    until: "2026-12-31"\n' + line)
    assert waiver_file.load(workspace, fleet, NOW)[0].standing(NOW) is Standing.REVOKED
    with pytest.raises(BadInputError, match="ssh-keys-only"):
        waiver_file.revoke(workspace, fleet, "ssh-keys-only", said, NOW, scope=(None, ()))


def test_the_command_adds_lists_and_revokes(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["-w", str(workspace.root), "-c", "essai"]
    add = ["waiver", "add", "ssh-keys-only", *where, "--reason", "parce que", "--approver", "Odile"]
    assert command_line(add) == ExitCode.USAGE  # no expiry
    assert command_line([*add, "--until", "2020-01-01"]) == ExitCode.BAD_INPUT
    assert not file_of(workspace).exists()
    assert command_line([*add, "--until", "2020-01-01", "--since", "2019-12-01"]) == 0
    soon = str(datetime.now(UTC).year + 1)
    assert command_line([*add, "--until", f"{soon}-01-31", "--kind", "laptop", "--dry-run"]) == 0
    assert command_line([*add, "--until", f"{soon}-01-31", "--kind", "laptop"]) == 0
    capsys.readouterr()
    assert command_line(["waiver", "list", "-w", str(workspace.root), "-f", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(item["standing"], item["kind"]) for item in listed] == [("expired", None), ("active", "laptop")]
    assert command_line(["waiver", "revoke", "ssh-keys-only", *where, "--by", "Hugo"]) == ExitCode.BAD_INPUT
    assert command_line(["waiver", "revoke", "ssh-keys-only", *where, "--by", "Hugo", "--kind", "laptop"]) == 0
    capsys.readouterr()
    assert command_line(["waiver", "list", "-w", str(workspace.root), "--all"]) == 0
    assert "Hugo" in capsys.readouterr().out


def test_the_command_wants_one_commune(workspace: Workspace) -> None:
    arguments = ["waiver", "add", "ssh-keys-only", "-w", str(workspace.root), "--reason", "r", "--approver", "a"]
    assert command_line([*arguments, "--until", "2027-01-31"]) == ExitCode.USAGE


def test_validating_the_inventory_reads_them_too(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    validate = ["inventory", "validate", "-w", str(workspace.root)]
    assert command_line(validate) == ExitCode.OK
    file_of(workspace, one(until=None))
    capsys.readouterr()
    assert command_line(validate) == ExitCode.BAD_INPUT
    assert "waivers.yml:2:5" in capsys.readouterr().err
