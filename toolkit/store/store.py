"""The store: every endpoint is kept as it completes, readable while audits run, intact after a kill or a power cut."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, update

from toolkit.errors import BadInputError
from toolkit.finding import Audit, EndpointAudit, EndpointStatus, Evidence
from toolkit.i18n import _
from toolkit.store import migrations, queries, rows, tables
from toolkit.store.batches import batches
from toolkit.store.engine import Database, StoreError
from toolkit.store.since import since
from toolkit.store.state import CommuneState, EndpointState, Seen

# Endpoints whose evidence is in memory at one time while a whole commune is walked.
_BATCH = 64


def open_store(url: str) -> Store:
    """Open the store at a SQLAlchemy URL, made on first use (SQLite: one file, mode 0600, in an existing folder).

    A store of an older toolkit is brought up to date.

    Raises:
        BadInputError: the URL is not one, or a newer toolkit made the store.
        StoreError: the database cannot be opened.
    """
    store = Store(Database(url))
    store.prepare()
    return store


class Store:
    """Audits of all communes of one workspace. Made by `open_store`; safe to share between processes."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._transaction = database.transaction

    def prepare(self) -> None:
        """Make the tables, or bring an older store up to date; refuse a store of a newer toolkit."""
        with self._transaction() as connection:
            version = migrations.version_of(connection)
        if version is not None and version > tables.SCHEMA_VERSION:
            message = _(
                "{url}: this store has schema {found}, this toolkit knows {known}: use the toolkit version that made it"
            )
            shown = self.database.shown
            raise BadInputError(message.format(url=shown, found=version, known=tables.SCHEMA_VERSION))
        if version != tables.SCHEMA_VERSION:
            with self._transaction(writes=True) as connection:
                migrations.prepare(connection)

    def close(self) -> None:
        """Give back the connections; the store can still be used after it."""
        self.database.close()

    def save(self, audit: Audit) -> int:
        """Keep one audit, whole or not at all, and return the id of its run.

        Raises:
            StoreError: the database refused; nothing was kept.
        """
        with self._transaction(writes=True) as connection:
            run = _inserted(connection, insert(tables.runs), rows.run_row(audit))
            for part in audit.endpoints:
                _save_endpoint(connection, part, run, audit.commune, audit.profile, audit.finished_at)
        return run

    def begin(self, audit: Audit) -> Recording:
        """Start to keep an audit whose endpoints complete one by one; until it is finished it counts as partial.

        `audit` is what is known before anything was asked: its endpoints are not looked at.
        """
        started = replace(audit, complete=False)
        with self._transaction(writes=True) as connection:
            run = _inserted(connection, insert(tables.runs), rows.run_row(started))
        return Recording(self.database, run, started)

    def latest(self, commune: str) -> Audit | None:
        """Return the newest run of a commune as it was saved, which may cover only part of the commune."""
        with self._transaction() as connection:
            row = connection.execute(queries.latest_run(commune)).one_or_none()
            if row is None:
                return None
            parts = self._parts(connection, queries.of_run(row.id))
        return Audit(
            row.commune,
            row.profile,
            row.started_at,
            row.finished_at,
            row.catalogue_digest,
            tuple(parts.values()),
            row.complete,
            row.expected,
        )

    def state(
        self,
        commune: str,
        profile: str | None = None,
        until: datetime | None = None,
        at_hand: Iterable[EndpointAudit] = (),
    ) -> CommuneState:
        """Return what is known of a commune: per endpoint its newest evidence, newest attempt, and since when.

        With `profile`, only results of audits under it count as evidence; attempts count whatever their profile. With
        `until`, what was known at that moment; what retention has thinned since is not there any more. Results
        `at_hand` were kept just now, under that profile: where they are the newest they are not read again.
        """
        with self._transaction(snapshot=True) as connection:
            attempts = connection.execute(queries.attempts(commune, until)).all()
            parts = self._newest(connection, queries.collected(commune, profile, until), at_hand)
            in_time = connection.execute(queries.verdicts_in_time(commune, profile, until))
            moments = {
                name: since((row.observed_at, row.verdicts) for row in results)
                for name, results in groupby(in_time, lambda row: row.endpoint)
            }
            silent = {row.endpoint: row.at for row in connection.execute(queries.silent_since(commune, until))}
        return CommuneState(
            commune,
            {
                row.endpoint: _endpoint_state(row, parts.get(row.endpoint), moments.get(row.endpoint, {}), silent)
                for row in attempts
            },
        )

    def evidence(self, commune: str, prefer: str, until: datetime | None = None) -> Iterator[Evidence]:
        """Yield the newest evidence of each endpoint, by endpoint: of the profile `prefer`, else of any.

        A few endpoints at a time are in memory, each few read in a transaction of their own.

        Raises:
            StoreError: the database cannot be read, or a digest does not fit.
        """
        with self._transaction() as connection:
            found = connection.execute(queries.to_judge_again(commune, prefer, until)).all()
        for chosen in batches(found, _BATCH):
            with self._transaction() as connection:
                batch = connection.execute(queries.parts([row.id for row in chosen])).all()
            found_here = (self._part(row, ()).evidence for row in sorted(batch, key=lambda row: row.endpoint))
            yield from (item for item in found_here if item is not None)

    def seen(self, commune: str, profile: str) -> list[Seen]:
        """Return every attempt on every endpoint of a commune, oldest first; evidence counts under `profile` only."""
        with self._transaction() as connection:
            return [rows.seen_of(row, profile) for row in connection.execute(queries.attempts_in_time(commune))]

    def failed_of(self, commune: str, controls: Sequence[str]) -> dict[int, tuple[str, ...]]:
        """Return which of these controls failed, by the id of the attempt (`Seen.id`)."""
        found: dict[int, tuple[str, ...]] = {}
        with self._transaction() as connection:
            for row in connection.execute(queries.failed_of(commune, controls)):
                found[row.endpoint_audit] = (*found.get(row.endpoint_audit, ()), row.control)
        return found

    def _newest(
        self, connection: Connection, ids: Select[tuple[int]], at_hand: Iterable[EndpointAudit]
    ) -> dict[str, EndpointAudit]:
        known = {_identity(part, part.evidence): part for part in at_hand if part.evidence}
        if not known:
            return self._parts(connection, ids)
        found, others = {}, []
        for row in connection.execute(queries.results(ids)):
            part = known.get((row.endpoint, row.observed_at, row.digest, row.rejudged_at))
            if part:
                found[part.endpoint] = rows.as_kept(part)
            else:
                others.append(row.id)
        for some in batches(others, _BATCH):
            found |= self._parts(connection, some)
        return found

    def _parts(self, connection: Connection, ids: Select[tuple[int]] | list[int]) -> dict[str, EndpointAudit]:
        found: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in connection.execute(queries.findings_of(ids)).all():
            found[row.endpoint_audit].append(row)
        return {row.endpoint: self._part(row, found[row.id]) for row in connection.execute(queries.parts(ids))}

    def _part(self, row: Row[Any], findings: Any) -> EndpointAudit:
        try:
            return rows.endpoint_audit_of(row, findings, row.body)
        except ValueError as error:
            message = _("{url}: stored evidence was altered ({error}): do not rely on it, audit again")
            raise StoreError(message.format(url=self.database.shown, error=error)) from error


