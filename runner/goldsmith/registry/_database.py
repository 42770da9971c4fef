"""The registry's database: opening it, its transactions, and what its faults mean to the user."""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from goldsmith.errors import EnvironmentFault
from goldsmith.registry._backup import backup
from goldsmith.registry.models import REVISION, Base, alembic_version

Answer = TypeVar("Answer")

_TABLES = {"image", "version", "build", "artifact"}
"""Tables that every revision of the registry has."""

_TRIES = 10
"""How often a transaction is begun anew when another process was first with the same row."""

_IN_THE_WAY = {"40001", "40P01"}
"""PostgreSQL's codes of a serialization failure and a deadlock
(https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_HINTS = {
    "SQLITE_BUSY": ("is locked by another process", "Wait for it to end, or find it with `fuser {path}`."),
    "SQLITE_READONLY": ("is read-only", "Make the file and its folder writable, or set GOLDSMITH_REGISTRY."),
    "SQLITE_CANTOPEN": ("cannot be opened", "Check that its folder exists and that you may write there."),
    "SQLITE_NOTADB": ("is no SQLite database", "Move the file away, or set GOLDSMITH_REGISTRY to another."),
    "SQLITE_CORRUPT": (
        "is damaged",
        "Restore it from a backup, or rescue what is left: sqlite3 {path} .recover | sqlite3 rescued.db",
    ),
    "SQLITE_FULL": ("cannot grow: the disk is full", "Make room and run the command again."),
    "SQLITE_IOERR": ("cannot be read or written: the disk reports an error", "Check the disk and the system's log."),
}
"""By SQLite's primary result codes (https://www.sqlite.org/rescode.html)."""


