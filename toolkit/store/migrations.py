"""From an older schema to the present one: forward only, one transaction for all steps. A newer one is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, column, func, insert, inspect, select, table, text, update

from toolkit.store import tables

# Any number, the same in every version: whoever prepares a PostgreSQL store waits for whoever does so already.
_LOCK = 6_110_963


def version_of(connection: Connection) -> int | None:
    """Return the schema's version, None when there is no store yet."""
    if not inspect(connection).has_table(tables.schema.name):
        return None
    found: int | None = connection.scalar(select(tables.schema.c.version))
    return found


def prepare(connection: Connection) -> None:
    """Make the tables, or take those of an older version up to the present one, within the caller's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    version = version_of(connection)
    if version is None:
        tables.metadata.create_all(connection)
        connection.execute(insert(tables.schema).values(version=tables.SCHEMA_VERSION))
        return
    for step in range(version, tables.SCHEMA_VERSION):
        _STEPS[step](connection)
        connection.execute(update(tables.schema).values(version=step + 1))


# As they were then: the tables of today may have other columns.
_COUNTED = {"passed": ("pass",), "failed": ("fail",), "unjudged": ("error", "manual")}


def _partial_runs(connection: Connection) -> None:
    """1 → 2: runs say whether they are complete and how much they should cover; results are dated and counted."""
    moment = "TIMESTAMP WITH TIME ZONE" if connection.dialect.name == "postgresql" else "DATETIME"
    for statement in (
        "ALTER TABLE runs ADD COLUMN complete BOOLEAN DEFAULT true NOT NULL",
        "ALTER TABLE runs ADD COLUMN expected INTEGER",
        f"ALTER TABLE endpoint_audits ADD COLUMN rejudged_at {moment}",
        "ALTER TABLE endpoint_audits ADD COLUMN passed INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE endpoint_audits ADD COLUMN failed INTEGER DEFAULT 0 NOT NULL",
        "ALTER TABLE endpoint_audits ADD COLUMN unjudged INTEGER DEFAULT 0 NOT NULL",
    ):
        connection.execute(text(statement))
    result = table("endpoint_audits", *map(column, ("id", *_COUNTED)))
    finding = table("findings", column("endpoint_audit"), column("verdict"))
    counted = select(func.count()).where(finding.c.endpoint_audit == result.c.id)
    counts = {name: counted.where(finding.c.verdict.in_(which)).scalar_subquery() for name, which in _COUNTED.items()}
    connection.execute(update(result).values(counts))


# From which version, and what leads to the next. A step is never changed once it was released.
_STEPS: Mapping[int, Callable[[Connection], None]] = {1: _partial_runs}
