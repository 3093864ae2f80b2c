"""The life of a store: it grows up with the toolkit, is examined, survives what cuts it off, and remembers the past."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.store.conftest import Opened
from tests.store.test_store import DAY, audit, change, collected, filled, rows_of, silent
from toolkit.finding import Verdict
from toolkit.store import Store, StoreError
from toolkit.store.health import examine

ROOT = Path(__file__).parents[2]
OLD = Path(__file__).parent / "data" / "store-1.sql"


# Migrations


def old_store(url: str) -> None:
    """Make the store that version 1 of the schema made."""
    script = OLD.read_text(encoding="utf-8")
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.executescript(script)


def old_store_in_postgresql(store: Store) -> None:
    """Take a new store back to what version 1 made: the tables differ in these columns only."""
    for statement in (
        "ALTER TABLE runs DROP COLUMN complete",
        "ALTER TABLE runs DROP COLUMN expected",
        *(
            f"ALTER TABLE endpoint_audits DROP COLUMN {name}"
            for name in ("rejudged_at", "passed", "failed", "unjudged")
        ),
        "UPDATE store_schema SET version = 1",
    ):
        change(store, statement)


def test_an_old_store_is_brought_up_to_date_and_says_the_same(sqlite_url: str, opened: Opened) -> None:
    old_store(sqlite_url)
    store = opened(sqlite_url)
    assert rows_of(store, "SELECT version FROM store_schema") == [(2,)]
    later = DAY + timedelta(days=1)
    state = store.state("val").endpoints
    assert state["p1"].since == {"root": later, "umask": DAY}
    assert state["p1"].last == collected("p1", later, "port 2222\n", root=Verdict.PASS, umask=Verdict.PASS)
    latest = store.latest("val")
    assert latest is not None
    assert (latest.complete, latest.expected, latest.partial) == (True, None, False)
    counted = rows_of(store, "SELECT passed, failed, unjudged FROM endpoint_audits ORDER BY id")
    assert counted == [(1, 1, 0), (0, 0, 0), (2, 0, 0), (1, 0, 0), (0, 1, 0)]
    assert examine(store.database).problems == ()
    store.save(audit(later, collected("p3", later, root=Verdict.PASS)))
    assert len(store.state("val").endpoints) == 3


def test_an_old_store_in_postgresql_too(postgres_url: str, opened: Opened) -> None:
    store = opened(postgres_url)
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.PASS)))
    old_store_in_postgresql(store)
    again = opened(postgres_url)
    assert rows_of(again, "SELECT version FROM store_schema") == [(2,)]
    assert again.latest("val") == audit(DAY, collected("p1", DAY, root=Verdict.PASS))


def test_a_migration_that_fails_half_way_changes_nothing(sqlite_url: str, opened: Opened) -> None:
    old_store(sqlite_url)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("ALTER TABLE endpoint_audits ADD COLUMN rejudged_at TEXT")  # the last statement will fail
    with pytest.raises(StoreError):
        opened(sqlite_url)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        assert database.execute("SELECT version FROM store_schema").fetchall() == [(1,)]
        assert "complete" not in database.execute("SELECT sql FROM sqlite_master WHERE name = 'runs'").fetchone()[0]


# Examining


def test_altered_and_missing_evidence_is_found(store: Store) -> None:
    filled(store)
    assert examine(store.database).problems == ()
    change(store, "UPDATE evidence SET body = (SELECT body FROM evidence ORDER BY digest LIMIT 1)")
    found = examine(store.database)
    assert (found.runs, found.results, found.evidence) == (4, 7, 4)
    assert len(found.problems) == 3
    assert all("p1" in line for line in found.problems)


def complaint(store: Store) -> str:
    """Return what examining says is wrong; where the damage is decides whether SQLite reads on at all."""
    try:
        return "".join(examine(store.database).problems)
    except StoreError as error:
        return str(error)


def test_a_damaged_file_is_found(sqlite_url: str, opened: Opened) -> None:
    store = opened(sqlite_url)
    filled(store)
    with store.database.transaction() as connection:
        connection.execute(text("SELECT 1"))
    store.close()
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'findings_history'").fetchone()[0]
        size = database.execute("PRAGMA page_size").fetchone()[0]
    with Path(sqlite_url.removeprefix("sqlite:///")).open("r+b") as file:
        file.seek((page - 1) * size + 8)
        file.write(b"\xff" * 64)
    assert complaint(opened(sqlite_url))


# Cut off

KILLED = """
import sys
from datetime import timedelta
from tests.store.test_store import DAY, audit, collected
from toolkit.finding import Verdict
from toolkit.store import open_store
recording = open_store(sys.argv[1]).begin(audit(DAY))
for number in range(1000):
    at = DAY + timedelta(seconds=number)
    recording.add([collected(f"p{number}", at, str(number), root=Verdict.PASS)], at)
    print(f"p{number}", flush=True)
