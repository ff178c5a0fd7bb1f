"""The store of blob references: which row keeps which blob; garbage collection goes by them.

A reference is written in the commit that names the blob, by whoever writes the naming row, and is
removed with it. Owners are texts such as `job/<id>` or `version/<id>`.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, func, select

from assay.kernel.storage import tables
from assay.kernel.storage.sql import Prepared, insert_or_ignore
from assay.kernel.storage.unit_of_work import SqlStore
from assay.kernel.storage.usage import Usages

_R = tables.blob_references.c
_ADD = insert_or_ignore(tables.blob_references)
_REMOVE = Prepared(
    delete(tables.blob_references).where(
        _R.organization_id == bindparam("org"), _R.owner == bindparam("owner")
    )
)
_DROP = Prepared(
    delete(tables.blob_references)
    .where(
        _R.organization_id == bindparam("org"),
        _R.owner == bindparam("owner"),
        _R.blob == bindparam("blob"),
    )
    .returning(_R.bytes)
)
_ALL = Prepared(select(_R.organization_id, _R.blob).distinct())
_KEPT = Prepared(
    select(func.coalesce(func.sum(_R.bytes), 0).label("bytes"), func.count().label("blobs")).where(
        _R.organization_id == bindparam("org"), _R.owner == bindparam("owner")
    )
)


class BlobReferences(SqlStore):
    """References to blobs, of any feature's rows."""

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
        self._db[Usages].count(organization_id, more_bytes, more_blobs)

    def remove(self, organization_id: str, owner: str) -> None:
        """Let all blobs of `owner` go; one that another owner keeps stays."""
        kept = self._db.one(_KEPT, org=organization_id, owner=owner)
        if kept is not None and kept.blobs:
            self._db.run(_REMOVE, org=organization_id, owner=owner)
            self._db[Usages].count(organization_id, -int(kept.bytes), -kept.blobs)

    def drop(self, organization_id: str, owner: str, addresses: Iterable[str]) -> None:
        """Let some blobs of `owner` go; those that it does not keep are passed over."""
        rows = [
            self._db.one(_DROP, org=organization_id, owner=owner, blob=address)
            for address in addresses
        ]
        dropped = [int(row.bytes) for row in rows if row is not None]
        self._db[Usages].count(organization_id, -sum(dropped), -len(dropped))

    def every(self) -> set[tuple[str, str]]:
        """Return the (organization, address) of every blob that is kept, of all organizations."""
        return {(row.organization_id, row.blob) for row in self._db.all(_ALL)}


def job_owner(job_id: str) -> str:
    """Return the owner that a job is."""
    return f"job/{job_id}"
