"""One transaction's way to the database, the same for both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Executable

from assay.kernel.clock import Clock
from assay.kernel.ids import Ids
from assay.kernel.jobs.leases import LeaseClock
from assay.kernel.storage.sql import SQLITE, Prepared, Row, micros


class Session:
    """Runs statements inside a transaction that someone else began and will end.

    `touched` gathers the jobs that this transaction changed; `batches` the first event
    sequence that it wrote to each, so that the events of one commit can be told.
    """

    def __init__(
        self, connection: Connection, engine: str, *, clock: Clock, ids: Ids, leases: LeaseClock
    ) -> None:
        self.connection = connection
        self.engine = engine
        self.clock = clock
        self.ids = ids
        self.leases = leases
        self.driver: Any = connection.connection.driver_connection
        self.touched: set[tuple[str, str]] = set()
        self.batches: dict[tuple[str, str], int] = {}

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
        """Return the first row as a tuple; None when there is none."""
        return self.cursor(statement, values).fetchone()

    def value(self, statement: Prepared, **values: Any) -> Any:
        """Return the only column of a statement that always returns one row."""
        row = self.one(statement, **values)
        assert row is not None
        return row[0]

    def all(self, statement: Prepared, **values: Any) -> list[Row]:
        """Return every row as a tuple."""
        rows: list[Row] = self.cursor(statement, values).fetchall()
        return rows

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
