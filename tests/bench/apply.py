"""Setting a compliant laptop up again: against one `template` task per file, and against a public hardening collection.

A lab of its own: one gateway and one laptop, applied once. `NOMADE_SITE` names the workspace of a running, applied lab
instead; the collection then changes its laptop. `NOMADE_BENCH_COLLECTIONS` names a folder with `ansible_collections/`
that holds devsec.hardening and the collections it needs; without it that row is left out, and it is said.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import Row, compare
from tests.bench._peer_site import Calls, calls, write
from tests.conftest import run_nomade
from toolkit import paths
from toolkit.lab.machines import Lab
from toolkit.lab.readdress import free_block, readdress
from toolkit.workspace import Workspace

COMMUNE, LAPTOP = "pontlierre", "pontlierre-portable-1"
GOAL_SITE, GOAL_SETTING = 1 / 3, 1 / 5
_ROUNDS = 2
_PLUGINS = Path(__file__).parent / "plugins"
# Its checker of passwords is a package that no lab holds: that one setting is left out, for it alone.
_COLLECTION = """\
- hosts: all
  become: true
  vars: {os_auth_pam_passwdqc_enable: false}
  tasks:
    - ansible.builtin.include_role: {name: devsec.hardening.os_hardening}
"""
# Actions that only read, decide or compute: they enforce nothing by themselves, whoever's they are.
_NO_SETTING = {
    "assert",
    "command",
    "debug",
    "fail",
    "find",
    "getent",
    "meta",
    "package_facts",
    "service_facts",
    "set_fact",
}
_NO_SETTING |= {
    "gather_facts",
    "validate_argument_spec",
    "setup",
    "shell",
    "slurp",
    "stat",
    "wait_for",
    "include_role",
    "include_tasks",
    "include_vars",
}


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of a playbook: wall time in seconds, and what the callback kept of each task."""

    wall: float
    tasks: list[dict[str, Any]]

    @property
    def changed(self) -> list[str]:
        """Names of the tasks that changed something."""
        return [task["task"] for task in self.tasks if task["changed"]]

    def seconds(self, *actions: str) -> float:
        """Return the time spent in tasks of these actions."""
        return sum(float(task["seconds"]) for task in self.tasks if task["action"] in actions)


def run() -> list[Row]:
    """Measure and return the rows. Raises RuntimeError when a run fails or one that should change nothing does."""
    with tempfile.TemporaryDirectory(prefix="nomade-bench-") as name, _site(Path(name)) as lab:
        folder = Path(name)
        files = _recorded(lab, folder)
        ours, rows = _against_templates(lab, folder, files)
        return rows + _against_collection(lab, folder, ours, files)


@contextlib.contextmanager
def _site(folder: Path) -> Iterator[Lab]:
    """Give a lab whose laptop is as it should be."""
    if kept := os.environ.get("NOMADE_SITE"):
        yield Lab(Workspace(Path(kept)))
        return
    lab = Lab(readdress(paths.demo_dir(), folder / "workspace", free_block()))
    try:
        lab.up([machine.name for machine in lab.plan().machines if machine.commune == COMMUNE])
        keys = lab.workspace.state / "lab"
        known = ("--known-hosts", str(keys / "known_hosts"), "--key", str(keys / "bootstrap_ed25519"))
        for words in (["inventory", "generate"], ["enroll", "-c", COMMUNE, *known], ["apply", "-c", COMMUNE]):
            done = run_nomade(lab.workspace, *words)
            if done.returncode != 0:
                raise RuntimeError(f"nomade {words[0]}: {done.returncode}: {done.stderr[-1000:]}")
        yield lab
    finally:
        lab.down()


def _recorded(lab: Lab, folder: Path) -> Calls:
    """Return what `config_files` is given on the laptop."""
    record = folder / "files.jsonl"
    _play(lab, folder, _site_yml(), NOMADE_BENCH_FILES=str(record), ANSIBLE_ACTION_PLUGINS=str(_PLUGINS))
    return calls(record)


def _site_yml() -> Path:
    return paths.playbooks_dir() / "site.yml"


def _against_templates(lab: Lab, folder: Path, files: Calls) -> tuple[Pass, list[Row]]:
    site = _site_yml()
    peer, count = write(folder / "peer", files)
    _play(lab, folder, peer, roles=peer.parents[1] / "roles")  # what it does a little differently, once
    ours, theirs = [], []
    for _round in range(_ROUNDS):
        ours.append(_play(lab, folder, site))
        theirs.append(_play(lab, folder, peer, roles=peer.parents[1] / "roles"))
        print(f"again {ours[-1].wall:.1f} s, one task for each file {theirs[-1].wall:.1f} s", file=sys.stderr)
    for done in (*ours[1:], *theirs):
        if done.changed:
            raise RuntimeError(f"a run that should change nothing did: {done.changed}")
    best, other = (min(passes, key=lambda one: one.wall) for passes in (ours, theirs))
    _print_profile(best)
    alone = best.seconds("config_files"), other.seconds("template", "file")
    return best, [
        compare(f"laptop site again / one task for each of its {count} files", best.wall, other.wall, GOAL_SITE),
        compare("  the files alone", *alone, GOAL_SITE),
    ]


