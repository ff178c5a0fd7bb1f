"""The store of blob references: which row keeps which blob; garbage collection goes by them.

A reference is written in the commit that names the blob, by whoever writes the naming row, and is
removed with it. Owners are texts such as `job/<id>` or `version/<id>`.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, select

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


class BlobReferences(SqlStore):
    """References to blobs, of any feature's rows."""

    def add(self, organization_id: str, owner: str, addresses: Iterable[str]) -> None:
        """Keep blobs for as long as `owner` stands; those that it keeps already stay kept."""
        rows = [
            {"organization_id": organization_id, "owner": owner, "blob": address}
            for address in dict.fromkeys(addresses)
        ]
        self._db.run_many(_ADD, rows)

    def remove(self, organization_id: str, owner: str) -> None:
        """Let all blobs of `owner` go; one that another owner keeps stays."""
        self._db.run(_REMOVE, org=organization_id, owner=owner)

    def every(self) -> set[tuple[str, str]]:
        """Return the (organization, address) of every blob that is kept, of all organizations."""
        return {(row.organization_id, row.blob) for row in self._db.all(_ALL)}


def job_owner(job_id: str) -> str:
    """Return the owner that a job is."""
    return f"job/{job_id}"
