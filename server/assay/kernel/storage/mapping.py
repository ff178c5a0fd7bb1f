"""The mapping between records and rows, by the names of fields and columns.

What a column holds of a value follows from its type: times are microseconds, enumerations their
values, texts, numbers, truths and bytes themselves, and all else is canonical JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import Enum
from functools import partial
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from sqlalchemy import BindParameter, Column, Table, bindparam

from assay.kernel.storage.sql import Row, micros, moment
from assay.records import decode, encode_text

R = TypeVar("R")

_PLAIN = frozenset({str, int, float, bool, bytes, NoneType})
_READ: Mapping[Any, Callable[[Any], Any] | None] = {
    **dict.fromkeys((str, int, float)),
    bool: bool,
    bytes: bytes,
    datetime: moment,
}


class RowMapper(Generic[R]):
    """Reads rows as records of one class; each field is a column of its name.

    `computed` fields are no columns: `read` is given them. `read_as` says how a column is read
    where its type does not; NULL is None without a question.
    """

    def __init__(
        self,
        kind: type[R],
        table: Table,
        *,
        computed: tuple[str, ...] = (),
        **read_as: Callable[[Any], Any],
    ) -> None:
        hints = get_type_hints(kind)
        self.columns: tuple[Column[Any], ...] = tuple(
            table.c[name] for name in hints if name in table.c
        )
        readers = {
            name: read_as.get(name) or _reader(hint)
            for name, hint in hints.items()
            if name not in computed
        }
        arguments = [
            f"{name}=row.{name}"
            if reader is None
            else f"{name}=None if row.{name} is None else read_{name}(row.{name})"
            for name, reader in readers.items()
        ]
        names = {"record": kind, **{f"read_{name}": reader for name, reader in readers.items()}}
        source = f"lambda row, **computed: record({', '.join(arguments)}, **computed)"
        # As fast as a constructor's call by hand, which is what it is: a hot read makes three.
        self._read = eval(source, names)  # noqa: S307  # source holds names of our own fields alone

    def read(self, row: Row, **computed: Any) -> R:
        """Return the record of a row."""
        record: R = self._read(row, **computed)
        return record


def values_of(table: Table, record: object, **others: Any) -> dict[str, Any]:
    """Return what each column of a table holds: of `others`, of the record's fields, else NULL."""
    return {
        name: stored(others[name] if name in others else getattr(record, name, None))
        for name in table.c.keys()  # noqa: SIM118  # a collection of columns yields columns
    }


def stored(value: Any) -> Any:
    """Return what a column holds of a value."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, datetime):
        return micros(value)
    if isinstance(value, Enum):
        return value.value
    return encode_text(sorted(value) if isinstance(value, AbstractSet) else value)


def bound(*names: str) -> dict[str, BindParameter[Any]]:
    """Return parameters for the SET of an UPDATE, each named as its column."""
    return {name: bindparam(name) for name in names}


def _reader(hint: Any) -> Callable[[Any], Any] | None:
    """Return what reads a column of a field's type; None: the value is taken as it is."""
    options = [one for one in get_args(hint) if one is not NoneType]
    kind = options[0] if NoneType in get_args(hint) else hint
    if kind in _READ:
        return _READ[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return partial(decode, kind)
