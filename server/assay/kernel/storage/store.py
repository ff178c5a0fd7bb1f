"""The store: `with store.read() as uow` and `with store.write() as uow`.

A write block commits when it ends and rolls back when it raises; no store method
commits. Callbacks registered with `on_commit` run after the commit.

SQLite: each thread holds one read connection, so that a point read costs no set-up,
and the process holds one write connection behind a lock, so that its threads queue up
here, fairly, instead of in SQLite's busy loop. PostgreSQL: a pool; a read block sees
one snapshot.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, exc

from assay.kernel.clock import Clock, SystemClock
from assay.kernel.errors import Conflict, Internal, InvalidArgument, Unavailable
from assay.kernel.ids import Ids
from assay.kernel.jobs.leases import BootClock, LeaseClock
from assay.kernel.storage.changes import (
    CHANNEL,
    Changes,
    CommitListeners,
    Listener,
    PostgresChanges,
    SqliteChanges,
)
from assay.kernel.storage.engine import BUSY_SECONDS, engine_name, make_engine
from assay.kernel.storage.installation import Installation
from assay.kernel.storage.schema import check_revision, migrate, revision_of
from assay.kernel.storage.sql import POSTGRESQL, SQLITE
from assay.kernel.storage.unit_of_work import Hook, UnitOfWork

CURSORS = "cursors"  # the secret that signs them


class Store(ABC):
    """What is durable, one transaction at a time; safe to share between threads."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        ids: Ids,
        leases: LeaseClock,
        hooks: tuple[Hook, ...],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = ids
        self._leases = leases
        self._hooks = hooks
        self._listeners = CommitListeners()
        self._cursor_key: str | None = None
        self.changes: Changes

    @property
    @abstractmethod
    def engine_name(self) -> str:
        """`sqlite` or `postgresql`."""

    @abstractmethod
    def read(self) -> AbstractContextManager[UnitOfWork]:
        """Return a block that sees one snapshot and cannot write; it may be nested."""

    @abstractmethod
    def write(self) -> AbstractContextManager[UnitOfWork]:
        """Return a block that commits when it ends and rolls back when it raises.

        Raises Unavailable when the database cannot be written to within 30 s, and
        Internal for a write block inside another one of the same thread.
        """

    def scope(self, listing: str) -> str:
        """Return what signs the cursors of a listing: its name and what this installation knows.

        Every process of the installation returns the same; not inside a write block.
        """
        if self._cursor_key is None:
            with self.read() as uow:
                self._cursor_key = uow[Installation].find(CURSORS)
        if self._cursor_key is None:
            with self.write() as uow:
                uow[Installation].add(CURSORS, self._ids.new_key_secret())
                self._cursor_key = uow[Installation].find(CURSORS)
        return f"{self._cursor_key}/{listing}"

    def on_commit(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called after each commit of this process; return what stops it.

        It gets the (organization_id, job_id) of the jobs that the commit changed, in the
        committing thread, and must return at once. It is a hint: what was committed is
        read from the tables, and other processes' commits are seen by `changes.token()`.
        """
        return self._listeners.add(listener)

    def close(self) -> None:
        """Let go of every connection; blocks still open in other threads fail."""
        self.changes.close()
        self._engine.dispose()

    def _unit_of_work(self, connection: Connection) -> UnitOfWork:
        return UnitOfWork(
            connection,
            self.engine_name,
            clock=self._clock,
            ids=self._ids,
            leases=self._leases,
            hooks=self._hooks,
        )

    def _committed(self, uow: UnitOfWork) -> None:
        touched = frozenset(uow.touched)
        uow.touched.clear()
        uow.batches.clear()
        self.changes.committed()
        self._listeners.call(touched)


def open_store(
    url: str,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    leases: LeaseClock | None = None,
    hooks: Iterable[Hook] = (),
    upgrade: bool = False,
) -> Store:
    """Open the store at `sqlite:///<path>` or `postgresql://…`.

    With `upgrade` the schema is brought to this release's first; without it a database
    of another release is refused with SchemaMismatch, whose text names the way out.
    """
    if upgrade:
        migrate(url)
    engine = make_engine(url)
    try:
        check_revision(revision_of(engine))
    except BaseException:
        engine.dispose()
        raise
    kind = SqliteStore if engine_name(url) == SQLITE else PostgresStore
    return kind(
        engine,
        clock=clock or SystemClock(),
        ids=ids or Ids(),
        leases=leases or BootClock(),
        hooks=tuple(hooks),
    )


class SqliteStore(Store):
    """A store in one SQLite file, shared by the processes of one machine."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        ids: Ids,
        leases: LeaseClock,
        hooks: tuple[Hook, ...],
    ) -> None:
        super().__init__(engine, clock=clock, ids=ids, leases=leases, hooks=hooks)
        self.changes = SqliteChanges(engine.connect)
        self._local = threading.local()
        self._readers: weakref.WeakSet[_SqliteRead] = weakref.WeakSet()
        self._writer = _SqliteWrite(self._unit_of_work(engine.connect()), self._committed)

    @property
    def engine_name(self) -> str:
        """`sqlite`."""
        return SQLITE

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """Return this thread's read block."""
        reader: _SqliteRead | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = self._new_reader()
        return reader

    def write(self) -> AbstractContextManager[UnitOfWork]:
        """Return the process's write block."""
        return self._writer

    def close(self) -> None:
        """Let go of every connection."""
        for reader in list(self._readers):
            reader.close()
        self._writer.close()
        super().close()

    def _new_reader(self) -> _SqliteRead:
        connection = self._engine.connect()
        connection.connection.driver_connection.execute("PRAGMA query_only=ON")  # type: ignore[union-attr]  # a checked-out connection has a driver connection
        reader = _SqliteRead(self._unit_of_work(connection))
        self._readers.add(reader)
        return reader


