"""Compiled templates are kept, per language, where Python keeps compiled modules; nothing depends on it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report.sample import VALMONT, VALMONT_STATE, report
from toolkit.report import Look, html_page, render


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that compiled templates go to: Python's own choice, below another place."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    html_page._environment.cache_clear()
    yield tmp_path / str(html_page._TEMPLATES).lstrip("/")
    html_page._environment.cache_clear()


def _page(language: str) -> str:
    html_page._environment.cache_clear()  # as a new process
    return str(render([report(VALMONT, VALMONT_STATE, language=language)], "html", Look()))


def test_a_page_is_the_same_from_templates_compiled_before(kept: Path) -> None:
    first = {language: _page(language) for language in ("fr", "en")}
    times = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len({path.name.split(".")[1] for path in times}) == len(first)
    assert {language: _page(language) for language in ("fr", "en")} == first
    assert {path: path.stat().st_mtime_ns for path in kept.iterdir()} == times


def test_a_page_needs_no_folder_to_keep_them_in(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _page("fr")
    shutil.rmtree(kept)
    kept.write_text("no folder")
    assert _page("fr") == first
    kept.unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert _page("fr") == first
    assert not kept.exists()


def test_what_was_cut_off_while_it_was_kept_is_compiled_again(kept: Path) -> None:
    first = _page("fr")
    for path in kept.iterdir():
        path.write_bytes(path.read_bytes()[:-100])
    assert _page("fr") == first
