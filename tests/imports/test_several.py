"""Several lists as one: a folder of agents' inventories, files beside each other."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tests.imports.agent_samples import FUSION, OCS, in_json
from toolkit.errors import BadInputError
from toolkit.imports.several import read_all


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "computer" / "00").mkdir(parents=True)
    (tmp_path / "computer" / "00" / "a.json").write_bytes(in_json())
    (tmp_path / "etat-civil-2026-11-20.ocs").write_text(FUSION, encoding="utf-8")
    (tmp_path / "maire.xml").write_text(OCS, encoding="utf-8")
    (tmp_path / "lisez-moi.txt").write_text("bonjour", encoding="utf-8")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "old.xml").write_text("<old/>", encoding="utf-8")
    return tmp_path


def test_a_folder_is_one_machine_a_file(folder: Path) -> None:
    reading = read_all([folder])
    assert {machine.name for machine in reading.machines} == {"pc-accueil", "ETAT-CIVIL-02", "portable-maire"}
    assert [Path(place.file).name for place, _reason in reading.left_aside] == ["lisez-moi.txt"]
    assert not reading.problems
    assert len(reading.columns) == len(set(reading.columns))


def test_of_one_machine_the_newest_inventory_is_kept(folder: Path) -> None:
    newer = FUSION.replace("OptiPlex 7090", "OptiPlex 7000")
    (folder / "etat-civil-2026-11-21.ocs").write_text(newer, encoding="utf-8")
    reading = read_all([folder])
    (kept,) = (machine for machine in reading.machines if machine.name == "ETAT-CIVIL-02")
    assert kept.model == "Dell Inc. OptiPlex 7000"
    assert "etat-civil-2026-11-20.ocs" in {Path(place.file).name for place, _reason in reading.left_aside}


def test_two_machines_of_one_name_are_two(folder: Path) -> None:
    (folder / "other.ocs").write_text(FUSION.replace("7XK2QL3", "8YL3RM4"), encoding="utf-8")
    (folder / "third.ocs").write_text(FUSION.replace("7XK2QL3", "None").replace("6D:11", "6D:12"), encoding="utf-8")
    names = [machine.name for machine in read_all([folder]).machines]
    assert names.count("ETAT-CIVIL-02") == 3


def test_every_file_that_is_wrong_is_named_in_one_run(folder: Path) -> None:
    (folder / "broken.json").write_text("{", encoding="utf-8")
    (folder / "empty.xml").write_text("", encoding="utf-8")
    (folder / "other.xml").write_text("<html/>", encoding="utf-8")
    reading = read_all([folder])
    assert {Path(problem.file).name for problem in reading.problems} == {"broken.json", "empty.xml", "other.xml"}
    assert len(reading.machines) == 3
    assert not any(problem.message.startswith(str(folder)) for problem in reading.problems)


def test_files_named_one_by_one(folder: Path) -> None:
    reading = read_all([folder / "maire.xml", folder / "computer" / "00" / "a.json"])
    assert [machine.name for machine in reading.machines] == ["portable-maire", "pc-accueil"]


def test_a_folder_without_inventories_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"no inventory|aucun inventaire"):
        read_all([tmp_path])


def test_links_are_not_followed_round_in_circles(folder: Path) -> None:
    (folder / "circle").symlink_to(folder)
    assert len(read_all([folder]).machines) == 3


def test_inventories_are_no_list_of_the_whole_park(folder: Path) -> None:
    # Columns that are read make a table, and what a table does not name is missing from the park.
    assert not [column for column in read_all([folder]).columns if column.field]


def test_a_folder_that_cannot_be_read_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = os.scandir

    def refused(path: str) -> Any:  # chmod refuses root nothing
        if str(path).endswith("/computer"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(BadInputError, match="computer"):
        read_all([folder])
