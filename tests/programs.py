"""The programs that roles install on endpoints, as modules: they are files of their own, in no package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType


def module_of(program: Path) -> ModuleType:
    """Return a fresh module of a program, which is not run."""
    spec = importlib.util.spec_from_file_location(program.stem, program)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
