"""Rows of documents, as entries and extractions have them: by holder, by id and by bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Column, Select, Table, select

from assay.features.imports.model import MAX_DOCUMENTS
from assay.kernel.cursor import Cursor, Page
from assay.kernel.errors import TooLarge
from assay.kernel.storage.keyset import newest_first, within
from assay.kernel.storage.sql import Prepared, Row, moment
from assay.kernel.storage.unit_of_work import UnitOfWork

T = TypeVar("T")

NewRow = Mapping[str, Any]  # the values of a new row by column

LOOK_UP = 500  # ids in one look-up


def size_of(rows: Sequence[NewRow], left_out: Sequence[int]) -> int:
    """Return the bytes of the rows that were not left out."""
    return sum(int(row["size"]) for row in rows) - sum(int(rows[at]["size"]) for at in left_out)


@dataclass(frozen=True, kw_only=True)
class Documents:
    """The columns by which the documents of a table are found."""

    table: Table
    key: Column[str]  # the document's own UUID
    holder: Column[str]  # the dataset or the run that it is in
    columns: tuple[Column[Any], ...]  # what is read of it, `key` among them

    def add(
        self, db: UnitOfWork, organization_id: str, statement: Prepared, rows: Sequence[NewRow]
    ) -> tuple[int, ...]:
        """Run `statement`, an insert that leaves out what is there, for each row.

        Return the places of the rows that were left out, rising.
        """
        if db.run_many(statement, rows) == len(rows):
            return ()
        stored: set[str] = set()
        keys = [str(row[self.key.name]) for row in rows]
        for start in range(0, len(keys), LOOK_UP):
            found = select(self.key.label("key")).where(
                self.table.c.organization_id == organization_id,
                self.key.in_(keys[start : start + LOOK_UP]),
            )
            stored.update(row.key for row in db.select(found))
        return tuple(place for place, key in enumerate(keys) if key not in stored)

    def page(
        self,
        db: UnitOfWork,
        organization_id: str,
        holder_id: str,
        *,
        limit: int,
        after: Cursor | None,
        document_id: str | None,
        max_bytes: int,
        read: Callable[[Row], T],
    ) -> Page[T]:
        """Return a page of a holder's documents, newest first, each as `read` makes it of its row."""
        c = self.table.c
        statement: Select[Any] = select(self.key.label("key"), c.created_at, c.size).where(
            c.organization_id == organization_id, self.holder == holder_id
        )
        if document_id is not None:
            statement = statement.where(c.document_id == document_id)
        listed = db.select(
            newest_first(statement, c.created_at, self.key, limit=limit, after=after)
        )
        kept = within(listed, limit, max_bytes, lambda row: row.size)
        last = listed[kept - 1] if kept < len(listed) else None
        cursor = None if last is None else Cursor(created_at=moment(last.created_at), id=last.key)
        rows = self.rows(db, organization_id, [row.key for row in listed[:kept]])
        return Page(items=tuple(map(read, rows)), next=cursor)

    def rows(self, db: UnitOfWork, organization_id: str, keys: Sequence[str]) -> list[Row]:
        """Return the rows of these keys, in their order; a key without a row has none."""
        c = self.table.c
        found: dict[str, Row] = {}
        for start in range(0, len(keys), LOOK_UP):
            statement = select(self.key.label("key"), *self.columns).where(
                c.organization_id == organization_id, self.key.in_(keys[start : start + LOOK_UP])
            )
            found.update((row.key, row) for row in db.select(statement))
        return [found[key] for key in keys if key in found]


def check_room(kind: str, holder_id: str, held: int) -> None:
    """Raise TooLarge when a holder has come to more documents than it may have."""
    if held > MAX_DOCUMENTS:
        raise TooLarge(
            f"The {kind} '{holder_id}' would hold {held} documents or more; at most "
            f"{MAX_DOCUMENTS} are allowed. Put some into another {kind}.",
            metadata={"would_hold": held, "limit": MAX_DOCUMENTS},
        )
