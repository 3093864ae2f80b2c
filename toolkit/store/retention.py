"""What of the past is kept: everything for a while, then one result a week, then one a month, then only the newest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, func, select, text

from toolkit.finding import EndpointStatus
from toolkit.store import tables
from toolkit.store.batches import batches
from toolkit.store.engine import Database

# Results taken out in one transaction: audits that run at the same time wait no longer than that takes.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Rule:
    """Ages in days: up to the first everything is kept, up to the second one result a week, then one a month.

    Beyond the third only the newest of each endpoint stays.
    """

    all_days: int = 90
    weekly_days: int = 366
    monthly_days: int = 1827


@dataclass(frozen=True, slots=True)
class Result:
    """One stored result, as far as retention looks at it.

    `group`: its endpoint, under one profile; what was judged again is apart, for the past knows the first judgement.
    """

    id: int
    endpoint: tuple[str, str]  # (commune, name)
    profile: str
    collected: bool
    at: datetime
    rejudged: bool = False

    @property
    def group(self) -> tuple[tuple[str, str], str, bool]:
        return self.endpoint, self.profile, self.rejudged


@dataclass(frozen=True, slots=True)
class Thinned:
    """How many results there were, and how many of them go (or went)."""

    results: int
    dropped: int


def doomed(results: Iterable[Result], rule: Rule, now: datetime) -> list[int]:
    """Return the ids that the rule lets go, in rising order. Pure.

    Never let go: the newest evidence of an endpoint under each profile, its newest attempt, and the first attempt that
    failed after its newest evidence, which says since when it is silent. In a week or month with evidence the newest of
    it stays, else the newest failed attempt.
    """
    ordered = sorted(results, key=lambda item: (item.at, item.id))
    keep: dict[object, int] = {}
    silent: dict[tuple[str, str], int] = {}
    for item in ordered:
        keep["attempt", item.endpoint] = item.id
        if item.collected:
            keep["evidence", item.group] = item.id
            silent.pop(item.endpoint, None)
        else:
            silent.setdefault(item.endpoint, item.id)
    for item in sorted(ordered, key=lambda item: item.collected):  # evidence last: it takes the place of a failure
        if (period := _period(now - item.at, item.at, rule)) is not None:
            keep[item.group, period] = item.id
    kept = {*keep.values(), *silent.values()}
    return sorted(item.id for item in ordered if item.id not in kept)


def _period(age: timedelta, at: datetime, rule: Rule) -> tuple[object, ...] | None:
    """Return what one result is kept of; None: of nothing."""
    if age <= timedelta(days=rule.all_days):
        return (at, object())
    if age <= timedelta(days=rule.weekly_days):
        return ("week", *at.isocalendar()[:2])
    return ("month", at.year, at.month) if age <= timedelta(days=rule.monthly_days) else None


def thin(database: Database, rule: Rule, now: datetime, *, dry_run: bool = False) -> Thinned:
    """Apply the rule to all communes. Cut off half-way, the store is whole and the next call goes on.

    Raises:
        StoreError: the database cannot be used.
    """
    with database.transaction() as connection:
        results = list(_results(connection))
    gone = doomed(results, rule, now)
    if not dry_run:
        for ids in batches(gone, _BATCH):
            with database.transaction(writes=True) as connection:
                _drop(connection, ids)
        with database.transaction(writes=True) as connection:
            _sweep(connection, now - timedelta(days=rule.all_days))
    return Thinned(len(results), len(gone))


def _results(connection: Connection) -> Iterator[Result]:
    table = tables.endpoint_audits.c
    columns = (table.id, table.commune, table.endpoint, table.profile, table.status, table.observed_at)
    for row in connection.execute(select(*columns, table.rejudged_at)):
        collected, again = row.status == EndpointStatus.COLLECTED.value, row.rejudged_at is not None
        yield Result(row.id, (row.commune, row.endpoint), row.profile, collected, row.observed_at, again)


def _drop(connection: Connection, ids: Sequence[int]) -> None:
    connection.execute(delete(tables.findings).where(tables.findings.c.endpoint_audit.in_(ids)))
    connection.execute(delete(tables.endpoint_audits).where(tables.endpoint_audits.c.id.in_(ids)))


def _sweep(connection: Connection, before: datetime) -> None:
    """Take out evidence that no result refers to any more, and old runs without results."""
    if connection.dialect.name == "postgresql":
        # An audit may just be about to refer to evidence that nothing refers to yet: it waits.
        connection.execute(text("LOCK TABLE evidence IN SHARE ROW EXCLUSIVE MODE"))
    part, evidence, run = tables.endpoint_audits.c, tables.evidence.c, tables.runs.c
    used = exists().where(part.commune == evidence.commune, part.digest == evidence.digest)
    connection.execute(delete(tables.evidence).where(~used))
    newest = select(func.max(run.id)).group_by(run.commune)
    empty = ~exists().where(part.run == run.id)
    connection.execute(delete(tables.runs).where(empty, run.finished_at < before, run.id.not_in(newest)))
