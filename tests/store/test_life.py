"""The life of a store: it grows up with the toolkit, is thinned, moved, examined, and survives what cuts it off."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.store.conftest import Opened
from tests.store.test_store import DAY, audit, change, collected, rows_of, silent
from toolkit.errors import BadInputError
from toolkit.finding import Verdict
from toolkit.store import Store, StoreError, move
from toolkit.store.health import examine
from toolkit.store.retention import Result, Rule, doomed, thin

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


# Retention

RULE = Rule(all_days=90, weekly_days=366, monthly_days=1827)
NOW = DAY


def result(number: int, days: float, *, endpoint: str = "p1", profile: str = "base", answered: bool = True) -> Result:
    return Result(number, ("val", endpoint), profile, answered, NOW - timedelta(days=days))


def test_young_results_all_stay_then_one_a_week_then_one_a_month_then_the_newest_only() -> None:
    daily = [result(number, number) for number in range(3000)]
    kept = {item.id for item in daily} - set(doomed(daily, RULE, NOW))
    assert kept >= set(range(91))
    weeks = {(NOW - timedelta(days=number)).isocalendar()[:2] for number in range(91, 367)}
    assert len([number for number in kept if 90 < number <= 366]) == len(weeks)
    months = {
        ((NOW - timedelta(days=number)).year, (NOW - timedelta(days=number)).month) for number in range(367, 1828)
    }
    assert len([number for number in kept if 366 < number <= 1827]) == len(months)
    assert max(kept) <= 1827


def test_of_a_week_the_newest_evidence_stays_even_when_later_attempts_failed() -> None:
    week = [result(1, 204), result(2, 203), result(3, 202, answered=False), result(9, 1)]
    assert len({item.at.isocalendar()[:2] for item in week[:3]}) == 1
    assert doomed(week, RULE, NOW) == [1, 3]


def test_a_machine_silent_for_years_keeps_its_last_evidence_and_the_day_it_fell_silent() -> None:
    attempts = [result(number, 4000 - number, answered=number < 10) for number in range(4000)]
    kept = {item.id for item in attempts} - set(doomed(attempts, RULE, NOW))
    assert {9, 10, 3999} <= kept
    assert not kept & {*range(9), *range(11, 1500)}


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.booleans(), st.floats(0, 3000)), max_size=60)
)
def test_the_newest_of_each_is_never_dropped_and_thinning_again_drops_nothing(
    drawn: list[tuple[str, str, bool, float]],
) -> None:
    results = [
        result(number, age, endpoint=endpoint, profile=profile, answered=answered)
        for number, (endpoint, profile, answered, age) in enumerate(drawn)
    ]
    gone = set(doomed(results, RULE, NOW))
    left = [item for item in results if item.id not in gone]
    assert doomed(left, RULE, NOW) == []
    newest: dict[object, Result] = {}
    for item in sorted(results, key=lambda item: (item.at, item.id)):
        newest["attempt", item.endpoint] = item
        if item.collected:
            newest["evidence", item.group] = item
    assert {item.id for item in newest.values()} <= {item.id for item in left}


def test_thinning_keeps_the_state_and_takes_out_what_nothing_refers_to(store: Store) -> None:
    for days in (400, 399, 200, 199, 3, 2):
        at = NOW - timedelta(days=days)
        store.save(audit(at, collected("p1", at, f"{days}\n", root=Verdict.PASS), silent("p2")))
    before = store.state("val")
    rule = Rule(all_days=90)
    assert thin(store.database, rule, NOW, dry_run=True).dropped > 0
    assert rows_of(store, "SELECT count(*) FROM endpoint_audits") == [(12,)]
    thinned = thin(store.database, rule, NOW)
    after = store.state("val")
    assert {name: item.last for name, item in after.endpoints.items()} == {
        name: item.last for name, item in before.endpoints.items()
    }
    assert after.endpoints["p2"].silent_since == before.endpoints["p2"].silent_since
    assert rows_of(store, "SELECT count(*) FROM endpoint_audits") == [(12 - thinned.dropped,)]
    kept = rows_of(store, "SELECT count(*) FROM endpoint_audits WHERE digest IS NOT NULL")
    assert rows_of(store, "SELECT count(*) FROM evidence") == kept
    assert examine(store.database).problems == ()
    assert thin(store.database, rule, NOW).dropped == 0


def test_audits_go_on_while_the_store_is_thinned(url: str, opened: Opened) -> None:
    """All find the same evidence, which thinning takes out whenever nothing refers to it at that moment."""
    old, rule = opened(url), Rule(all_days=1, weekly_days=1, monthly_days=1)
    for days in range(100, 200):
        at = NOW - timedelta(days=days)
        old.save(audit(at, collected("p0", at, f"{days % 5}", root=Verdict.PASS)))

    def record(_number: int) -> None:
        recording = opened(url).begin(audit(NOW))
        for step in range(10):
            at = NOW + timedelta(seconds=step)
            recording.add([collected("p0", at, f"{step % 5}", root=Verdict.PASS)], at)
        recording.finish(NOW)

    def thin_repeatedly() -> None:
        for _round in range(10):
            thin(opened(url).database, rule, NOW)

    with ThreadPoolExecutor(5) as pool:
        for done in [*(pool.submit(record, number) for number in range(4)), pool.submit(thin_repeatedly)]:
            done.result()
    thin(old.database, rule, NOW)
    health = examine(old.database)
    assert (health.problems, health.results, health.evidence, health.runs) == ((), 40, 5, 4)


# Moving


def filled(store: Store) -> None:
    for days in range(3):
        at = NOW - timedelta(days=days)
        store.save(
            audit(at, collected("p1", at, f"é{days}\x00\n", root=Verdict.FAIL, umask=Verdict.PASS), silent("p2"))
        )
    store.save(audit(NOW, collected("p1", NOW, root=Verdict.PASS), commune="bourg"))


def test_a_store_moves_to_the_other_database_whole_and_goes_on_there(
    store: Store, other_url: str, opened: Opened
) -> None:
    filled(store)
    target = opened(other_url)
    told = {item.table: item.rows for item in move.copy(store, target)}
    assert told == {"runs": 4, "evidence": 4, "endpoint_audits": 7, "findings": 7}
    for commune in ("val", "bourg"):
        assert target.state(commune) == store.state(commune)
        assert target.latest(commune) == store.latest(commune)
    target.save(audit(NOW, collected("p9", NOW, root=Verdict.PASS)))  # numbers go on after those that were copied
    assert "p9" in target.state("val").endpoints
    assert examine(target.database).problems == ()


def test_nothing_is_copied_over_what_is_there(store: Store, other_url: str, opened: Opened) -> None:
    filled(store)
    target = opened(other_url)
    target.save(audit(NOW, collected("p7", NOW, root=Verdict.PASS)))
    with pytest.raises(BadInputError):
        move.copy(store, target)
    assert set(target.state("val").endpoints) == {"p7"}


def test_a_copy_that_is_not_the_same_is_not_kept(
    store: Store, other_url: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(store)
    target = opened(other_url)
    read_back = move._described

    def altered(connection: move.Connection, table: move.Table) -> move.Copied:
        connection.execute(text("UPDATE findings SET verdict = 'pass' WHERE verdict = 'fail'"))
        return read_back(connection, table)

    monkeypatch.setattr(move, "_described", altered)
    with pytest.raises(StoreError):
        move.copy(store, target)
    assert rows_of(target, "SELECT count(*) FROM runs") == [(0,)]


def test_an_audit_that_writes_meanwhile_is_not_left_behind(
    store: Store, other_url: str, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(store)
    target, read_back = opened(other_url), move._described

    def meanwhile(connection: move.Connection, table: move.Table) -> move.Copied:
        if table.name == "findings":
            store.save(audit(NOW, collected("late", NOW, root=Verdict.PASS)))
        return read_back(connection, table)

    monkeypatch.setattr(move, "_described", meanwhile)
    with pytest.raises(StoreError):
        move.copy(store, target)
    assert rows_of(target, "SELECT count(*) FROM runs") == [(0,)]


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
