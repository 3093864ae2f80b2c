"""Where each run keeps what it printed: `.nomade/runs/<time>-<commune>/`, the newest of each commune."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from toolkit.workspace import Workspace

# A run of a whole commune keeps about a megabyte; thirty go back two years of monthly work.
KEPT = 30


def new_folder(workspace: Workspace, commune: str, now: datetime) -> Path:
    """Return a folder (0700) for a run that starts now (UTC), and forget the commune's oldest beyond `KEPT`."""
    runs = workspace.state / "runs"
    runs.mkdir(mode=0o700, exist_ok=True)
    folder = runs / f"{now.strftime('%Y%m%dT%H%M%S')}-{commune}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for old in _of(runs, commune)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _of(runs: Path, commune: str) -> list[Path]:
    # The name of a commune may end like another's: what comes before it must be the time and nothing else.
    return sorted(path for path in runs.glob(f"????????T??????-{commune}") if path.is_dir() and not path.is_symlink())