"""


@pytest.mark.parametrize("after", [0, 1, 7, 20])
def test_a_killed_audit_loses_no_completed_endpoint(url: str, opened: Opened, after: int) -> None:
    opened(url)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, url], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _number in range(after + 1)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().split()
    assert process.returncode == -signal.SIGKILL
    store = opened(url)
    kept = store.state("val").endpoints
    assert set(said) <= set(kept)
    assert len(kept) <= len(said) + 1  # the one that was kept and not yet said
    assert all(item.last is not None and len(item.last.findings) == 1 for item in kept.values())
    latest = store.latest("val")
    assert latest is not None
    assert latest.partial
    (cut,) = examine(store.database).cut_off
    assert (cut.commune, cut.endpoints) == ("val", len(kept))
    store.save(audit(DAY, collected("after", DAY, root=Verdict.PASS)))
    assert "after" in store.state("val").endpoints


KILLED_WITHIN = """
import os, signal, sys
from sqlalchemy import event
from tests.store.test_store import DAY, audit, collected
from toolkit.finding import Verdict
from toolkit.store import open_store
store = open_store(sys.argv[1])
recording = store.begin(audit(DAY))
recording.add([collected("p1", DAY, "1", root=Verdict.PASS)], DAY)
def die(*_anything):
    os.kill(os.getpid(), signal.SIGKILL)
def die_before(connection, cursor, statement, *rest):
    if statement.startswith(sys.argv[2]):
        die()
if sys.argv[2] == "COMMIT":
    event.listen(store.database._engine, "commit", die)
else:
    event.listen(store.database._engine, "before_cursor_execute", die_before)
recording.add([collected("p2", DAY, "2", root=Verdict.PASS)], DAY)
"""


@pytest.mark.parametrize(
    "moment", ["INSERT INTO evidence", "INSERT INTO endpoint_audits", "INSERT INTO findings", "UPDATE runs", "COMMIT"]
)
def test_an_endpoint_is_kept_whole_or_not_at_all(url: str, opened: Opened, moment: str) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WITHIN, url, moment],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    store = opened(url)
    assert store.state("val").endpoints["p1"].last == collected("p1", DAY, "1", root=Verdict.PASS)
    assert set(store.state("val").endpoints) == {"p1"}
    assert examine(store.database).evidence == 1


def test_a_run_is_partial_until_it_is_finished_or_when_it_covers_a_part(store: Store) -> None:
    recording = store.begin(replace(audit(DAY), expected=2))
    recording.add([collected("p1", DAY, root=Verdict.PASS)], DAY)
    recording.finish(DAY)
    latest = store.latest("val")
    assert latest is not None
    assert (latest.complete, latest.partial) == (True, True)
    recording.add([silent("p2")], DAY)
    whole = store.latest("val")
    assert whole is not None
    assert not whole.partial


# The past


def test_the_state_as_of_a_past_day_knows_nothing_of_what_came_later(store: Store) -> None:
    later = DAY + timedelta(days=2)
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.FAIL), silent("p2")))
    store.save(audit(later, collected("p1", later, root=Verdict.PASS), collected("p2", later), collected("p3", later)))
    then = store.state("val", until=DAY + timedelta(days=1)).endpoints
    assert set(then) == {"p1", "p2"}
    assert then["p1"].last == collected("p1", DAY, root=Verdict.FAIL)
    assert then["p1"].since == {"root": DAY}
    assert then["p2"].silent_since == DAY + timedelta(minutes=1)


def test_a_later_judgement_of_old_evidence_is_not_part_of_the_past(store: Store) -> None:
    later = DAY + timedelta(days=5)
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.PASS)))
    again = replace(collected("p1", DAY, root=Verdict.FAIL), rejudged_at=later)
    store.save(audit(later, again))
    now, then = (store.state("val", until=until).endpoints["p1"] for until in (None, DAY + timedelta(days=1)))
    assert now.last == again
    assert now.attempted_at == DAY
    assert then.last == collected("p1", DAY, root=Verdict.PASS)


def test_evidence_to_judge_again_comes_endpoint_by_endpoint_of_the_wide_profile(store: Store) -> None:
    later = DAY + timedelta(days=1)
    store.save(audit(DAY, *(collected(f"p{number:03}", DAY, "wide", root=Verdict.PASS) for number in range(150))))
    store.save(audit(later, collected("p001", later, "narrow"), collected("x", later, "narrow"), profile="narrow"))
    found = list(store.evidence("val", "base"))
    assert [item.endpoint for item in found] == [*(f"p{number:03}" for number in range(150)), "x"]
    assert found[1].sections["sshd"].text == "wide"
    assert found[-1].collected_at == later
    by_day: dict[object, int] = defaultdict(int)
    for item in store.evidence("val", "base", DAY):
        by_day[item.collected_at] += 1
    assert by_day == {DAY: 150}