def _against_collection(lab: Lab, folder: Path, ours: Pass, files: Calls) -> list[Row]:
    collections = os.environ.get("NOMADE_BENCH_COLLECTIONS", "")
    if not (Path(collections) / "ansible_collections" / "devsec" / "hardening").is_dir() or not collections:
        print(
            "apply: devsec.hardening was not measured: NOMADE_BENCH_COLLECTIONS names no folder with"
            " ansible_collections/devsec/hardening",
            file=sys.stderr,
        )
        return []
    playbook = folder / "collection.yml"
    playbook.write_text(_COLLECTION, encoding="utf-8")
    written = {entry["dest"] for call in files.values() for entry in call if entry.get("state") != "absent"}
    own = settings(lab, ours, written)  # before the collection touches any file
    for _first_changes in range(2):
        theirs = _play(lab, folder, playbook, ANSIBLE_COLLECTIONS_PATH=collections)
    other = settings(lab, theirs, set())
    print(f"{own} settings in {ours.wall:.1f} s, devsec.hardening {other} settings in {theirs.wall:.1f} s")
    name = "  per setting / devsec.hardening.os_hardening"
    return [compare(name, 1000 * ours.wall / own, 1000 * theirs.wall / other, GOAL_SETTING, "ms")]


def settings(lab: Lab, done: Pass, files: set[str]) -> int:
    """Return how many settings a run enforced: each directive of a file it writes whole, else each item it handled.

    `files` are those that went through `config_files`. A program is one setting, however long. Both sides are counted
    by this.
    """
    count, written = 0, set(files)
    for task in done.tasks:
        if task["action"] in ("template", "copy"):
            written |= {item["dest"] for item in task["items"] if item["dest"]}
        elif task["action"] not in _NO_SETTING | {"config_files"}:
            count += sum(item["names"] for item in task["items"])
    return count + sum(_directives(lab, path) for path in written)


def _directives(lab: Lab, path: str) -> int:
    found = lab.exec(LAPTOP, ["sh", "-c", f"test ! -x {shlex.quote(path)} && cat {shlex.quote(path)}"])
    lines = [line.strip() for line in found.stdout.decode(errors="replace").splitlines()]
    return max(1, sum(1 for line in lines if line and not line.startswith(("#", ";", "//", "}", "["))))


def _play(lab: Lab, folder: Path, playbook: Path, roles: Path | None = None, **environment: str) -> Pass:
    """Run a playbook on the laptop as `nomade apply` does. Raises RuntimeError when it fails."""
    said = run_nomade(lab.workspace, "apply", "-c", COMMUNE, "-l", LAPTOP, "--eval").stdout
    words = shlex.split(said.strip().splitlines()[-1])
    own = dict(word.split("=", 1) for word in words if "=" in word and not word.startswith("-"))
    command = [word for word in words[len(own) :] if not word.endswith("site.yml")] + [str(playbook)]
    results = folder / "results.jsonl"
    results.unlink(missing_ok=True)
    own |= {"ANSIBLE_CALLBACK_PLUGINS": str(_PLUGINS), "NOMADE_BENCH_RESULTS": str(results)} | environment
    own |= {"ANSIBLE_ROLES_PATH": str(roles)} if roles else {}
    started = time.monotonic()
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False, timeout=1800)
    wall = time.monotonic() - started
    if done.returncode != 0:
        raise RuntimeError(f"{playbook}: {done.returncode}: {done.stdout[-2000:]}{done.stderr[-500:]}")
    return Pass(wall, [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()])


def _print_profile(done: Pass) -> None:
    """Print where the time of a run went, by kind of task."""
    spent: dict[str, tuple[int, float]] = {}
    for task in done.tasks:
        count, seconds = spent.get(task["action"], (0, 0.0))
        spent[task["action"]] = (count + 1, seconds + task["seconds"])
    print(f"laptop site again: {done.wall:.1f} s, of which in tasks:")
    for action, (count, seconds) in sorted(spent.items(), key=lambda item: -item[1][1]):
        print(f"  {action:<20} {count:>3} tasks  {seconds:6.2f} s")