class Recording:
    """One audit while it runs. Each endpoint given to `add` is kept for good when the call returns."""

    def __init__(self, database: Database, run: int, audit: Audit) -> None:
        self._database, self._run, self._audit = database, run, audit

    def add(self, parts: list[EndpointAudit], at: datetime) -> None:
        """Keep some endpoints, all or none; `at` is now.

        Raises:
            StoreError: the database refused.
        """
        with self._database.transaction(writes=True) as connection:
            for part in parts:
                _save_endpoint(connection, part, self._run, self._audit.commune, self._audit.profile, at)
            self._mark(connection, finished_at=at)

    def finish(self, at: datetime) -> None:
        """Say that nothing more comes: what was asked for is there."""
        with self._database.transaction(writes=True) as connection:
            self._mark(connection, finished_at=at, complete=True)

    def _mark(self, connection: Connection, **values: Any) -> None:
        connection.execute(_OF_RUN, {"run": self._run, **values})


_OF_RUN = update(tables.runs).where(tables.runs.c.id == bindparam("run"))


def _identity(part: EndpointAudit, evidence: Evidence) -> tuple[str, datetime, str, datetime | None]:
    """Return what only one result of a profile has."""
    return part.endpoint, evidence.collected_at, evidence.digest, part.rejudged_at


def _endpoint_state(
    attempt: Row[Any], last: EndpointAudit | None, since: Mapping[str, datetime], silent: Mapping[str, datetime]
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


def _inserted(connection: Connection, statement: Any, values: dict[str, Any]) -> int:
    key: Any = connection.execute(statement, values).inserted_primary_key
    return int(key[0])


def _save_endpoint(
    connection: Connection, part: EndpointAudit, run: int, commune: str, profile: str, at: datetime
) -> None:
    row = rows.endpoint_row(part, run, commune, profile, at)
    if part.evidence is not None and part.rejudged_at is None:  # what is judged again is there already
        body = {"commune": commune, "digest": row["digest"], "body": rows.pack_evidence(part.evidence)}
        # Another audit may keep the same output at this moment: both are right.
        connection.execute(_new_evidence(connection.dialect.name), body)
    key = _inserted(connection, insert(tables.endpoint_audits), row)
    if part.findings:
        _save_findings(connection, [rows.finding_values(finding, key) for finding in part.findings])


@cache
def _new_evidence(dialect: str) -> Any:
    # One dialect is imported, not both: the other one is a tenth of what an audit's start costs.
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(tables.evidence).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(tables.evidence).on_conflict_do_nothing()


def _save_findings(connection: Connection, values: list[tuple[Any, ...]]) -> None:
    # Past SQLAlchemy's treatment of each value: there are hundreds of rows for each endpoint.
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    marks = ", ".join([mark] * len(rows.FINDING))
    connection.exec_driver_sql(f"INSERT INTO findings ({', '.join(rows.FINDING)}) VALUES ({marks})", values)  # noqa: S608 — constants
