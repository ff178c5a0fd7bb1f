"""The store of usage: the bytes that an organization keeps, counted in the commit that keeps them.

Blobs count once for each of their owners; documents, which are rows, count with what a row takes
beside their values. It is an estimate: indexes and pages of the database are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from assay.kernel.errors import QuotaExceeded
from assay.kernel.storage import tables
from assay.kernel.storage.sql import Prepared, insert_or_ignore
from assay.kernel.storage.unit_of_work import SqlStore

ROW_BYTES = 256  # that a row of a document takes beside its values: ids, times and their indexes

_U = tables.usage.c
_USED = Prepared(select(_U.bytes, _U.blobs).where(_U.organization_id == bindparam("org")))
_BEGIN = insert_or_ignore(tables.usage)
_COUNT = Prepared(
    update(tables.usage)
    .where(_U.organization_id == bindparam("org"))
    .values(bytes=_U.bytes + bindparam("more_bytes"), blobs=_U.blobs + bindparam("more_blobs"))
    .returning(_U.bytes, _U.blobs)
)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What an organization keeps."""

    bytes: int  # of blobs and of documents
    blobs: int


class Usages(SqlStore):
    """What each organization keeps altogether."""

    def of(self, organization_id: str) -> Usage:
        """Return what an organization keeps."""
        row = self._db.one(_USED, org=organization_id)
        return Usage(bytes=0, blobs=0) if row is None else Usage(bytes=row.bytes, blobs=row.blobs)

    def count(self, organization_id: str, more_bytes: int, more_blobs: int = 0) -> None:
        """Count what is kept from now on, or with negative numbers no more.

        QuotaExceeded when the organization would keep more than it is allowed.
        """
        if not more_bytes and not more_blobs:
            return
        more = {"org": organization_id, "more_bytes": more_bytes, "more_blobs": more_blobs}
        row = self._db.one(_COUNT, **more)
        if row is None:
            self._db.run(_BEGIN, organization_id=organization_id, bytes=0, blobs=0)
            row = self._db.one(_COUNT, **more)
        assert row is not None
        if more_bytes > 0:
            _check(self._db.context.quota_bytes, row.bytes)


def _check(quota: int | None, used: int) -> None:
    """Raise QuotaExceeded when more is used than the quota, in bytes; None: there is none."""
    if quota is not None and used > quota:
        raise QuotaExceeded(
            f"The organization would store {used} bytes of uploads, documents and results; {quota} "
            "are allowed. Delete models, benchmarks, runs or datasets that are no longer needed, or "
            "ask for a larger ASSAY_QUOTA_BYTES.",
            metadata={"used_bytes": used, "quota_bytes": quota},
        )
