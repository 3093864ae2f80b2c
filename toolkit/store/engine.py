"""How a database is reached: its URL, its engine, and what a transaction is on it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from toolkit.errors import BadInputError, NomadeError
from toolkit.i18n import _

# Seconds to wait for another process that is writing; saving an audit of a thousand endpoints takes about one.
_BUSY_SECONDS = 30
_KINDS = ("sqlite", "postgresql")


class StoreError(NomadeError):
    """The store cannot be opened, read or written; nothing was changed."""


class Database:
    """One database, SQLite or PostgreSQL, and its name as it may be shown (without password)."""

    def __init__(self, url: str) -> None:
        """Raises BadInputError for a URL that is none of ours, StoreError when the driver or the file is not there."""
        location = _location(url)
        self.shown = location.render_as_string(hide_password=True)
        self.is_sqlite = location.get_backend_name() == "sqlite"
        try:
            if self.is_sqlite and location.database:
                _make_private(Path(location.database))
            options = {"timeout": _BUSY_SECONDS} if self.is_sqlite else {"connect_timeout": _BUSY_SECONDS}
            self._engine = create_engine(location, connect_args=options)
        except (OSError, ImportError) as error:
            raise StoreError(_("{url}: cannot open the store: {error}").format(url=self.shown, error=error)) from error
        if self.is_sqlite:
            _prepare_sqlite(self._engine)

    @contextlib.contextmanager
    def transaction(self, *, writes: bool = False, snapshot: bool = False) -> Iterator[Connection]:
        """Give a connection in a transaction; with `snapshot`, everything read in it is of one moment.

        Raises:
            StoreError: the database cannot be used; nothing was changed.
        """
        try:
            with self._engine.connect() as connection:
                connection.execution_options(nomade_writes=writes)
                if snapshot and not self.is_sqlite:  # a SQLite transaction always is one
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield connection
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip()
            message = _("{url}: the store cannot be used: {error}")
            raise StoreError(message.format(url=self.shown, error=cause.splitlines()[0])) from error

    def close(self) -> None:
        """Give back the connections."""
        self._engine.dispose()


def _location(url: str) -> URL:
    try:
        location = make_url(url)
        if location.get_backend_name() not in _KINDS:
            raise ArgumentError(url)
    except ArgumentError as error:
        raise BadInputError(_("not the URL of a database: check the store in nomade.yml")) from error
    # The driver we depend on; SQLAlchemy's own choice for plain postgresql:// would be another one.
    return location.set(drivername="postgresql+psycopg") if location.drivername == "postgresql" else location


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
