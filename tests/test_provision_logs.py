"""The logs of runs: the newest of each commune are kept, and nothing else is touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fleet import sample
from toolkit.provision import logs

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_oldest_runs_of_a_commune_are_forgotten_and_no_others(tmp_path: Path) -> None:
    workspace = sample.workspace(tmp_path)
    of_other = logs.new_folder(workspace, "val-bourg", START)
    by_hand = of_other.parent / "a-garder-bourg"
    by_hand.mkdir()
    made = [logs.new_folder(workspace, "bourg", START + timedelta(days=day)) for day in range(logs.KEPT + 5)]
    assert [folder.exists() for folder in made] == [False] * 5 + [True] * logs.KEPT
    assert of_other.is_dir()
    assert by_hand.is_dir()
    assert made[-1].stat().st_mode & 0o777 == 0o700
