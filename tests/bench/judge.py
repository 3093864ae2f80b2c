"""Judging 10,000 endpoints from the store: processor per verdict, and memory, also against a tenth of them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.bench import Row, compare
from tests.bench.generate import fleet_of
from tests.bench.scale import spent
from tests.fleet import sample
from toolkit.workspace import Workspace

ENDPOINTS = 10_000
GOAL_MICROSECONDS = 60.0  # of processor for each verdict
GOAL_MEMORY = 400.0  # MB
# Nothing may be kept in memory for each endpoint but its facts (name, settings, teleworker).
GOAL_GROWTH = 3.0


class Judged(NamedTuple):
    """Microseconds of processor for each verdict, and the highest memory in MB."""

    microseconds: float
    memory: float


def _filled(folder: Path, endpoints: int) -> Workspace:
    """Return a workspace of one commune whose endpoints have been collected once: real outputs, 58 kB each."""
    workspace = sample.workspace(folder / str(endpoints), grande=fleet_of(endpoints // 2))
    command = [sys.executable, "-m", "tests.bench._judge_work", "fill", str(workspace.root)]
    subprocess.run(command, check=True)
    return workspace


def _judged(which: str, workspace: Workspace, folder: Path) -> Judged:
    output = folder / "said"
    command = [sys.executable, "-m", "tests.bench._judge_work", which, str(workspace.root)]
    memory = spent(command, output).memory
    seconds, verdicts = output.read_text(encoding="utf-8").split()
    return Judged(1e6 * float(seconds) / int(verdicts), memory)


def run() -> list[Row]:
    """Fill two stores and judge them, without and with keeping the result; some minutes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tenth, all_of_them = _filled(folder, ENDPOINTS // 10), _filled(folder, ENDPOINTS)
        small, judged, kept = (
            _judged("judge", tenth, folder),
            _judged("judge", all_of_them, folder),
            _judged("keep", all_of_them, folder),
        )
    what = f"judge {ENDPOINTS} endpoints from the store"
    limit, memory = f"/ {GOAL_MICROSECONDS:.0f} µs", f"/ {GOAL_MEMORY:.0f} MB"
    return [
        compare(f"{what}, processor per verdict {limit}", judged.microseconds, GOAL_MICROSECONDS, 1.0, "µs"),
        compare(f"{what} and keep it, the same {limit}", kept.microseconds, GOAL_MICROSECONDS, 1.0, "µs"),
        compare(f"{what}, memory {memory}", judged.memory, GOAL_MEMORY, 1.0, "MB"),
        compare(f"{what} and keep it, memory {memory}", kept.memory, GOAL_MEMORY, 1.0, "MB"),
        compare(f"{what}, memory / {ENDPOINTS // 10} endpoints", judged.memory, small.memory, GOAL_GROWTH, "MB"),
    ]
