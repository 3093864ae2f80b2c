"""How long `nomade --help` takes to start, against importing the command-line library alone."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.bench import Row, compare

GOAL = 3.0
_ROUNDS = 15


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def run() -> list[Row]:
    """Return one row: the fastest of several alternating starts of each, in seconds."""
    ours = [str(Path(sys.executable).with_name("nomade")), "--help"]
    peer = [sys.executable, "-c", "import click"]
    pairs = [(_seconds(ours), _seconds(peer)) for _round in range(_ROUNDS)]
    best = [min(column) for column in zip(*pairs, strict=True)]
    return [compare("nomade --help / import click", best[0], best[1], GOAL)]
