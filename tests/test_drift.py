"""What fleet.yml says, what was generated, what was applied: where they differ, and only there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import run_nomade
from tests.fleet import sample
from tests.fleet.conftest import _english as _english
from toolkit import drift, inventory
from toolkit.drift import Stage
from toolkit.errors import BadInputError
from toolkit.workspace import Workspace

ALL = ("essai-passerelle", "essai-portable-1", "essai-portable-2", "essai-bureau-1", "essai-bureau-2")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = sample.workspace(tmp_path / "w", essai=sample.FLEET)
    inventory.generate(made, "essai")
    drift.record(made, "essai", ALL)
    return made


def change(workspace: Workspace, old: str, new: str) -> None:
    path = workspace.commune("essai").fleet
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def said(workspace: Workspace, stage: Stage) -> dict[str, str]:
    found = drift.compare(workspace, ["essai"])
    return {one.endpoint: " | ".join(one.details) for one in found if one.stage is stage}


def test_after_an_apply_all_agree(workspace: Workspace) -> None:
    assert drift.compare(workspace, ["essai"]) == []


def test_a_change_is_shown_until_it_is_generated_and_then_until_it_is_applied(workspace: Workspace) -> None:
    change(workspace, "name: Anna Petit", "name: Anna Grand")
    line = 'nomade_teleworker: {"login": "anna", "name": "Anna Petit"} → {"login": "anna", "name": "Anna Grand"}'
    expected = {"essai-portable-1": line, "essai-bureau-1": line}
    assert said(workspace, Stage.GENERATED) == expected
    assert said(workspace, Stage.APPLIED) == expected
    inventory.generate(workspace, "essai")
    assert said(workspace, Stage.GENERATED) == {}
    assert said(workspace, Stage.APPLIED) == expected
    drift.record(workspace, "essai", ["essai-portable-1"])
    assert list(said(workspace, Stage.APPLIED)) == ["essai-bureau-1"]
    drift.record(workspace, "essai", ["essai-bureau-1"])
    assert drift.compare(workspace, ["essai"]) == []


def test_machines_that_come_and_go_are_shown(workspace: Workspace) -> None:
    change(workspace, "name: essai-portable-2", "name: essai-portable-9")
    change(workspace, "laptop: essai-portable-2", "laptop: essai-portable-9")
    applied = said(workspace, Stage.APPLIED)
    assert applied["essai-portable-9"] == "never applied"
    assert applied["essai-portable-2"] == "no longer in fleet.yml"
    assert "nomade_peers: +essai-portable-9 -essai-portable-2" in applied["essai-passerelle"]


def test_moving_from_the_bench_to_the_gateway_is_no_difference(workspace: Workspace) -> None:
    from tests.imports.lists import TODAY

    workspace.commune("essai").enrolment.write_text(
        f'essai-portable-1: {{enrolled: "{TODAY}", host_key: "SHA256:x", path: gateway}}\n', encoding="utf-8"
    )
    assert said(workspace, Stage.APPLIED) == {}
    assert said(workspace, Stage.GENERATED) == {"hosts.yml": "written differently"}


def test_before_anything_was_generated_or_applied(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path / "w", essai=sample.FLEET)
    assert set(said(workspace, Stage.GENERATED).values()) == {"not generated yet"}
    assert set(said(workspace, Stage.APPLIED).values()) == {"never applied"}
    assert not workspace.commune("essai").hosts.exists()


def test_the_record_is_private(workspace: Workspace) -> None:
    path = workspace.state / "applied" / "essai.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"x": 1}', '{"x": {"applied": "", "digest": "", "variables": {}}}'])
def test_a_damaged_record_is_no_agreement(workspace: Workspace, damage: str) -> None:
    (workspace.state / "applied" / "essai.json").write_text(damage, encoding="utf-8")
    with pytest.raises(BadInputError, match="damaged"):
        drift.compare(workspace, ["essai"])


def test_a_record_that_was_altered_is_damaged(workspace: Workspace) -> None:
    path = workspace.state / "applied" / "essai.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    entries["essai-portable-1"]["variables"]["nomade_kind"] = "office_pc"
    path.write_text(json.dumps(entries), encoding="utf-8")
    with pytest.raises(BadInputError, match="damaged"):
        drift.compare(workspace, ["essai"])


def test_a_damaged_record_is_written_anew_by_the_next_apply(workspace: Workspace) -> None:
    (workspace.state / "applied" / "essai.json").write_text("{", encoding="utf-8")
    drift.record(workspace, "essai", ALL)
    assert drift.compare(workspace, ["essai"]) == []


@pytest.mark.parametrize("damage", ["[1]", "{", "all: [", '{"all": {"hosts": 3}}', '{"all": {"children": {"a": "b"}}}'])
def test_a_damaged_inventory_is_told(workspace: Workspace, damage: str) -> None:
    workspace.commune("essai").hosts.write_text(damage, encoding="utf-8")
    with pytest.raises(BadInputError, match="nomade inventory generate"):
        drift.compare(workspace, ["essai"])


def test_variables_nearer_to_a_host_win(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yml"
    groups = "x: {vars: {b: 2}, hosts: {h: {c: 3}}}, y: {hosts: {h: }}"
    path.write_text(f"all: {{vars: {{a: 1, b: 1, ansible_port: 2}}, children: {{{groups}}}}}\n", encoding="utf-8")
    assert drift.variables(path)["h"] == {"a": 1, "b": 2, "c": 3}


def test_the_command_ends_with_two_when_they_differ(workspace: Workspace) -> None:
    same = run_nomade(workspace, "inventory", "diff")
    assert (same.returncode, same.stdout) == (0, "Fleet, generated inventory and applied state agree.\n")
    change(workspace, "name: Anna Petit", "name: Anna Grand")
    differ = run_nomade(workspace, "inventory", "diff", "-c", "essai")
    assert differ.returncode == 2
    assert "essai-portable-1" in differ.stdout
