"""Copy a whole store into another database, and say it is done only when what was read back is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text

from toolkit.errors import BadInputError
from toolkit.i18n import _
from toolkit.store import tables
from toolkit.store.batches import batches
from toolkit.store.engine import StoreError
from toolkit.store.store import Store

_BATCH = 200


@dataclass(frozen=True, slots=True)
class Copied:
    """One table: its rows, and a SHA-256 (hex) over all of them."""

    table: str
    rows: int
    digest: str


def data_tables() -> list[Table]:
    """Return the tables with data, each after those it refers to."""
    return [table for table in tables.metadata.sorted_tables if table is not tables.schema]


def copy(source: Store, target: Store) -> list[Copied]:
    """Copy everything in one transaction of the target, read it back and compare; the source stays as it is.

    Raises:
        BadInputError: the target has audits already.
        StoreError: a database cannot be used, an audit wrote to the source meanwhile, or what was read back is not what
            was written. The target is then as it was.
    """
    shown = {"source": source.database.shown, "target": target.database.shown}
    with source.database.transaction(snapshot=True) as old, target.database.transaction(writes=True) as new:
        if any(new.scalar(select(func.count()).select_from(table)) for table in data_tables()):
            raise BadInputError(_("{target}: has audits already: give an empty database").format(**shown))
        written = [_copy_table(old, new, table) for table in data_tables()]
        if [_described(new, table) for table in data_tables()] != written:
            raise StoreError(
                _("{target}: what was read back is not what was written; nothing was kept").format(**shown)
            )
        with source.database.transaction() as again:
            if _last(again) != _last(old):
                message = _("{source}: an audit wrote to it meanwhile; nothing was copied, try again when none runs")
                raise StoreError(message.format(**shown))
        _continue_numbers(new)
    return written


def _rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    for row in connection.execute(select(table), execution_options={"yield_per": _BATCH}):
        yield dict(row._mapping)


def _copy_table(old: Connection, new: Connection, table: Table) -> Copied:
    digest, count = _Digest(), 0
    for batch in batches(_rows(old, table), _BATCH):
        new.execute(insert(table), batch)
        count += len(batch)
        for row in batch:
            digest.add(row)
    return Copied(table.name, count, digest.hex)


def _described(connection: Connection, table: Table) -> Copied:
    digest, count = _Digest(), 0
    for row in _rows(connection, table):
        digest.add(row)
        count += 1
    return Copied(table.name, count, digest.hex)


class _Digest:
    """The same for the same rows in whatever order: databases do not sort texts alike."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, row: dict[str, Any]) -> None:
        text = json.dumps(row, sort_keys=True, default=_plain)
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(text.encode()).digest())) % 2**256

    @property
    def hex(self) -> str:
        return f"{self._sum:064x}"


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    raise TypeError(type(value).__name__)


def _last(connection: Connection) -> tuple[Any, ...]:
    """Return what every write of an audit changes."""
    runs, parts = tables.runs.c, tables.endpoint_audits.c
    results = select(func.count(parts.id)).scalar_subquery()
    return tuple(connection.execute(select(func.max(runs.id), func.max(runs.finished_at), results)).one())


def _continue_numbers(connection: Connection) -> None:
    """Let PostgreSQL count on from the ids that were copied; SQLite does by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in (tables.runs, tables.endpoint_audits):
        highest = connection.scalar(select(func.max(table.c.id)))
        if highest is not None:
            connection.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :highest)"),
                {"name": table.name, "highest": highest},
            )