class Database:
    """A database that holds the registry's tables, in this program's revision.

    Args:
        url: SQLAlchemy URL. A PostgreSQL URL needs a driver, such as psycopg.
        timeout: Seconds to wait for another process that writes.

    Raises:
        EnvironmentFault: It cannot be opened, made or brought to this revision, is of another program, or of a newer
            revision.
    """

    def __init__(self, url: str | URL, timeout: float = 30.0) -> None:
        self._timeout = timeout
        try:
            self.url = make_url(url)
        except ArgumentError as error:
            raise EnvironmentFault(
                "GOLDSMITH_REGISTRY is no database URL",
                "Write it like sqlite:////srv/goldsmith/registry.db or postgresql+psycopg://user@host/goldsmith",
            ) from error
        self._sqlite = self.url.get_backend_name() == "sqlite"
        if self._sqlite and self.url.database in (None, "", ":memory:"):
            raise EnvironmentFault(
                "a registry in memory would forget everything", "Give GOLDSMITH_REGISTRY the path of a file."
            )
        self._reading = self._engine()
        # SQLite refuses a reader that wants to write after somebody else has written; who means to write says so first.
        self._writing = self._reading.execution_options(goldsmith_begin="BEGIN IMMEDIATE")
        try:
            with self.faults():
                self._prepare()
        except BaseException:
            self.close()
            raise

    @property
    def location(self) -> str:
        """Path of the SQLite file, or the database's URL without its password."""
        return str(self.url.database) if self._sqlite else self.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Close all connections."""
        self._reading.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one state of the database throughout."""
        with self.faults(), Session(self._reading) as session:
            yield session

    def write(self, work: Callable[[Session], Answer]) -> Answer:
        """Do ``work`` in one transaction, which is there as a whole or not at all.

        ``work`` looks for what it needs and adds what is missing; when another process adds the same in between, it is
        done anew and finds it, and so it is when PostgreSQL ends it because two wait for each other. So it works alike
        on every database.
        """
        attempt = 1
        with self.faults():
            while True:
                try:
                    with Session(self._writing, expire_on_commit=False) as session, session.begin():
                        return work(session)
                except (IntegrityError, OperationalError) as error:
                    again = isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", "") in _IN_THE_WAY
                    if attempt == _TRIES or not again:
                        raise
                    attempt += 1

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turn what the database raises into an `EnvironmentFault`."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._fault(getattr(error, "orig", None) or error) from error

    def _engine(self) -> Engine:
        try:
            engine = create_engine(
                self.url, connect_args={"timeout": self._timeout, "isolation_level": None} if self._sqlite else {}
            )
        except (NoSuchModuleError, ImportError) as error:
            raise EnvironmentFault(
                f"the registry {self.location} needs a database driver that is not installed: {error}",
                "For PostgreSQL: pip install 'psycopg[binary]', and a URL that begins with postgresql+psycopg://",
            ) from error
        if self._sqlite:
            # The driver's own transactions leave out reading and DDL, so isolation_level keeps its hands off:
            # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#sqlite-transactions
            @event.listens_for(engine, "begin")
            def begin(connection: Connection) -> None:
                connection.exec_driver_sql(connection.get_execution_options().get("goldsmith_begin", "BEGIN"))

            @event.listens_for(engine, "connect")
            def connect(connection: sqlite3.Connection, _record: Any) -> None:
                connection.execute("PRAGMA foreign_keys = ON")

        return engine

    def _prepare(self) -> None:
        """Make the tables in an empty database, and bring those of an older revision to this program's."""
        with self._reading.connect() as connection:
            if self._revision(connection) == REVISION:
                return
        if self._sqlite:
            self._write_ahead()
        with self._writing.begin() as connection:
            if self.url.get_backend_name() == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(7166353)"))
            # Another process may have been first.
            found = self._revision(connection)
            if found is None:
                Base.metadata.create_all(connection)
                connection.execute(alembic_version.insert().values(version_num=REVISION))
            elif found < REVISION:
                self._migrate(connection, found)

    def _migrate(self, connection: Connection, found: str) -> None:
        """Bring a registry to this program's revision; a SQLite file is copied aside before."""
        # Alembic takes a tenth of a second to import, and is needed once in a registry's life.
        from goldsmith.registry.migrations import upgrade  # noqa: PLC0415

        if self._sqlite:
            backup(self._reading, found)
        upgrade(connection)

    def _revision(self, connection: Connection) -> str | None:
        """Return the revision of a registry, ``None`` for an empty database; refuse everything else."""
        tables = set(inspect(connection).get_table_names())
        if not tables:
            return None
        found = connection.scalar(select(alembic_version)) if alembic_version.name in tables else None
        if found is None or not found.isdecimal() or found < "0001" or not tables >= _TABLES:
            raise EnvironmentFault(
                f"{self.location} is a database of something else: it has tables, but not those of Goldsmith",
                "Set GOLDSMITH_REGISTRY to another.",
            )
        if found > REVISION:
            raise EnvironmentFault(
                f"the registry {self.location} is of schema {found}, this Goldsmith knows {REVISION}",
                "It was written by a newer Goldsmith: upgrade this one.",
            )
        return str(found)

    def _write_ahead(self) -> None:
        """Switch to a write-ahead log, so that readers and a writer don't wait for each other.

        The file remembers it. SQLite does not wait here when another process does the same, so we do.
        """
        deadline = time.monotonic() + self._timeout
        while True:
            connection = self._reading.raw_connection()
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if _primary(error) != "SQLITE_BUSY" or time.monotonic() > deadline:
                    raise self._fault(error) from error
                time.sleep(0.01)
            else:
                return
            finally:
                connection.close()

    def _fault(self, cause: BaseException) -> EnvironmentFault:
        what, hint = f"cannot be used: {cause}", ""
        if isinstance(cause, sqlite3.Error):
            what, hint = _HINTS.get(_primary(cause), (what, hint))
        elif getattr(cause, "sqlstate", "") is None:  # libpq's own trouble, not the server's
            what = f"cannot be reached: {str(cause).strip()}"
            hint = "See whether the server runs, and whether GOLDSMITH_REGISTRY names it rightly."
        return EnvironmentFault(
            f"the registry {self.location} {what}", hint.format(path=shlex.quote(str(self.url.database)))
        )


def _primary(error: sqlite3.Error) -> str:
    """Return the name of SQLite's primary result code: SQLITE_IOERR for SQLITE_IOERR_READ."""
    name = getattr(error, "sqlite_errorname", "")
    return "_".join(name.split("_")[:2])
