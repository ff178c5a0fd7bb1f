"""The blobs that a job may read and write: those of its organization."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import BinaryIO

from assay.kernel.jobs.job import TaskRecord
from assay.kernel.storage.blobs import BlobStore


class JobBlobs:
    """The blobs of one organization, by content address."""

    def __init__(self, store: BlobStore, organization_id: str) -> None:
        self._store = store
        self._organization_id = organization_id

    def read(self, address: str) -> bytes:
        """Return a blob's bytes."""
        return self._store.read(self._organization_id, address)

    def view(self, address: str) -> bytes | mmap.mmap:
        """Return a blob's bytes, of a file only those that are looked at being read."""
        path = self.path(address)
        if path is None:
            return self.read(address)
        try:
            with path.open("rb") as file:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return self.read(address)  # which tells what is wrong in the store's own words

    def open(self, address: str) -> BinaryIO:
        """Open a blob to read; the file is seekable."""
        return self._store.open(self._organization_id, address)

    def put(self, data: bytes) -> str:
        """Store bytes, synced, and return their address."""
        return self._store.put(self._organization_id, data)

    def path(self, address: str) -> Path | None:
        """Return the file of a blob where the store has files, else None."""
        return self._store.path(self._organization_id, address)

    def partial(self, record: TaskRecord) -> bytes:
        """Return the partial of a finished task, wherever it rests."""
        if record.partial is not None:
            return record.partial
        assert record.partial_blob is not None, f"task {record.key} has no partial"
        return self.read(record.partial_blob)
