"""Whatever a merge would write is loaded first: a mistake of ours ends in a problem, not in a broken fleet file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.imports.lists import Town, laptop, unchanged
from toolkit.fleet.edit import Append, Put, edit
from toolkit.imports import importing


def test_a_file_that_would_be_wrong_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoiled(raw: bytes, edits: Sequence[Append | Put], file: str) -> bytes:
        return edit(raw, edits, file).replace(b"insee:", b"inse:", 1)

    monkeypatch.setattr(importing, "edit", spoiled)
    problems = Town(tmp_path).refuses(*unchanged(), laptop(2, "PORT-7", "N1"))
    assert "inse" in problems
    assert "inventories/essai/fleet.yml:" in problems, "named after the real file, not after the trial"
