"""A store moves whole to the other database, or not at all."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.store.conftest import Opened
from tests.store.test_store import DAY, audit, collected, filled, rows_of
from toolkit.errors import BadInputError
from toolkit.finding import Verdict
from toolkit.store import Store, StoreError, move
from toolkit.store.health import examine

NOW = DAY


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
