"""The store: `with store.read() as uow` and `with store.write() as uow`.

A write block commits when it ends and rolls back when it raises; no store method
commits. Callbacks registered with `on_commit` run after the commit.

SQLite: each thread holds one read connection, so that a point read costs no set-up,
and the process holds one write connection behind a lock, so that its threads queue up
here, fairly, instead of in SQLite's busy loop. PostgreSQL: a pool; a read block sees
one snapshot.
"""

from __future__ import annotations

import logging
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine

from assay.kernel.errors import Internal, Unavailable
from assay.kernel.storage import failures
from assay.kernel.storage.changes import (
    CHANNEL,
    Changes,
    CommitListeners,
    Listener,
    PostgresChanges,
    SqliteChanges,
)
from assay.kernel.storage.engine import BUSY_SECONDS, engine_name, make_engine
from assay.kernel.storage.failures import raise_refusal
from assay.kernel.storage.installation import Installation
from assay.kernel.storage.schema import check_schema, migrate
from assay.kernel.storage.sql import POSTGRESQL, SQLITE
from assay.kernel.storage.unit_of_work import StoreContext, UnitOfWork

log = logging.getLogger(__name__)

CURSORS = "cursors"  # the secret that signs them


class Store(ABC):
    """What is durable, one transaction at a time; safe to share between threads."""

    engine_name: str  # SQLITE or POSTGRESQL

    def __init__(self, engine: Engine, context: StoreContext) -> None:
        self._engine = engine
        self._context = context
        self._listeners = CommitListeners()
        self._cursor_key: str | None = None
        self.changes: Changes

    @abstractmethod
    def read(self) -> AbstractContextManager[UnitOfWork]:
        """Return a block that sees one snapshot and cannot write; it may be nested."""

    @abstractmethod
    def write(self) -> AbstractContextManager[UnitOfWork]:
        """Return a block that commits when it ends and rolls back when it raises.

        Raises Unavailable when the database cannot be written to within 30 s, and
        Internal for a write block inside another one of the same thread.
        """

    @abstractmethod
    def check(self) -> None:
        """Raise Unavailable unless a small write could be made now."""

    def scope(self, listing: str) -> str:
        """Return what signs the cursors of a listing: its name and what this installation knows.

        Every process of the installation returns the same; not inside a write block.
        """
        if self._cursor_key is None:
            with self.read() as uow:
                self._cursor_key = uow[Installation].find(CURSORS)
        if self._cursor_key is None:
            with self.write() as uow:
                uow[Installation].add(CURSORS, self._context.ids.new_key_secret())
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
        return UnitOfWork(connection, self.engine_name, self._context)

    def _committed(self, uow: UnitOfWork) -> None:
        touched = frozenset(uow.touched)
        uow.touched.clear()
        uow.batches.clear()
        self.changes.committed()
        self._listeners.call(touched)


def open_store(
    url: str,
    context: StoreContext = StoreContext(),  # noqa: B008  # an immutable value
    *,
    upgrade: bool = False,
) -> Store:
    """Open the store at `sqlite:///<path>` or `postgresql://…`.

    With `upgrade` the schema is brought to this release's first; without it a database
    of another release, or of another program, is refused with SchemaMismatch, whose text names
    the way out. Raises Unavailable and DataDamaged as a read does.
    """
    try:
        if upgrade:
            migrate(url)
        engine = make_engine(url)
        try:
            check_schema(engine)
            kind = SqliteStore if engine_name(url) == SQLITE else PostgresStore
            return kind(engine, context)
        except BaseException:
            engine.dispose()
            raise
    except Exception as error:
        raise_refusal(error)
        raise


