"""What the terminal at hand can show."""

from __future__ import annotations

import os
import shutil
import sys

from toolkit.report import Look


def look(*, no_colour: bool = False, full: bool = False) -> Look:
    """Return the look for standard output: colour only on a terminal, without `NO_COLOR` (no-color.org)."""
    terminal = sys.stdout.isatty()
    dumb = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    width = max(60, min(shutil.get_terminal_size((110, 24)).columns, 140))
    return Look(colour=terminal and not dumb and not no_colour, width=width, full=full)
