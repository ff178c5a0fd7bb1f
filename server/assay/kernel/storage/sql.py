"""Small tools under every store: times, statements compiled once, inserts that may repeat."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Dialect

from assay.records import decode_json, encode_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

_DIALECTS: dict[str, Dialect] = {
    SQLITE: SQLiteDialect_pysqlite(paramstyle="named"),
    POSTGRESQL: PGDialect_psycopg(),  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
}

Row = Any  # a tuple of the selected columns; sqlite3 and psycopg are untyped here


class Prepared:
    """A statement that is compiled once for each engine and then run by the driver alone.

    SQLAlchemy writes the SQL; running the text skips 30 µs of its machinery, which is
    more than SQLite needs for the answer. Parameters must be what the drivers take as
    they are: int, float, str, bytes, bool or None.
    """

    __slots__ = ("_compiled", "_make")

    def __init__(self, make: Executable | Callable[[str], Executable]) -> None:
        self._make = make
        self._compiled: dict[str, tuple[str, dict[str, Any]]] = {}

    def sql(self, engine: str) -> tuple[str, dict[str, Any]]:
        """Return the SQL for `engine` and the values of its literals by name."""
        found = self._compiled.get(engine)
        if found is None:
            statement = self._make if isinstance(self._make, Executable) else self._make(engine)
            compiled = statement.compile(dialect=_DIALECTS[engine])  # type: ignore[attr-defined]  # every Executable that we pass is a ClauseElement
            literals = {k: v for k, v in compiled.params.items() if v is not None}
            found = self._compiled[engine] = (str(compiled), literals)
        return found


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


def micros_or_none(moment: datetime | None) -> int | None:
    """Return `micros(moment)`, or None for None."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """Return the time that `micros` wrote."""
    return _EPOCH + _MICROSECOND * value


def moment_or_none(value: int | None) -> datetime | None:
    """Return `moment(value)`, or None for None."""
    return None if value is None else _EPOCH + _MICROSECOND * value


def json_text(value: Any) -> str:
    """Return the canonical JSON of `value` as text."""
    return encode_text(value)


def from_json(text: str) -> Any:
    """Return what `json_text` wrote."""
    return decode_json(text)
