"""The blobs that a job may read and write: those of its organization."""

from __future__ import annotations

from typing import BinaryIO

from assay.kernel.jobs.job import TaskRecord
from assay.kernel.storage.blobs import BlobStore, BlobView


class JobBlobs:
    """The blobs of one organization, by content address."""

    def __init__(self, store: BlobStore, organization_id: str) -> None:
        self._store = store
        self._organization_id = organization_id

    def read(self, address: str) -> bytes:
        """Return a blob's bytes."""
        return self._store.read(self._organization_id, address)

    def view(self, address: str) -> BlobView:
        """Return a whole blob as a buffer; a local file is mapped, not read."""
        return self._store.view(self._organization_id, address)

    def open(self, address: str) -> BinaryIO:
        """Open a blob to read; the file is seekable."""
        return self._store.open(self._organization_id, address)

    def put(self, data: bytes) -> str:
        """Store bytes, synced, and return their address."""
        return self._store.put(self._organization_id, data)

    def partial(self, record: TaskRecord) -> bytes:
        """Return the partial of a finished task, wherever it rests."""
        if record.partial is not None:
            return record.partial
        assert record.partial_blob is not None, f"task {record.key} has no partial"
        return self.read(record.partial_blob)
