"""Keyset paging: a page starts strictly after a row, so that inserts shift nothing.

Some pages are bounded by bytes as well: such a page holds fewer rows than were asked for when
these would have more than `max_bytes` of JSON, but never none while one is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import Column, ColumnElement, Select, tuple_

from assay.kernel.cursor import Cursor, Page
from assay.kernel.storage.sql import Row, micros
from assay.kernel.storage.unit_of_work import UnitOfWork

T = TypeVar("T")

PAGE_BYTES = 2 * 1024 * 1024  # JSON of one page of documents, of schemas or of benchmarks


def newest_first(
    statement: Select[Any],
    created_at: ColumnElement[int],
    key: ColumnElement[str],
    *,
    limit: int,
    after: Cursor | None,
) -> Select[Any]:
    """Return `statement` ordered by (created_at, key), newest first, strictly after `after`.

    It asks for one row more than `limit`, from which `page_of` knows whether more follow.
    """
    if after is not None:
        place = tuple_(micros(after.created_at), after.id)
        statement = statement.where(tuple_(created_at, key) < place)
    return statement.order_by(created_at.desc(), key.desc()).limit(limit + 1)


def newest_page(
    db: UnitOfWork,
    statement: Select[Any],
    key: Column[str],
    read: Callable[[Row], T],
    *,
    limit: int,
    after: Cursor | None,
    size: ColumnElement[int] | None = None,
    max_bytes: int = PAGE_BYTES,
) -> Page[T]:
    """Return a page of a table by its `created_at` and `key`, newest first.

    Where rows are large `size` says how large, and is looked at before any of them is read.
    """
    created_at = key.table.c.created_at
    if size is not None:
        sizes = statement.with_only_columns(size.label("size"), maintain_column_froms=True)
        listed = db.select(newest_first(sizes, created_at, key, limit=limit, after=after))
        limit = within(listed, limit, max_bytes, lambda row: row.size) or limit
    rows = db.select(newest_first(statement, created_at, key, limit=limit, after=after))
    place = attrgetter("created_at", key.name)

    def cursor(item: T) -> Cursor:
        created_at, identifier = place(item)
        return Cursor(created_at=created_at, id=identifier)

    return page_of(rows, limit, read, cursor)


def page_of(
    rows: Sequence[Row], limit: int, read: Callable[[Row], T], place: Callable[[T], Cursor]
) -> Page[T]:
    """Return up to `limit` of `rows` as a page; `place` gives an item's cursor."""
    items = tuple(read(row) for row in rows[:limit])
    more = len(rows) > limit
    return Page(items=items, next=place(items[-1]) if more else None)


def within(rows: Sequence[Row], limit: int, max_bytes: int, size: Callable[[Row], int]) -> int:
    """Return how many of `rows`, at least one, are a page of at most `limit` and `max_bytes`."""
    total = 0
    for index, row in enumerate(rows[:limit]):
        total += size(row)
        if total > max_bytes and index:
            return index
    return min(len(rows), limit)
