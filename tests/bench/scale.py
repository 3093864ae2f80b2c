"""10,000 posts: fleet files checked and turned into inventories, and what Ansible then needs to read them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench import Row, _plain_hosts, compare
from tests.bench.generate import fleet_of
from tests.fleet import sample
from toolkit.fleet import addresses, load_all
from toolkit.workspace import Workspace

POSTS = 10_000
GOAL_PARSE = 3.0
GOAL_GROWTH = 12.0
GOAL_MEMORY = 600.0  # MB
GOAL_LOAD = 1 / 3
GOAL_LOAD_MEMORY = 1 / 2
_COMMUNES = 200
_ROUNDS = 3


class Spent(NamedTuple):
    """Processor seconds (user and system) and the highest memory, in MB, of one process."""

    seconds: float
    memory: float


def spent(command: list[str], output: Path, **environment: str) -> Spent:
    """Run a command, its output to a file, and return what it took."""
    with output.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, env={**os.environ, **environment})
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Spent(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _work(which: str, workspace: Workspace, output: Path) -> Spent:
    """Return the seconds that the work itself took, without Python's start, and the memory of all."""
    memory = spent([sys.executable, "-m", "tests.bench._scale_work", which, str(workspace.root)], output).memory
    return Spent(float(output.read_text()), memory)


def _best(works: Mapping[str, tuple[str, Workspace]], output: Path) -> dict[str, Spent]:
    """Do all works in turns, so that whatever else the machine does disturbs all alike; keep the least of each."""
    rounds = [
        {name: _work(which, place, output) for name, (which, place) in works.items()} for _round in range(_ROUNDS)
    ]
    return {
        name: Spent(min(one[name].seconds for one in rounds), max(one[name].memory for one in rounds)) for name in works
    }


def _fleets(folder: Path) -> list[Row]:
    """Check and generate one large commune, many small ones, and one of a tenth."""
    many = {f"c{index}": fleet_of(POSTS // _COMMUNES, f"c{index}", index) for index in range(_COMMUNES)}
    large = sample.workspace(folder / "large", grande=fleet_of(POSTS))
    several = sample.workspace(folder / "several", **many)
    tenth = sample.workspace(folder / "tenth", grande=fleet_of(POSTS // 10))
    output = folder / "seconds"
    best = _best(
        {
            "large": ("ours", large),
            "tenth": ("ours", tenth),
            "several": ("ours", several),
            "large parsed": ("peer", large),
            "several parsed": ("peer", several),
        },
        output,
    )
    ours, seconds = best["large"], {name: one.seconds for name, one in best.items()}
    what = f"inventory validate + generate, {POSTS} posts"
    return [
        compare(f"{what} / PyYAML C load once", ours.seconds, seconds["large parsed"], GOAL_PARSE),
        compare(
            f"{what} in {_COMMUNES} communes / the same", seconds["several"], seconds["several parsed"], GOAL_PARSE
        ),
        compare(f"{what} / {POSTS // 10} posts", ours.seconds, seconds["tenth"], GOAL_GROWTH),
        compare(f"{what}, memory / {GOAL_MEMORY:.0f} MB", ours.memory, GOAL_MEMORY, 1.0, "MB"),
    ]


def _loading(folder: Path) -> list[Row]:
    """Let Ansible list 10,000 hosts, with no configuration: from hosts.yml, and from the plain inventory."""
    workspace = sample.workspace(folder / "half", grande=fleet_of(POSTS // 2))
    _work("ours", workspace, folder / "seconds")
    commune = workspace.commune("grande")
    config, (fleet,) = load_all(workspace, ["grande"])
    known = addresses.load(commune.addresses, fleet)
    plain = commune.root / "plain.yml"
    plain.write_text(_plain_hosts.render(workspace, config, fleet, known), encoding="utf-8")
    (folder / "ansible.cfg").touch()
    program = str(Path(sys.executable).with_name("ansible-inventory"))
    ours, peer = (
        spent([program, "-i", str(path), "--list"], folder / path.stem, ANSIBLE_CONFIG=str(folder / "ansible.cfg"))
        for path in (commune.hosts, plain)
    )
    what = f"ansible-inventory --list, {len(fleet.endpoints)} hosts, hosts.yml / plain YAML"
    return [
        compare(what, ours.seconds, peer.seconds, GOAL_LOAD),
        compare(f"{what}, memory", ours.memory, peer.memory, GOAL_LOAD_MEMORY, "MB"),
    ]


def run() -> list[Row]:
    """Measure both; a few minutes, most of them the plain inventory's."""
    with tempfile.TemporaryDirectory() as name:
        return [*_fleets(Path(name)), *_loading(Path(name))]
