"""Small tools under every store: times, statements compiled once, inserts that may repeat."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

_DIALECTS: dict[str, Dialect] = {
    SQLITE: SQLiteDialect_pysqlite(paramstyle="named"),
    POSTGRESQL: PGDialect_psycopg(),  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
}

_row_class: Any = namedtuple  # noqa: PYI024  # the names are known when a statement has run
Row = Any  # its columns are attributes: row.name; sqlite3 and psycopg are untyped here


class Prepared:
    """A statement that is compiled once for each engine and then run by the driver alone.

    SQLAlchemy writes the SQL; running the text skips 30 µs of its machinery, which is
    more than SQLite needs for the answer. Parameters must be what the drivers take as
    they are: int, float, str, bytes, bool or None.
    """

    __slots__ = ("_compiled", "_make", "_row")

    def __init__(self, make: Executable | Callable[[str], Executable]) -> None:
        self._make = make
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}
        self._row: Callable[[Any], Row] | None = None

    def sql(self, engine: str) -> tuple[str, dict[str, Any]]:
        """Return the SQL for `engine` and the values of its literals by name."""
        found = self._compiled.get(engine)
        if found is None:
            statement = self._make if isinstance(self._make, Executable) else self._make(engine)
            compiled = statement.compile(dialect=_DIALECTS[engine])  # type: ignore[attr-defined]  # every Executable that we pass is a ClauseElement
            literals = {k: v for k, v in compiled.params.items() if v is not None}
            found = self._compiled[engine] = (str(compiled), literals)
        return found

    def named(self, cursor: Any) -> Callable[[Any], Row]:
        """Return what names the columns of this statement's rows, as `cursor` describes them."""
        if self._row is None:
            names = [column[0] for column in cursor.description]
            self._row = _row_class("Row", names, rename=True)._make
        return self._row


def insert_or_ignore(table: Table) -> Prepared:
    """Return an INSERT of all columns that does nothing when a key is already there."""

    def make(engine: str) -> Executable:
        if engine == POSTGRESQL:
            return postgresql.insert(table).on_conflict_do_nothing()
        return sqlite.insert(table).on_conflict_do_nothing()

    return Prepared(make)


def insert_or_replace(table: Table) -> Prepared:
    """Return an INSERT of all columns that overwrites the row with the same primary key."""
    keys = [column.name for column in table.primary_key.columns]
    others = [column.name for column in table.columns if column.name not in keys]

    def make(engine: str) -> Executable:
        if engine == POSTGRESQL:
            added = postgresql.insert(table)
            return added.on_conflict_do_update(
                index_elements=keys, set_={name: added.excluded[name] for name in others}
            )
        put = sqlite.insert(table)
        return put.on_conflict_do_update(
            index_elements=keys, set_={name: put.excluded[name] for name in others}
        )

    return Prepared(make)


def micros(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970 in UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Return the time that `micros` wrote."""
    return _EPOCH + _MICROSECOND * value


class JoinedColumns:
    """Columns of one table in a row of several: selected under a prefix, read by their own names."""

    __slots__ = ("_get", "_row", "columns")

    def __init__(self, prefix: str, columns: Sequence[ColumnElement[Any]]) -> None:
        names = [column.key for column in columns]
        self.columns = tuple(column.label(f"{prefix}_{column.key}") for column in columns)
        self._get = attrgetter(*(column.name for column in self.columns))
        self._row = _row_class(prefix, names)._make

    def of(self, row: Row) -> Row:
        """Return these columns of a row as a row of its own."""
        return self._row(self._get(row))