class SqliteStore(Store):
    """A store in one SQLite file, shared by the processes of one machine."""

    engine_name = SQLITE

    def __init__(self, engine: Engine, context: StoreContext) -> None:
        super().__init__(engine, context)
        self.changes = SqliteChanges(engine.connect)
        self._local = threading.local()
        self._readers: weakref.WeakSet[_SqliteRead] = weakref.WeakSet()
        self._writer = _SqliteWrite(lambda: self._unit_of_work(engine.connect()), self._committed)

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """Return this thread's read block."""
        reader: _SqliteRead | None = getattr(self._local, "reader", None)
        if reader is None:
            try:
                reader = self._local.reader = self._new_reader()
            except BaseException as error:
                raise_refusal(error)
                raise
        return reader

    def write(self) -> AbstractContextManager[UnitOfWork]:
        """Return the process's write block."""
        return self._writer

    def check(self) -> None:
        """Write a temporary file beside the database, which must be there."""
        path = Path(self._engine.url.database or "")
        with failures.files():
            path.stat()
            with TemporaryFile(dir=path.parent) as file:
                file.write(bytes(failures.CHECK_BYTES))
                file.flush()

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
            try:
                self._driver.execute("BEGIN")
            except BaseException as error:
                raise_refusal(error)
                raise
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
            raise_refusal(error)

    def close(self) -> None:
        """Close the connection."""
        self._uow.connection.close()

    def __del__(self) -> None:
        # The thread has ended, and nobody else has this connection.
        with suppress(Exception):
            self.close()


class _SqliteWrite:
    """The process's write block."""

    def __init__(
        self, open_: Callable[[], UnitOfWork], committed: Callable[[UnitOfWork], None]
    ) -> None:
        self._open = open_
        self._uow = open_()
        self._committed = committed
        self._lock = threading.Lock()
        self._holder: int | None = None

    def __enter__(self) -> UnitOfWork:
        if self._holder == threading.get_ident():
            raise Internal("A write block was opened inside another one.")
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise Unavailable("The store is busy. Try again.", retry_after=1)
        try:
            self._uow.driver.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._lock.release()
            raise_refusal(error)
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
                    raise_refusal(failure)
                    raise
                self._committed(self._uow)
            else:
                self._roll_back()
        finally:
            self._holder = None
            self._lock.release()
        if error is not None:
            raise_refusal(error)

    def close(self) -> None:
        """Close the connection, after the block that is open, if one is."""
        with self._lock:
            self._uow.connection.close()

    def _roll_back(self) -> None:
        self._uow.touched.clear()
        self._uow.batches.clear()
        try:
            _end(self._uow, commit=False)
        except Exception:
            # What a connection is in that cannot even roll back is nobody's to know.
            log.exception("the database's connection could not roll back; it is opened anew")
            with suppress(Exception):
                self._uow.connection.close()
            self._uow = self._open()


def _end(uow: UnitOfWork, *, commit: bool) -> None:
    """End a SQLite transaction that was begun on the driver's connection."""
    connection, driver = uow.connection, uow.driver
    if commit:
        if connection.in_transaction():
            connection.commit()
        if driver.in_transaction:
            driver.execute("COMMIT")
        return
    # Also where SQLite ended the transaction itself, as it does when a commit finds no space:
    # SQLAlchemy refuses every later statement until its own transaction is rolled back.
    connection.rollback()
    if driver.in_transaction:
        driver.execute("ROLLBACK")


class PostgresStore(Store):
    """A store in a PostgreSQL database, shared by any number of hosts."""

    engine_name = POSTGRESQL

    def __init__(self, engine: Engine, context: StoreContext) -> None:
        super().__init__(engine, context)
        plain = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.changes = PostgresChanges(lambda: plain)
        self._reading = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """Return a block that sees one snapshot."""
        return self._block(self._reading, writes=False)

    def write(self) -> AbstractContextManager[UnitOfWork]:
        """Return a block that commits."""
        return self._block(self._engine, writes=True)

    def check(self) -> None:
        """Ask the server, which knows its own disks."""
        with self.read() as uow:
            uow[Installation].find(CURSORS)

    @contextmanager
    def _block(self, engine: Engine, *, writes: bool) -> Iterator[UnitOfWork]:
        """Give a unit of work on a connection of the pool."""
        try:
            with engine.connect() as connection:
                uow = self._unit_of_work(connection)
                try:
                    yield uow
                    if writes:
                        connection.exec_driver_sql(f"NOTIFY {CHANNEL}")
                        connection.commit()
                finally:
                    uow.drop_stores()
        except BaseException as error:
            raise_refusal(error)
            raise
        if writes:
            self._committed(uow)
