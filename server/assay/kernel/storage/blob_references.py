"""The store of blob references: which row keeps which blob; garbage collection goes by them.

A reference is written in the commit that names the blob, by whoever writes the naming row, and is
removed with it. Owners are texts such as `job/<id>` or `version/<id>`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, update

from assay.kernel.errors import QuotaExceeded
from assay.kernel.storage import tables
from assay.kernel.storage.sql import Prepared, insert_or_ignore
from assay.kernel.storage.unit_of_work import SqlStore

_R = tables.blob_references.c
_ADD = insert_or_ignore(tables.blob_references)
_REMOVE = Prepared(
    delete(tables.blob_references).where(
        _R.organization_id == bindparam("org"), _R.owner == bindparam("owner")
    )
)
_ALL = Prepared(select(_R.organization_id, _R.blob).distinct())
_KEPT = Prepared(
    select(func.coalesce(func.sum(_R.bytes), 0).label("bytes"), func.count().label("blobs")).where(
        _R.organization_id == bindparam("org"), _R.owner == bindparam("owner")
    )
)
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
    """What an organization keeps as blobs."""

    bytes: int
    blobs: int


class BlobReferences(SqlStore):
    """References to blobs, of any feature's rows, and what they keep altogether."""

    def add(self, organization_id: str, owner: str, addresses: Iterable[str]) -> None:
        """Keep blobs for as long as `owner` stands; those that it keeps already stay kept.

        QuotaExceeded when the organization would keep more than it is allowed.
        """
        size = self._db.context.blob_size
        more_bytes = more_blobs = 0
        for address in dict.fromkeys(addresses):
            row = {"organization_id": organization_id, "owner": owner, "blob": address}
            found = size(organization_id, address)
            if self._db.run(_ADD, **row, bytes=found):
                more_bytes += found
                more_blobs += 1
        if more_blobs:
            used = self._count(organization_id, more_bytes, more_blobs)
            check_quota(self._db.context.quota_bytes, used)

    def remove(self, organization_id: str, owner: str) -> None:
        """Let all blobs of `owner` go; one that another owner keeps stays."""
        kept = self._db.one(_KEPT, org=organization_id, owner=owner)
        if kept is not None and kept.blobs:
            self._db.run(_REMOVE, org=organization_id, owner=owner)
            self._count(organization_id, -int(kept.bytes), -kept.blobs)

    def usage(self, organization_id: str) -> Usage:
        """Return what an organization keeps."""
        row = self._db.one(_USED, org=organization_id)
        return Usage(bytes=0, blobs=0) if row is None else Usage(bytes=row.bytes, blobs=row.blobs)

    def _count(self, organization_id: str, more_bytes: int, more_blobs: int) -> Usage:
        more = {"org": organization_id, "more_bytes": more_bytes, "more_blobs": more_blobs}
        row = self._db.one(_COUNT, **more)
        if row is None:
            self._db.run(_BEGIN, organization_id=organization_id, bytes=0, blobs=0)
            row = self._db.one(_COUNT, **more)
        assert row is not None
        return Usage(bytes=row.bytes, blobs=row.blobs)

    def every(self) -> set[tuple[str, str]]:
        """Return the (organization, address) of every blob that is kept, of all organizations."""
        return {(row.organization_id, row.blob) for row in self._db.all(_ALL)}


def check_quota(quota: int | None, used: Usage) -> None:
    """Raise QuotaExceeded when more is used than the quota, in bytes; None: there is none."""
    if quota is not None and used.bytes > quota:
        raise QuotaExceeded(
            f"The organization would store {used.bytes} bytes of uploads and results; {quota} are "
            "allowed. Delete models, benchmarks or datasets that are no longer needed, or ask for "
            "a larger ASSAY_QUOTA_BYTES.",
            metadata={"used_bytes": used.bytes, "quota_bytes": quota},
        )


def job_owner(job_id: str) -> str:
    """Return the owner that a job is."""
    return f"job/{job_id}"
