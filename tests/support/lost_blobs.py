"""Blobs of an organization that are gone for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from assay.kernel.storage.blob_references import BlobReferences
from tests.support.rpc_service import Running


@contextmanager
def lost_blobs(rpc: Running, organization_id: str, *addresses: str) -> Iterator[None]:
    """Have the files of some blobs of an organization, or of all that it keeps, away for a while."""
    with rpc.backend.store.read() as uow:
        kept = sorted(blob for org, blob in uow[BlobReferences].every() if org == organization_id)
    paths = [rpc.backend.blobs.path(organization_id, blob) for blob in addresses or kept]
    files = [path for path in paths if path is not None]
    assert files
    for path in files:
        path.rename(path.with_name(path.name + ".away"))
    try:
        yield
    finally:
        for path in files:
            path.with_name(path.name + ".away").rename(path)
