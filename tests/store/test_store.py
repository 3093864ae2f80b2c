"""The store keeps audits whole, apart per commune, and says since when a verdict holds."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.store.conftest import Opened
from toolkit.errors import BadInputError
from toolkit.finding import (
    Audit,
    Check,
    EndpointAudit,
    EndpointStatus,
    Evidence,
    Finding,
    Section,
    SectionStatus,
    Severity,
    Verdict,
)
from toolkit.store import Store, StoreError, open_store

DAY = datetime(2026, 11, 20, 8, tzinfo=UTC)


def collected(endpoint: str, at: datetime, text: str = "port 22\n", **verdicts: Verdict) -> EndpointAudit:
    evidence = Evidence(endpoint, at, {"sshd": Section("sshd", SectionStatus.OK, 0, text)})
    check = Check("port", "equals", 22, {"was": ["22", None, True]}, met=True)
    findings = tuple(
        Finding(endpoint, control, Severity.HIGH, verdict, "compared", (check,), "sshd")
        for control, verdict in verdicts.items()
    )
    return EndpointAudit(endpoint, "laptop", EndpointStatus.COLLECTED, evidence=evidence, findings=findings)


def silent(endpoint: str, status: EndpointStatus = EndpointStatus.UNREACHABLE) -> EndpointAudit:
    return EndpointAudit(endpoint, "laptop", status, "no answer in 10 s")


def audit(at: datetime, *parts: EndpointAudit, commune: str = "val", profile: str = "base") -> Audit:
    return Audit(commune, profile, at, at + timedelta(minutes=1), "c" * 64, parts)


def filled(store: Store) -> None:
    for days in range(3):
        at = DAY - timedelta(days=days)
        store.save(
            audit(at, collected("p1", at, f"é{days}\x00\n", root=Verdict.FAIL, umask=Verdict.PASS), silent("p2"))
        )
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.PASS), commune="bourg"))


def test_an_audit_comes_back_as_it_was_saved(store: Store) -> None:
    saved = audit(DAY, collected("p1", DAY, "é\ufffd\x00\n", root=Verdict.PASS), silent("p2"))
    store.save(saved)
    assert store.latest("val") == saved


def test_nothing_saved_is_no_audit_and_an_empty_state(store: Store) -> None:
    assert store.latest("val") is None
    assert store.state("val").endpoints == {}


def test_the_state_is_the_newest_of_each_endpoint_over_partial_audits(store: Store) -> None:
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.FAIL), collected("p2", DAY, root=Verdict.PASS)))
    later = DAY + timedelta(days=1)
    store.save(audit(later, collected("p1", later, root=Verdict.PASS)))
    state = store.state("val").endpoints
    assert state["p1"].last is not None
    assert state["p1"].last.findings[0].verdict is Verdict.PASS
    assert state["p1"].since["root"] == later
    assert state["p2"].last is not None
    assert state["p2"].attempted_at == DAY


def test_since_when_is_the_start_of_the_unbroken_row(store: Store) -> None:
    verdicts = [Verdict.FAIL, Verdict.PASS, Verdict.ERROR, Verdict.PASS, Verdict.PASS]
    for day, verdict in enumerate(verdicts):
        at = DAY + timedelta(days=day)
        store.save(audit(at, collected("p1", at, root=verdict)))
    assert store.state("val").endpoints["p1"].since == {"root": DAY + timedelta(days=3)}


def test_an_endpoint_that_falls_silent_keeps_its_last_evidence_and_the_first_failed_attempt(store: Store) -> None:
    store.save(audit(DAY - timedelta(days=1), silent("p1")))
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.PASS)))
    assert store.state("val").endpoints["p1"].silent_since is None
    for day in (1, 2):
        store.save(audit(DAY + timedelta(days=day), silent("p1", EndpointStatus.KEY_CHANGED)))
    state = store.state("val").endpoints["p1"]
    assert state.attempt is EndpointStatus.KEY_CHANGED
    assert state.silent_since == DAY + timedelta(days=1, minutes=1)
    assert state.last is not None
    assert state.last.evidence is not None
    assert state.last.evidence.collected_at == DAY


def test_an_endpoint_never_collected_has_no_last_result(store: Store) -> None:
    store.save(audit(DAY, silent("p1", EndpointStatus.NOT_ENROLLED)))
    state = store.state("val").endpoints["p1"]
    assert (state.last, state.silent_since) == (None, DAY + timedelta(minutes=1))


def test_a_narrow_profile_does_not_hide_the_results_of_the_full_one(store: Store) -> None:
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.FAIL, umask=Verdict.PASS)))
    later = DAY + timedelta(hours=1)
    store.save(audit(later, collected("p1", later, umask=Verdict.PASS), profile="narrow"))
    last = store.state("val", "base").endpoints["p1"].last
    assert last is not None
    assert [finding.control for finding in last.findings] == ["root", "umask"]


def test_stored_evidence_judged_again_replaces_the_judgement(store: Store) -> None:
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.FAIL)))
    store.save(audit(DAY + timedelta(days=3), collected("p1", DAY, root=Verdict.PASS)))
    state = store.state("val").endpoints["p1"]
    assert state.last is not None
    assert state.last.findings[0].verdict is Verdict.PASS
    assert state.since["root"] == DAY


def test_communes_never_mix_even_with_equal_names_and_outputs(store: Store) -> None:
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.PASS)))
    store.save(audit(DAY, collected("p1", DAY, root=Verdict.FAIL), collected("p9", DAY), commune="bourg"))
    assert set(store.state("val").endpoints) == {"p1"}
    last = store.state("val").endpoints["p1"].last
    assert last is not None
    assert last.findings[0].verdict is Verdict.PASS


def rows_of(store: Store, statement: str) -> list[tuple[Any, ...]]:
    with store.database.transaction() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def change(store: Store, statement: str) -> None:
    with store.database.transaction(writes=True) as connection:
        connection.execute(text(statement))


def test_equal_outputs_are_stored_once(store: Store) -> None:
    for day in range(3):
        at = DAY + timedelta(days=day)
        store.save(audit(at, collected("p1", at, root=Verdict.PASS)))
    assert rows_of(store, "SELECT count(*) FROM evidence") == [(1,)]


def test_moments_come_back_in_utc(store: Store) -> None:
    paris = timezone(timedelta(hours=1))
    store.save(audit(DAY, collected("p1", DAY.astimezone(paris))))
    last = store.state("val").endpoints["p1"].last
    assert last is not None
    assert last.evidence is not None
    assert last.evidence.collected_at.isoformat() == "2026-11-20T08:00:00+00:00"


def test_a_moment_without_zone_is_refused_and_nothing_is_kept(store: Store) -> None:
    with pytest.raises(StoreError):
        store.save(audit(DAY, collected("p1", DAY), collected("p2", datetime(2026, 1, 1))))  # noqa: DTZ001
    assert store.latest("val") is None


def test_the_file_is_private(sqlite_url: str, opened: Opened, tmp_path: Path) -> None:
    opened(sqlite_url).save(audit(DAY, collected("p1", DAY)))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_altered_evidence_is_not_reported(store: Store) -> None:
    store.save(audit(DAY, collected("p1", DAY, "permitrootlogin yes"), collected("p2", DAY, "permitrootlogin no")))
    change(store, "UPDATE evidence SET body = (SELECT body FROM evidence ORDER BY digest LIMIT 1)")
    with pytest.raises(StoreError, match=r"p[12]"):
        store.state("val")


def test_a_newer_schema_is_refused_and_left_as_it_is(store: Store, url: str) -> None:
    change(store, "UPDATE store_schema SET version = 99")
    with pytest.raises(BadInputError, match="99"):
        open_store(url)
    assert rows_of(store, "SELECT version FROM store_schema") == [(99,)]


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("not a database, whatever its name says, and long enough to be read" * 20)
    with pytest.raises(StoreError) as caught:
        open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    assert "\n" not in str(caught.value)


def test_a_missing_folder_and_a_bad_url_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        open_store(f"sqlite:///{tmp_path / 'absent' / 'store.sqlite'}")
    with pytest.raises(BadInputError):
        open_store("store.sqlite")


def test_a_password_in_the_url_is_not_shown() -> None:
    with pytest.raises((StoreError, BadInputError)) as caught:
        open_store("postgresql://nomade:hunter2@127.0.0.1:1/nomade")
    assert "hunter2" not in str(caught.value)


def test_concurrent_audits_are_all_kept(url: str, opened: Opened) -> None:
    def save(number: int) -> int:
        # All of them make the store, and half of them keep the same output at the same time.
        parts = [collected(f"p{number}", DAY, root=Verdict.PASS), collected("same", DAY, f"{number % 2}")]
        return opened(url).save(audit(DAY, *parts))

    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(save, range(12)))
    assert len(set(ids)) == 12
    assert len(opened(url).state("val").endpoints) == 13


def test_what_an_endpoint_may_send_is_kept_by_both_databases(store: Store) -> None:
    part = collected("p1", DAY, root=Verdict.ERROR)
    strange = {"not a number": float("nan"), "list": [float("inf"), "\x00", "\ud800", "\U0001f600"]}
    check = Check("\x00\ud83d", "equals", 1, strange, met=False)
    finding = replace(part.findings[0], checks=(check,), detail="nul \x00 half \ud83d of a sign")
    store.save(audit(DAY, replace(part, findings=(finding,)), replace(silent("p2"), detail="\x00\ud83d")))
    last = store.state("val").endpoints["p1"].last
    assert last is not None
    assert last.findings[0].detail == "nul \\x00 half \\ud83d of a sign"
    assert last.findings[0].checks[0].actual == {
        "not a number": "nan",
        "list": ["inf", "\x00", "\ud800", "\U0001f600"],
    }
