"""The store of create requests that were answered, by (method, request id)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select, text

from assay.kernel.errors import RequestIdReused
from assay.kernel.storage import tables
from assay.kernel.storage.sql import Prepared, insert_or_ignore, micros
from assay.kernel.storage.unit_of_work import SqlStore

_R = tables.requests.c

_FIND = Prepared(
    select(_R.body_hash, _R.resource_id).where(
        _R.organization_id == bindparam("org"),
        _R.method == bindparam("method"),
        _R.request_id == bindparam("request_id"),
    )
)
_INSERT = insert_or_ignore(tables.requests)
_LOCK = Prepared(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"))
_TRIM = Prepared(delete(tables.requests).where(_R.created_at < bindparam("before")))


class Requests(SqlStore):
    """Create requests that were answered, by (method, request id)."""

    def find(
        self, organization_id: str, method: str, request_id: str, body_hash: str
    ) -> str | None:
        """Return the id that the first such request made; None if this is the first.

        Another body raises RequestIdReused. In a write block a twin of this request waits
        here until this block ends, so that of two at once one is the first.
        """
        if not self._db.is_sqlite:
            # SQLite's one writer needs no lock; here a twin waits until the first commits.
            self._db.one(_LOCK, name=f"{organization_id}\n{method}\n{request_id}")
        row = self._db.one(_FIND, org=organization_id, method=method, request_id=request_id)
        if row is None:
            return None
        if row.body_hash != body_hash:
            raise RequestIdReused(
                f"The request id '{request_id}' was used with another body. "
                "Send the same body again, or choose a new request id.",
                metadata={"request_id": request_id, "resource_id": row.resource_id},
            )
        return str(row.resource_id)

    def record(
        self,
        organization_id: str,
        method: str,
        request_id: str,
        *,
        body_hash: str,
        resource_id: str,
    ) -> None:
        """Remember what a first request made, in the commit that makes it."""
        added = self._db.run(
            _INSERT,
            organization_id=organization_id,
            method=method,
            request_id=request_id,
            body_hash=body_hash,
            resource_id=resource_id,
            created_at=self._db.now(),
        )
        if not added:
            raise RequestIdReused(
                f"The request id '{request_id}' was just used by another call. Send it again.",
                metadata={"request_id": request_id},
                retry_after=0.1,
            )

    def trim(self, before: datetime) -> int:
        """Forget the requests of all organizations from before a time; return their number."""
        return self._db.run(_TRIM, before=micros(before))