class _SqliteRead:
    """One thread's read block, used again and again."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self._driver: Any = uow.driver
        self._depth = 0

    def __enter__(self) -> UnitOfWork:
        if self._depth == 0:
            self._driver.execute("BEGIN")
        self._depth += 1
        return self._uow

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            _end(self._uow, commit=False)
        if error is not None:
            _translate(error)

    def close(self) -> None:
        """Close the connection."""
        self._uow.connection.close()

    def __del__(self) -> None:
        # The thread has ended, and nobody else has this connection.
        with suppress(Exception):
            self.close()


class _SqliteWrite:
    """The process's write block."""

    def __init__(self, uow: UnitOfWork, committed: Callable[[UnitOfWork], None]) -> None:
        self._uow = uow
        self._driver: Any = uow.driver
        self._committed = committed
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> UnitOfWork:
        if self._holder == threading.get_ident():
            raise Internal("A write block was opened inside another one.")
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise Unavailable("The store is busy. Try again.", retry_after=1)
        try:
            self._driver.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._lock.release()
            _translate(error)
            raise
        self._holder = threading.get_ident()
        return self._uow

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                try:
                    _end(self._uow, commit=True)
                except BaseException as failure:
                    self._roll_back()
                    _translate(failure)
                    raise
                self._committed(self._uow)
            else:
                self._roll_back()
        finally:
            self._holder = None
            self._lock.release()
        if error is not None:
            _translate(error)

    def close(self) -> None:
        """Close the connection, after the block that is open, if one is."""
        with self._lock:
            self._uow.connection.close()

    def _roll_back(self) -> None:
        self._uow.touched.clear()
        self._uow.batches.clear()
        _end(self._uow, commit=False)


def _end(uow: UnitOfWork, *, commit: bool) -> None:
    """End a SQLite transaction that was begun on the driver's connection."""
    connection, driver = uow.connection, uow.driver
    if commit:
        if connection.in_transaction():
            connection.commit()
        if driver.in_transaction:
            driver.execute("COMMIT")
        return
    if connection.in_transaction():
        connection.rollback()
    if driver.in_transaction:
        driver.execute("ROLLBACK")


class PostgresStore(Store):
    """A store in a PostgreSQL database, shared by any number of hosts."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Clock,
        ids: Ids,
        leases: LeaseClock,
        hooks: tuple[Hook, ...],
    ) -> None:
        super().__init__(engine, clock=clock, ids=ids, leases=leases, hooks=hooks)
        plain = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.changes = PostgresChanges(lambda: plain)
        self._reading = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    @property
    def engine_name(self) -> str:
        """`postgresql`."""
        return POSTGRESQL

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """Return a block that sees one snapshot."""
        return _PostgresBlock(self, self._reading, writes=False)

    def write(self) -> AbstractContextManager[UnitOfWork]:
        """Return a block that commits."""
        return _PostgresBlock(self, self._engine, writes=True)


class _PostgresBlock:
    """A block on a connection of the pool."""

    def __init__(self, store: PostgresStore, engine: Engine, *, writes: bool) -> None:
        self._store = store
        self._engine = engine
        self._writes = writes

    def __enter__(self) -> UnitOfWork:
        try:
            self._connection = self._engine.connect()
        except BaseException as error:
            _translate(error)
            raise
        self._uow = self._store._unit_of_work(self._connection)
        return self._uow

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None and self._writes:
                self._connection.exec_driver_sql(f"NOTIFY {CHANNEL}")
                self._connection.commit()
        except BaseException as failure:
            _translate(failure)
            raise
        finally:
            self._connection.close()
            self._uow.drop_stores()
        if error is not None:
            _translate(error)
        elif self._writes:
            self._store._committed(self._uow)


def _translate(error: BaseException) -> None:
    """Raise our own error for one of a driver; return for all others."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    if isinstance(cause, psycopg.DataError):
        # SQLite finds nothing for such a text; PostgreSQL cannot even be asked for it.
        raise InvalidArgument("A text holds the character U+0000, which is not allowed.") from error
    if isinstance(cause, psycopg.errors.UniqueViolation):
        raise Conflict("Another request changed the same thing. Try again.") from error
    if isinstance(cause, (sqlite3.OperationalError, psycopg.OperationalError, exc.TimeoutError)):
        raise Unavailable("The store cannot answer now. Try again.", retry_after=1) from error
