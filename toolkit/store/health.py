"""Whether a store is what it should be: the database's own word, every digest, and audits that were cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, text

from toolkit.finding import Evidence
from toolkit.i18n import _
from toolkit.store import rows, tables
from toolkit.store.engine import Database

_BATCH = 200


@dataclass(frozen=True, slots=True)
class CutOff:
    """A run that never said it was complete: it still runs, or was cut off after `last`."""

    commune: str
    started: datetime
    last: datetime
    endpoints: int


@dataclass(frozen=True, slots=True)
class Health:
    """How much there is, what is wrong (one line each; empty when nothing is), and what was cut off."""

    runs: int
    results: int
    evidence: int
    problems: tuple[str, ...]
    cut_off: tuple[CutOff, ...]


def examine(database: Database) -> Health:
    """Read everything once; changes nothing.

    Raises:
        StoreError: the database cannot be read.
    """
    with database.transaction(snapshot=True) as connection:
        runs, results, evidence = (
            int(connection.scalar(select(func.count()).select_from(table)) or 0)
            for table in (tables.runs, tables.endpoint_audits, tables.evidence)
        )
        problems = (*_damage(connection), *_altered(connection))
        return Health(runs, results, evidence, problems, tuple(_cut_off(connection)))


def _damage(connection: Connection) -> Iterator[str]:
    """Yield what SQLite finds wrong with its own file; PostgreSQL keeps its pages itself."""
    if connection.dialect.name == "sqlite":
        found = [row[0] for row in connection.execute(text("PRAGMA integrity_check(20)"))]
        yield from (_("the database file is damaged: {what}").format(what=line) for line in found if line != "ok")


def _altered(connection: Connection) -> Iterator[str]:
    """Yield each result whose evidence is not what its digest says, or is not there."""
    part, evidence = tables.endpoint_audits, tables.evidence
    # One endpoint is enough for each body: its name is part of the digest.
    columns = (part.c.commune, part.c.endpoint, part.c.digest, func.max(part.c.observed_at).label("at"))
    used = select(*columns).where(part.c.digest.is_not(None)).group_by(*columns[:3]).subquery()
    same = (evidence.c.commune == used.c.commune) & (evidence.c.digest == used.c.digest)
    statement = select(used, evidence.c.body).select_from(used.outerjoin(evidence, same))
    for row in connection.execute(statement, execution_options={"yield_per": _BATCH}):
        if not _fits(row.endpoint, row.at, row.digest, row.body):
            message = _("{commune}: evidence of {endpoint} ({digest}…) was altered: do not rely on it, audit again")
            yield message.format(commune=row.commune, endpoint=row.endpoint, digest=row.digest[:12])


def _fits(endpoint: str, at: datetime, digest: str, body: bytes | None) -> bool:
    try:
        return Evidence(endpoint, at, rows.unpack_sections(body or b"")).digest == digest
    except ValueError:
        return False


def _cut_off(connection: Connection) -> Iterator[CutOff]:
    run, part = tables.runs.c, tables.endpoint_audits.c
    count = select(func.count(part.id)).where(part.run == run.id).scalar_subquery()
    statement = select(run.commune, run.started_at, run.finished_at, count.label("endpoints"))
    for row in connection.execute(statement.where(run.complete.is_(False)).order_by(run.id)):
        yield CutOff(row.commune, row.started_at, row.finished_at, row.endpoints)
