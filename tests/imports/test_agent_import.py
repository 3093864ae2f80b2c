"""A folder of agents' inventories given to `nomade inventory import`: what comes into fleet.yml, what never does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.imports.agent_samples import FUSION, OCS, document
from toolkit import paths
from toolkit.cli import run
from toolkit.errors import ExitCode
from toolkit.fleet import load
from toolkit.workspace import Workspace

COMMUNE, OTHER = "valsorbe", "pontlierre"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    root = tmp_path / "demo"
    shutil.copytree(paths.demo_dir(), root, ignore=shutil.ignore_patterns(".nomade"))
    monkeypatch.chdir(root)
    return Workspace(root)


@pytest.fixture
def inventories(workspace: Workspace, tmp_path: Path) -> Path:
    """A laptop in JSON and a fixed post in XML of one commune (by their tag), and a laptop of the other one."""
    folder = tmp_path / "inventories"
    folder.mkdir()
    names = {commune: load(workspace, commune).commune.name for commune in (COMMUNE, OTHER)}
    laptop = json.dumps(document() | {"tag": names[COMMUNE]})
    (folder / "a.json").write_text(laptop, encoding="utf-8")
    (folder / "b.ocs").write_text(FUSION.replace("Root &gt; CIG &gt; Val d'Aït", names[COMMUNE]), encoding="utf-8")
    (folder / "c.xml").write_text(OCS.replace(">NA<", f">{names[OTHER]}<"), encoding="utf-8")
    return folder


def test_machines_come_into_their_own_commune(workspace: Workspace, inventories: Path) -> None:
    before = {commune: load(workspace, commune) for commune in (COMMUNE, OTHER)}
    assert run(["inventory", "import", str(inventories)]) == ExitCode.OK
    fleet, other = load(workspace, COMMUNE), load(workspace, OTHER)
    (new,) = (laptop for laptop in fleet.laptops if laptop.serial == "PF3XK9T2")
    assert (new.model, new.mac) == ("LENOVO ThinkPad T14 Gen 3", "8c:8c:aa:01:02:03")
    assert [post.serial for post in fleet.fixed_posts] == ["7XK2QL3"]
    assert [laptop.serial for laptop in other.laptops if laptop.serial not in {"PL-P-0001"}] == ["5CD1234XYZ"]
    for commune, now in ((COMMUNE, fleet), (OTHER, other)):
        known = {endpoint.name for endpoint in before[commune].endpoints}
        assert known <= {endpoint.name for endpoint in now.endpoints}
        assert not [laptop for laptop in now.laptops if laptop.missing_since]  # an inventory is no list of the park


def test_nothing_personal_and_no_word_of_encryption_gets_in(workspace: Workspace, inventories: Path) -> None:
    assert run(["inventory", "import", str(inventories)]) == ExitCode.OK
    for commune in (COMMUNE, OTHER):
        text = workspace.commune(commune).fleet.read_text(encoding="utf-8").casefold()
        # Declared by the machine: no evidence, so nothing that could be taken for it.
        assert not [word for word in ("aïcha", "marguerite", "jean", "bitlocker", "encrypted") if word in text]


def test_a_second_import_changes_nothing(workspace: Workspace, inventories: Path) -> None:
    file = workspace.commune(COMMUNE).fleet
    assert run(["inventory", "import", str(inventories)]) == ExitCode.OK
    first = file.read_bytes()
    assert run(["inventory", "import", str(inventories)]) == ExitCode.OK
    assert file.read_bytes() == first


def test_one_broken_inventory_stops_everything(
    workspace: Workspace, inventories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = workspace.commune(COMMUNE).fleet.read_bytes()
    (inventories / "d.xml").write_text("<REQUEST><CONTENT>", encoding="utf-8")
    (inventories / "e.json").write_text("{", encoding="utf-8")
    assert run(["inventory", "import", str(inventories)]) == ExitCode.BAD_INPUT
    told = capsys.readouterr().err
    assert "d.xml:1:" in told
    assert "e.json:1:2:" in told
    assert workspace.commune(COMMUNE).fleet.read_bytes() == before
