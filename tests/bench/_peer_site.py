"""The peer of the laptop site: the same playbooks and roles, with one `template` task for each file."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from toolkit.paths import playbooks_dir, roles_dir

Task = dict[str, Any]
# (task file below roles/, name of the task) → the files it gave to `config_files`, as that action takes them, rendered
Calls = dict[tuple[str, str], list[dict[str, Any]]]


def calls(record: Path) -> Calls:
    """Read what the recording plugin kept."""
    found: Calls = {}
    for line in record.read_text(encoding="utf-8").splitlines():
        call = json.loads(line)
        key = (str(Path(call["place"]).relative_to(roles_dir())), call["task"])
        found[key] = call["files"]
    return found


def write(folder: Path, given: Calls) -> tuple[Path, int]:
    """Write the peer into `folder`; return its `site.yml` and how many tasks took the place of `config_files`.

    Every expected call must be found in the roles, else RuntimeError: the peer would do less than ours.
    """
    shutil.copytree(roles_dir(), folder / "roles")
    shutil.copytree(playbooks_dir(), folder / "playbooks")
    (folder / "files").mkdir()
    used: set[tuple[str, str]] = set()
    count = 0
    for path in sorted((folder / "roles").glob("*/tasks/*.yml")):
        name = str(path.relative_to(folder / "roles"))
        tasks = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        for task in _each(tasks):
            if "config_files" in task and (name, task["name"]) in given:
                used.add((name, task["name"]))
                count += _replace(task, given[name, task["name"]], folder / "files")
        path.write_text(yaml.safe_dump(tasks, sort_keys=False, allow_unicode=True), encoding="utf-8")
    if missing := set(given) - used:
        raise RuntimeError(f"the peer has no task for {sorted(missing)}")
    return folder / "playbooks" / "site.yml", count


def _each(tasks: list[Task]) -> Iterator[Task]:
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from _each(task.get(part) or [])


def _replace(task: Task, files: list[dict[str, Any]], folder: Path) -> int:
    """Turn a `config_files` task into a block of tasks, one per file; what it registered says that nothing changed."""
    del task["config_files"]
    task.pop("notify", None)
    block = [_one(entry, folder) for entry in files]
    count = len(block)
    if register := task.pop("register", None):
        unchanged = {register: {"changed": False, "changed_files": []}}
        block.append({"name": "Say that nothing changed", "ansible.builtin.set_fact": unchanged})
    task["block"] = block
    return count


def _one(entry: dict[str, Any], folder: Path) -> Task:
    dest, state = entry["dest"], entry.get("state", "present")
    rights = {"owner": entry.get("owner", "root"), "group": entry.get("group", "root")}
    if state == "absent":
        return {"name": f"No {dest}", "ansible.builtin.file": {"path": dest, "state": "absent"}}
    if state == "directory":
        place = {"path": dest, "state": "directory", "mode": entry.get("mode", "0755")} | rights
        return {"name": f"Folder {dest}", "ansible.builtin.file": place}
    source = folder / f"{len(list(folder.iterdir()))}.j2"
    source.write_bytes(b"{% raw %}" + base64.b64decode(entry["data"]) + b"{% endraw %}")
    place = {"src": str(source), "dest": dest, "mode": entry.get("mode", "0644")} | rights
    return {"name": f"File {dest}", "ansible.builtin.template": place}
