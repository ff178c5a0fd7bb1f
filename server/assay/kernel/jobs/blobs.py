"""The blobs that a job may read and write: those of its organization."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import BinaryIO, Self

from assay.kernel.jobs.job import TaskRecord
from assay.kernel.storage.blobs import BlobDraft, BlobMark, BlobStore, BlobView, BlobWriter
from assay.kernel.storage.failures import data_of


class JobBlobs:
    """The blobs of one organization, by content address."""

    def __init__(
        self, store: BlobStore, organization_id: str, *, whose: tuple[str, str] | None = None
    ) -> None:
        self._store = store
        self._organization_id = organization_id
        self._whose = whose  # kind and id of the resource that is read; None: it is not known

    def of(self, kind: str, key: str) -> JobBlobs:
        """Return the same blobs, told as data of a resource where they are damaged or gone."""
        return JobBlobs(self._store, self._organization_id, whose=(kind, key))

    def read(self, address: str) -> bytes:
        """Return a blob's bytes."""
        with self._told():
            return self._store.read(self._organization_id, address)

    def view(self, address: str) -> BlobView:
        """Return a whole blob as a buffer; a local file is mapped, not read."""
        with self._told():
            return self._store.view(self._organization_id, address)

    def open(self, address: str) -> BinaryIO:
        """Open a blob to read; the file is seekable."""
        with self._told():
            return self._store.open(self._organization_id, address)

    def put(self, data: bytes) -> str:
        """Store bytes, synced, and return their address."""
        return self._store.put(self._organization_id, data)

    def put_stream(self, *, limit: int) -> AbstractContextManager[BlobWriter]:
        """Return a block with a writer of at most `limit` bytes; left unfinished, it keeps nothing."""
        return self._store.put_stream(self._organization_id, limit=limit)

    @property
    def made(self) -> tuple[BlobMark, ...]:
        """Return nothing: a draft alone remembers what was put."""
        return ()

    def draft(self) -> JobDraft:
        """Return the same blobs, of which those that are new can be taken back."""
        return JobDraft(self._store.draft(), self._organization_id)

    def partial(self, record: TaskRecord) -> bytes:
        """Return the partial of a finished task, wherever it rests."""
        if record.partial is not None:
            return record.partial
        assert record.partial_blob is not None, f"task {record.key} has no partial"
        return self.read(record.partial_blob)

    def _told(self) -> AbstractContextManager[None]:
        return nullcontext() if self._whose is None else data_of(*self._whose)


class JobDraft(JobBlobs):
    """Blobs of one organization; a block takes back what is new when it raises."""

    def __init__(self, draft: BlobDraft, organization_id: str) -> None:
        super().__init__(draft, organization_id)
        self._draft = draft

    @property
    def made(self) -> tuple[BlobMark, ...]:
        """Return the blobs that were put here and were not there before."""
        return self._draft.made

    def take_back(self) -> None:
        """Delete what was put here and was not there before, nor was put by others since."""
        self._draft.take_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.take_back()
