"""The work that `tests.bench.scale` measures, each in a process of its own: prints its processor seconds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import yaml

from toolkit import inventory
from toolkit.workspace import Workspace


def ours(workspace: Workspace) -> None:
    """Do what `nomade inventory validate` and then `generate` do, for all communes."""
    communes = workspace.communes()
    inventory.validate_all(workspace, communes)
    inventory.generate_all(workspace, communes)


def peer(workspace: Workspace) -> None:
    """Only parse the same fleet files, once."""
    for commune in workspace.communes():
        yaml.load(workspace.commune(commune).fleet.read_bytes(), Loader=yaml.CSafeLoader)


if __name__ == "__main__":
    work = {"ours": ours, "peer": peer}[sys.argv[1]]
    given = Workspace(Path(sys.argv[2]))
    start = time.process_time()
    work(given)
    print(time.process_time() - start)
