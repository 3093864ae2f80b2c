"""The peer of the laptop site does what ours does: one task per file, nothing left out without a word."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bench._peer_site import write
from toolkit.paths import roles_dir

PLACE = "kernel/tasks/files.yml"
FILES: list[dict[str, Any]] = [
    {"dest": "/etc/a", "mode": "0640", "data": base64.b64encode(b"a {{ b }}\n").decode()},
    {"dest": "/etc/b", "state": "absent"},
    {"dest": "/etc/c", "state": "directory"},
]


def name_of_task() -> str:
    tasks = yaml.safe_load((roles_dir() / PLACE).read_text(encoding="utf-8"))
    return next(str(task["name"]) for task in tasks if "config_files" in task)


def test_each_file_is_a_task_of_its_own_with_the_text_as_it_was_rendered(tmp_path: Path) -> None:
    site, count = write(tmp_path / "peer", {(PLACE, name_of_task()): FILES})
    assert site.is_file()
    assert count == len(FILES)
    tasks = yaml.safe_load((tmp_path / "peer" / "roles" / PLACE).read_text(encoding="utf-8"))
    made = next(task for task in tasks if task["name"] == name_of_task())
    assert "config_files" not in made
    template, absent, folder, registered = made["block"]
    given = template["ansible.builtin.template"]
    assert (given["dest"], given["mode"], given["owner"]) == ("/etc/a", "0640", "root")
    assert Path(given["src"]).read_text(encoding="utf-8") == "{% raw %}a {{ b }}\n{% endraw %}"
    assert absent["ansible.builtin.file"] == {"path": "/etc/b", "state": "absent"}
    assert folder["ansible.builtin.file"]["state"] == "directory"
    assert next(iter(registered["ansible.builtin.set_fact"].values())) == {"changed": False, "changed_files": []}


def test_a_call_that_no_role_makes_any_more_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no task for"):
        write(tmp_path / "peer", {(PLACE, "Some other task"): FILES})
