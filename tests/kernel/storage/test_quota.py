"""The quota of an organization: counted with what is kept, and refused before it is passed."""

from __future__ import annotations

import pytest

from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.kernel.errors import QuotaExceeded
from assay.kernel.storage.blob_references import BlobReferences
from assay.kernel.storage.store import open_store
from assay.kernel.storage.unit_of_work import StoreContext
from assay.kernel.storage.usage import ROW_BYTES, Usage, Usages
from assay.records import replace
from tests.support.document_rows import NEW_RUN, add_dataset, entry, extraction
from tests.support.store_rows import ORG, OTHER


@pytest.fixture
def limited(url):
    """A store whose blobs have 100 bytes each, of which an organization may keep 250."""
    store = open_store(url, StoreContext(blob_size=lambda *_: 100, quota_bytes=250))
    yield store
    store.close()


def used(store, organization=ORG):
    with store.read() as uow:
        return uow[Usages].of(organization)


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


def test_documents_count_with_what_they_hold(store):
    """Entries and extractions count by their bytes, whatever is left out, and give them back."""
    with store.write() as uow:
        dataset_id = add_dataset(uow).dataset_id
        run_id = uow[ExtractionRuns].create(ORG, NEW_RUN).run_id
        assert uow[Usages].of(ORG).bytes == 0
        noted = replace(entry("a"), notes="ü" * 10)
        uow[Entries].add_many(ORG, dataset_id, [noted, entry("b"), entry("a")])
        of_entries = 2 * (len('{"k":"v"}') + ROW_BYTES) + 20
        assert uow[Usages].of(ORG) == Usage(bytes=of_entries, blobs=0)
        uow[Extractions].add_many(ORG, run_id, [extraction("a"), extraction("a")])
        of_run = len('{"k":"v"}{"k":0.5}') + ROW_BYTES
        assert uow[Usages].of(ORG).bytes == of_entries + of_run
        first = uow[Entries].list(ORG, dataset_id, limit=9, document_id="a").items[0]
        uow[Entries].delete(ORG, dataset_id, first.entry_id)
        assert uow[Usages].of(ORG).bytes == of_entries // 2 - 10 + of_run
        uow[GroundTruthDatasets].delete(ORG, dataset_id)
        assert uow[Usages].of(ORG).bytes == of_run
        uow[ExtractionRuns].delete(ORG, run_id)
        assert uow[Usages].of(ORG) == Usage(bytes=0, blobs=0)


def test_documents_beyond_the_quota_are_refused(url):
    """Documents that would pass the quota are refused, and what was there before stays."""
    limited = open_store(url, StoreContext(quota_bytes=3 * (ROW_BYTES + 9)))
    with limited.write() as uow:
        dataset_id = add_dataset(uow).dataset_id
        run_id = uow[ExtractionRuns].create(ORG, NEW_RUN).run_id
        uow[Entries].add_many(ORG, dataset_id, [entry("a"), entry("b")])
    before = used(limited)
    with pytest.raises(QuotaExceeded, match="documents"), limited.write() as uow:
        uow[Entries].add_many(ORG, dataset_id, [entry("c"), entry("d")])
    with pytest.raises(QuotaExceeded), limited.write() as uow:
        uow[Extractions].add_many(ORG, run_id, [extraction("a")])
    assert used(limited) == before
    with limited.write() as uow:
        uow[Entries].add(ORG, dataset_id, entry("c"))
    limited.close()
