"""What entries and extractions have in common: documents in a holder, by id and by bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Column, Select, Table, select

from assay.domain.errors import TooLarge
from assay.domain.ground_truth import MAX_DOCUMENTS
from assay.domain.page import Cursor, Page
from assay.storage.paging import newest_first
from assay.storage.session import Session
from assay.storage.sql import Row, moment

T = TypeVar("T")

LOOK_UP = 500  # ids in one look-up


class _Document(Protocol):
    @property
    def document_id(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Documents:
    """The columns by which the documents of a table are found."""

    table: Table
    key: Column[str]  # the document's own UUID
    holder: Column[str]  # the dataset or the run that it is in
    columns: tuple[Column[Any], ...]  # what is read of it, `key` among them

    def present(
        self, db: Session, organization_id: str, holder_id: str, document_ids: Sequence[str]
    ) -> set[str]:
        """Return those of the documents that the holder has already."""
        c = self.table.c
        found: set[str] = set()
        for start in range(0, len(document_ids), LOOK_UP):
            rows = db.select(
                select(c.document_id).where(
                    c.organization_id == organization_id,
                    self.holder == holder_id,
                    c.document_id.in_(document_ids[start : start + LOOK_UP]),
                )
            )
            found.update(row[0] for row in rows)
        return found

    def page(
        self,
        db: Session,
        organization_id: str,
        holder_id: str,
        *,
        limit: int,
        after: Cursor | None,
        document_id: str | None,
        max_bytes: int,
    ) -> tuple[list[Row], Cursor | None]:
        """Return a page's rows, newest first, and where the next page starts."""
        c = self.table.c
        statement: Select[Any] = select(self.key, c.created_at, c.size).where(
            c.organization_id == organization_id, self.holder == holder_id
        )
        if document_id is not None:
            statement = statement.where(c.document_id == document_id)
        listed = db.select(
            newest_first(statement, c.created_at, self.key, limit=limit, after=after)
        )
        kept = within(listed, limit, max_bytes, lambda row: row[2])
        last = listed[kept - 1] if kept < len(listed) else None
        cursor = None if last is None else Cursor(created_at=moment(last[1]), id=last[0])
        return self.rows(db, organization_id, [row[0] for row in listed[:kept]]), cursor

    def rows(self, db: Session, organization_id: str, keys: Sequence[str]) -> list[Row]:
        """Return the rows of these keys, in their order; a key without a row has none."""
        c = self.table.c
        found: dict[str, Row] = {}
        for start in range(0, len(keys), LOOK_UP):
            statement = select(self.key, *self.columns).where(
                c.organization_id == organization_id, self.key.in_(keys[start : start + LOOK_UP])
            )
            found.update((row[0], row[1:]) for row in db.select(statement))
        return [found[key] for key in keys if key in found]


def within(rows: Sequence[Row], limit: int, max_bytes: int, size: Callable[[Row], int]) -> int:
    """Return how many of `rows`, at least one, are a page of at most `limit` and `max_bytes`."""
    total = 0
    for index, row in enumerate(rows[:limit]):
        total += size(row)
        if total > max_bytes and index:
            return index
    return min(len(rows), limit)


def split_new(new: Sequence[_Document], present: set[str]) -> tuple[list[int], tuple[int, ...]]:
    """Return the places in `new` of first documents, and of those that are there already."""
    seen = set(present)
    fresh: list[int] = []
    left_out: list[int] = []
    for place, one in enumerate(new):
        (left_out if one.document_id in seen else fresh).append(place)
        seen.add(one.document_id)
    return fresh, tuple(left_out)


def check_room(kind: str, holder_id: str, held: int, more: int) -> None:
    """Raise TooLarge when a holder of `held` documents cannot take `more`."""
    if held + more > MAX_DOCUMENTS:
        raise TooLarge(
            f"The {kind} '{holder_id}' holds {held} documents and {more} more were sent; at most "
            f"{MAX_DOCUMENTS} are allowed. Put the others into another {kind}.",
            metadata={"held": held, "sent": more, "limit": MAX_DOCUMENTS},
        )


def page_from(found: tuple[list[Row], Cursor | None], read: Callable[[Row], T]) -> Page[T]:
    """Return what `Documents.page` found as a page."""
    rows, cursor = found
    return Page(items=tuple(read(row) for row in rows), next=cursor)
