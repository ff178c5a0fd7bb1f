"""The quota of an organization: counted with the references, and refused before it is passed."""

from __future__ import annotations

import pytest

from assay.kernel.errors import QuotaExceeded
from assay.kernel.storage.blob_references import BlobReferences, Usage
from assay.kernel.storage.store import open_store
from assay.kernel.storage.unit_of_work import StoreContext
from tests.support.store_rows import ORG, OTHER


@pytest.fixture
def limited(url):
    """A store whose blobs have 100 bytes each, of which an organization may keep 250."""
    store = open_store(url, StoreContext(blob_size=lambda *_: 100, quota_bytes=250))
    yield store
    store.close()


def used(store, organization=ORG):
    with store.read() as uow:
        return uow[BlobReferences].usage(organization)


def test_what_is_kept_is_counted_and_given_back(limited):
    """Usage follows from references: those added twice count once, and those removed no more."""
    assert used(limited) == Usage(bytes=0, blobs=0)
    with limited.write() as uow:
        uow[BlobReferences].add(ORG, "job/1", ["a", "b", "a"])
        uow[BlobReferences].add(ORG, "job/1", ["a"])
    assert used(limited) == Usage(bytes=200, blobs=2)
    assert used(limited, OTHER) == Usage(bytes=0, blobs=0)
    with limited.write() as uow:
        uow[BlobReferences].remove(ORG, "job/1")
        uow[BlobReferences].remove(ORG, "job/1")
    assert used(limited) == Usage(bytes=0, blobs=0)


def test_more_than_the_quota_is_refused_whole(limited):
    """What would pass the quota is refused with what is used and allowed, and changes nothing."""
    with limited.write() as uow:
        uow[BlobReferences].add(ORG, "job/1", ["a", "b"])
    with pytest.raises(QuotaExceeded) as refused, limited.write() as uow:
        uow[BlobReferences].add(ORG, "job/2", ["c"])
    assert refused.value.metadata == {"used_bytes": "300", "quota_bytes": "250"}
    assert used(limited) == Usage(bytes=200, blobs=2)
    with limited.write() as uow:
        uow[BlobReferences].add(OTHER, "job/2", ["c"])
        uow[BlobReferences].remove(ORG, "job/1")
        uow[BlobReferences].add(ORG, "job/2", ["c"])
    assert used(limited) == Usage(bytes=100, blobs=1)
