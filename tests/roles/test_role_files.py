"""Every role keeps the house rules: one home for each value and meaning, few variables, short task files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.playbook.block import Block
from ansible.playbook.task import Task

from toolkit.paths import roles_dir

MAXIMUM_VARIABLES = 25
MAXIMUM_TASK_LINES = 60
OUR_ACTIONS = {"config_files"}
# What a task may say besides the module it runs.
KEYWORDS = set(Task.fattributes) | set(Block.fattributes)

ROLES = sorted(path for path in roles_dir().iterdir() if path.is_dir())


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def _tasks(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield item
        for part in ("block", "rescue", "always"):
            yield from _tasks(item.get(part) or [])


def _task_files(role: Path) -> list[Path]:
    return [*sorted((role / "tasks").glob("*.yml")), *sorted((role / "handlers").glob("*.yml"))]


each_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


@each_role
def test_defaults_and_argument_specs_have_the_same_keys(role: Path) -> None:
    defaults = _yaml(role / "defaults" / "main.yml")
    options = _yaml(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    assert set(defaults) == set(options)


@each_role
def test_public_variables_bear_the_role_s_name_and_are_few(role: Path) -> None:
    defaults = _yaml(role / "defaults" / "main.yml")
    assert [key for key in defaults if not key.startswith(f"{role.name}_")] == []
    assert len(defaults) <= MAXIMUM_VARIABLES


@each_role
def test_private_variables_are_marked_as_such(role: Path) -> None:
    for path in (role / "vars").glob("*.yml"):
        assert [key for key in _yaml(path) if not key.startswith(f"__{role.name}_")] == [], path


@each_role
def test_a_value_has_one_home(role: Path) -> None:
    """The specification says type and meaning; a default there would be a second home of the value."""
    options = _yaml(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    assert [key for key, option in options.items() if "default" in option] == []
    assert [key for key, option in options.items() if not option.get("description") or not option.get("type")] == []


@each_role
def test_defaults_are_plain_data_so_the_audit_judges_by_the_same_values(role: Path) -> None:
    text = (role / "defaults" / "main.yml").read_text(encoding="utf-8")
    assert not re.search(r"{{|{%", text)


@each_role
def test_role_has_a_readme_and_metadata(role: Path) -> None:
    assert len((role / "README.md").read_text(encoding="utf-8").split()) > 50
    information = _yaml(role / "meta" / "main.yml")["galaxy_info"]
    assert information["license"] == "EUPL-1.2"
    assert information["min_ansible_version"]
    assert {"bookworm", "trixie"} <= {
        version for platform in information["platforms"] for version in platform["versions"]
    }


@each_role
def test_readme_names_every_variable(role: Path) -> None:
    text = (role / "README.md").read_text(encoding="utf-8")
    assert [key for key in _yaml(role / "defaults" / "main.yml") if key not in text] == []


@each_role
def test_only_builtin_modules_and_config_files_are_used(role: Path) -> None:
    used = {
        key
        for path in _task_files(role)
        for task in _tasks(_yaml(path))
        for key in task
        if key not in KEYWORDS and not key.startswith("loop")
    }
    assert {name for name in used if not name.startswith("ansible.builtin.")} <= OUR_ACTIONS


@each_role
def test_no_vendor_file_is_edited_in_place(role: Path) -> None:
    edited = re.compile(r"ansible\.builtin\.(lineinfile|blockinfile|replace):|sed -i|sed --in-place")
    assert [path.name for path in _task_files(role) if edited.search(path.read_text(encoding="utf-8"))] == []


@each_role
def test_task_files_are_short_and_every_task_has_a_sentence(role: Path) -> None:
    for path in _task_files(role):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MAXIMUM_TASK_LINES, path
        unnamed = [task for task in _tasks(_yaml(path)) if not str(task.get("name", ""))[:1].isupper()]
        assert unnamed == [], path


@each_role
def test_main_is_a_table_of_contents_with_tags(role: Path) -> None:
    for entry in _yaml(role / "tasks" / "main.yml"):
        module = next(key for key in entry if key not in KEYWORDS)
        assert module.rpartition(".")[2] in {"import_tasks", "include_tasks", "import_role", "include_role"}, entry
        assert role.name in entry.get("tags", []), entry


def test_there_are_roles_to_check() -> None:
    assert {"base", "accounts", "ssh", "updates", "firewall"} <= {role.name for role in ROLES}
