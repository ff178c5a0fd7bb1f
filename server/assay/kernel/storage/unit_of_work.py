"""A unit of work: one transaction, the stores that see it, and the statements it runs.

What every store promises: the first argument of its methods is the organization, and what
belongs to another one is absent. No method commits. Methods that write need a write block. A
listing is newest first, never repeats or skips a row that was there all along, and returns in
`next` the cursor for its next page, None on the last one. Each sentence of a store method's
docstring has a test, on both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable

from assay.kernel.clock import Clock
from assay.kernel.errors import NotFound
from assay.kernel.ids import Ids
from assay.kernel.jobs.leases import BootClock
from assay.kernel.storage.sql import SQLITE, Prepared, Row, micros

S = TypeVar("S", bound="SqlStore")
H = TypeVar("H", bound="Hook")


class Hook:
    """Base of what an earlier feature asks of later ones.

    The earlier feature declares a subclass whose methods do nothing, and calls the hooks of that
    class in its unit of work; a later feature registers an instance of its own subclass.
    """


@dataclass(frozen=True, kw_only=True)
class StoreContext:
    """Where a unit of work has times and ids from, and what later features are asked."""

    clock: Clock = field(default_factory=Clock)
    ids: Ids = field(default_factory=Ids)
    leases: BootClock = field(default_factory=BootClock)
    hooks: tuple[Hook, ...] = ()
    blob_size: Callable[[str, str], int] = lambda organization_id, address: 0  # noqa: ARG005  # of stores without blobs
    quota_bytes: int | None = None  # of one organization's blobs and documents


class UnitOfWork:
    """A transaction that someone else began and will end; `uow[Models]` is a store in it.

    `touched` gathers the jobs that this transaction changed; `batches` the first event
    sequence that it wrote to each, so that the events of one commit can be told.
    """

    def __init__(self, connection: Connection, engine: str, context: StoreContext) -> None:
        self.connection = connection
        self.engine = engine
        self.context = context
        self.clock = context.clock
        self.ids = context.ids
        self.leases = context.leases
        self.driver: Any = connection.connection.driver_connection
        self.touched: set[tuple[str, str]] = set()
        self.batches: dict[tuple[str, str], int] = {}
        self._hooks = context.hooks
        self._stores: dict[type, Any] = {}

    def __getitem__(self, kind: type[S]) -> S:
        """Return the store of a class, the same one for the whole unit of work."""
        store: S | None = self._stores.get(kind)
        if store is None:
            store = self._stores[kind] = kind(self)
        return store

    def hooks(self, kind: type[H]) -> tuple[H, ...]:
        """Return the registered hooks of a class, in the order of their features."""
        return tuple(hook for hook in self._hooks if isinstance(hook, kind))

    def drop_stores(self) -> None:
        """Let the stores go: they refer to this unit of work, a circle for the collector."""
        self._stores.clear()

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, where one writer at a time needs no row locks."""
        return self.engine == SQLITE

    def now(self) -> int:
        """Return the wall-clock time in microseconds, as rows hold it."""
        return micros(self.clock.now())

    def cursor(self, statement: Prepared, values: Mapping[str, Any]) -> Any:
        """Run a prepared statement and return what has its rows and their count."""
        sql, literals = statement.sql(self.engine)
        bound = {**literals, **values} if literals else values
        if self.engine == SQLITE:
            return self.driver.execute(sql, bound)
        return self.connection.exec_driver_sql(sql, dict(bound))

    def one(self, statement: Prepared, **values: Any) -> Row | None:
        """Return the first row, its columns by name; None when there is none."""
        cursor = self.cursor(statement, values)
        row = cursor.fetchone()
        if row is None or self.engine != SQLITE:
            return row
        return statement.named(cursor)(row)

    def value(self, statement: Prepared, **values: Any) -> Any:
        """Return the only column of a statement that always returns one row."""
        row = self.one(statement, **values)
        assert row is not None
        return row[0]

    def all(self, statement: Prepared, **values: Any) -> list[Row]:
        """Return every row, its columns by name."""
        cursor = self.cursor(statement, values)
        rows: list[Row] = cursor.fetchall()
        return list(map(statement.named(cursor), rows)) if self.engine == SQLITE else rows

    def run(self, statement: Prepared, **values: Any) -> int:
        """Run a statement that returns no rows; return how many rows it changed."""
        count: int = self.cursor(statement, values).rowcount
        return count

    def run_many(self, statement: Prepared, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement once for each mapping of values; return how many rows it changed."""
        if not rows:
            return 0
        sql, literals = statement.sql(self.engine)
        bound = [{**literals, **row} for row in rows]
        if self.engine == SQLITE:
            done = self.driver.executemany(sql, bound)
        else:
            done = self.connection.exec_driver_sql(sql, bound)
        return int(done.rowcount)

    def select(self, statement: Executable) -> list[Row]:
        """Return every row of a statement that is put together anew for each call."""
        return list(self.connection.execute(statement).fetchall())


class SqlStore:
    """Base of the stores: statements over the tables of one noun, run in a unit of work."""

    noun = ""  # what a refusal calls a row

    def __init__(self, uow: UnitOfWork) -> None:
        self._db = uow

    def _existing(self, statement: Prepared, organization_id: str, key: str) -> Row:
        """Return the row that a statement finds by `org` and `id`, or raise NotFound."""
        row = self._db.one(statement, org=organization_id, id=key)
        if row is None:
            raise NotFound.of(self.noun, key)
        return row

    def _change(self, statement: Prepared, organization_id: str, key: str, **values: Any) -> None:
        """Run a statement that changes the row of `org` and `id`, or raise NotFound."""
        if not self._db.run(statement, org=organization_id, id=key, **values):
            raise NotFound.of(self.noun, key)
