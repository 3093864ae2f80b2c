"""The store: one transaction per audit, readable while audits run, intact after a kill or a power cut."""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from toolkit.errors import BadInputError, NomadeError
from toolkit.finding import Audit, EndpointAudit, EndpointStatus
from toolkit.i18n import _
from toolkit.store import queries, rows, tables
from toolkit.store.state import CommuneState, EndpointState

# Seconds to wait for another process that is writing; saving an audit of a thousand endpoints takes about one.
_BUSY_SECONDS = 30


class StoreError(NomadeError):
    """The store cannot be opened, read or written; nothing was changed."""


def open_store(url: str) -> Store:
    """Open the store at a SQLAlchemy URL, made on first use (SQLite: one file, mode 0600, in an existing folder).

    Raises:
        BadInputError: the URL is not one, or a newer toolkit made the store.
        StoreError: the database cannot be opened.
    """
    try:
        location = make_url(url)
        shown = location.render_as_string(hide_password=True)
        sqlite = location.get_backend_name() == "sqlite"
        if sqlite and location.database:
            _make_private(Path(location.database))
        engine = create_engine(location, connect_args={"timeout": _BUSY_SECONDS} if sqlite else {})
    except ArgumentError as error:
        raise BadInputError(_("not the URL of a database: check the store in nomade.yml")) from error
    except (OSError, ImportError) as error:
        raise StoreError(_("{url}: cannot open the store: {error}").format(url=shown, error=error)) from error
    if sqlite:
        _prepare_sqlite(engine)
    store = Store(engine, shown)
    store.prepare()
    return store


def _make_private(path: Path) -> None:
    # SQLite would create it with the umask; its -wal and -shm files take the mode of this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver's implicit one comes too late
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock at once: a reader that turns into a writer half-way could fail without waiting.
        writes = connection.get_execution_options().get("nomade_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Store:
    """Audits of all communes of one workspace. Made by `open_store`; safe to share between processes."""

    def __init__(self, engine: Engine, shown: str) -> None:
        self._engine = engine
        self._shown = shown

    @contextlib.contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(nomade_writes=writes) as connection, connection.begin():
                yield connection
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            message = _("{url}: the store cannot be used: {error}")
            raise StoreError(message.format(url=self._shown, error=str(cause).splitlines()[0])) from error

    def prepare(self) -> None:
        """Make the tables that are missing and refuse a store of a newer toolkit."""
        with self._transaction() as connection:
            if inspect(connection).has_table(tables.schema.name):
                version = connection.scalar(select(tables.schema.c.version))
                if version == tables.SCHEMA_VERSION:
                    return
                if version is not None:
                    raise self._other_version(version)
        with self._transaction(writes=True) as connection:
            tables.metadata.create_all(connection)
            if connection.scalar(select(tables.schema.c.version)) is None:
                connection.execute(insert(tables.schema).values(version=tables.SCHEMA_VERSION))

    def _other_version(self, version: int) -> BadInputError:
        message = _(
            "{url}: this store has schema {found}, this toolkit knows {known}: use the toolkit version that made it"
        )
        return BadInputError(message.format(url=self._shown, found=version, known=tables.SCHEMA_VERSION))

    def close(self) -> None:
        """Give back the connections; the store can still be used after it."""
        self._engine.dispose()

    def save(self, audit: Audit) -> int:
        """Keep one audit, whole or not at all, and return the id of its run.

        Raises:
            StoreError: the database refused; nothing was kept.
        """
        with self._transaction(writes=True) as connection:
            run = _inserted(connection, insert(tables.runs).values(rows.run_row(audit)))
            for part in audit.endpoints:
                _save_endpoint(connection, audit, part, run)
        return run

    def latest(self, commune: str) -> Audit | None:
        """Return the newest run of a commune as it was saved, which may cover only part of the commune."""
        with self._transaction() as connection:
            row = connection.execute(queries.latest_run(commune)).one_or_none()
            if row is None:
                return None
            parts = self._parts(connection, queries.of_run(row.id))
        return Audit(
            row.commune, row.profile, row.started_at, row.finished_at, row.catalogue_digest, tuple(parts.values())
        )

    def state(self, commune: str, profile: str | None = None) -> CommuneState:
        """Return what is known of a commune: per endpoint its newest evidence, newest attempt, and since when.

        With `profile`, only results of audits under it count as evidence; attempts count whatever their profile.
        """
        with self._transaction() as connection:
            attempts = connection.execute(queries.attempts(commune)).all()
            parts = self._parts(connection, queries.collected(commune, profile))
            since: dict[str, dict[str, Any]] = defaultdict(dict)
            for row in connection.execute(queries.since(commune, profile)):
                since[row.endpoint][row.control] = row.since
            silent = {row.endpoint: row.at for row in connection.execute(queries.silent_since(commune))}
        return CommuneState(
            commune,
            {
                row.endpoint: _endpoint_state(row, parts.get(row.endpoint), since[row.endpoint], silent)
                for row in attempts
            },
        )

    def _parts(self, connection: Connection, ids: Select[tuple[int]]) -> dict[str, EndpointAudit]:
        found: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in connection.execute(queries.findings_of(ids)):
            found[row.endpoint_audit].append(row)
        try:
            return {
                row.endpoint: rows.endpoint_audit_of(row, found[row.id], row.body)
                for row in connection.execute(queries.parts(ids))
            }
        except ValueError as error:
            message = _("{url}: stored evidence was altered ({error}): do not rely on it, audit again")
            raise StoreError(message.format(url=self._shown, error=error)) from error


def _endpoint_state(
    attempt: Row[Any], last: EndpointAudit | None, since: dict[str, Any], silent: dict[str, Any]
) -> EndpointState:
    return EndpointState(
        endpoint=attempt.endpoint,
        attempt=EndpointStatus(attempt.status),
        attempted_at=attempt.observed_at,
        attempt_detail=attempt.detail,
        last=last,
        since=since,
        silent_since=silent.get(attempt.endpoint),
    )


def _inserted(connection: Connection, statement: Any) -> int:
    key: Any = connection.execute(statement).inserted_primary_key
    return int(key[0])


def _save_endpoint(connection: Connection, audit: Audit, part: EndpointAudit, run: int) -> None:
    if part.evidence is not None:
        key = {"commune": audit.commune, "digest": part.evidence.digest}
        known = select(tables.evidence.c.digest).filter_by(**key)
        if connection.scalar(known) is None:
            connection.execute(insert(tables.evidence).values(**key, body=rows.pack_evidence(part.evidence)))
    row = _inserted(connection, insert(tables.endpoint_audits).values(rows.endpoint_row(audit, part, run)))
    if part.findings:
        connection.execute(insert(tables.findings), [rows.finding_row(finding, row) for finding in part.findings])
