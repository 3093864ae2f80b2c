"""The tables of the store, in portable types only: the same schema serves SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    true,
)

# Raised by one with every change of the tables below, together with a step in toolkit/store/migrations.py.
SCHEMA_VERSION = 2


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, written and read in UTC. SQLite has no time zones, so they are put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse moments without a zone: they would mean something else on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment without a time zone: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = MetaData()

schema = Table("store_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("commune", String(64), nullable=False),
    Column("profile", String(64), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),  # while not complete: when the newest endpoint was kept
    Column("catalogue_digest", String(64), nullable=False),
    Column("complete", Boolean, nullable=False, server_default=true()),  # false: still running, or cut off
    Column("expected", Integer),  # endpoints of the commune then; NULL in runs of before this was kept
    Index("runs_by_commune", "commune", "id"),
)

# The same output collected twice is stored once. The commune is part of the key: nothing is shared between communes.
evidence = Table(
    "evidence",
    metadata,
    Column("commune", String(64), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),  # zlib of the JSON made in toolkit/store/rows.py
)

endpoint_audits = Table(
    "endpoint_audits",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, ForeignKey("runs.id"), nullable=False, index=True),
    Column("commune", String(64), nullable=False),
    Column("profile", String(64), nullable=False),
    Column("endpoint", String(253), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("status", String(32), nullable=False),
    Column("detail", Text, nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),  # when collected; else when the run gave up
    Column("digest", String(64)),
    Column("rejudged_at", UtcDateTime),  # stored evidence judged again then; NULL: judged when it was collected
    # How many findings say what, so that the trend of years does not read them: met, not met, nobody could say.
    Column("passed", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("unjudged", Integer, nullable=False, server_default="0"),
    ForeignKeyConstraint(["commune", "digest"], ["evidence.commune", "evidence.digest"]),
    Index("endpoint_audits_in_time", "commune", "endpoint", "observed_at"),
)

findings = Table(
    "findings",
    metadata,
    Column("endpoint_audit", Integer, ForeignKey("endpoint_audits.id"), primary_key=True),
    Column("control", String(64), primary_key=True),
    Column("severity", String(16), nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("checks", JSON, nullable=False),
    Column("probe", String(64)),
    Column("detail", Text, nullable=False),
    Column("waived", Boolean, nullable=False),
    # "since when" walks the whole history of a commune: it must not read the wide rows for that
    Index("findings_history", "endpoint_audit", "control", "verdict"),
)
