"""Taking predictions chunk by chunk: acknowledged means valid and durable.

An upload is an OPEN job and a chunk is one of its tasks. Up to CHUNKS_IN_FLIGHT chunks are
validated and written at once; they are committed in order, those that are ready together in one
transaction, and acknowledged each with the live metrics of all rows so far. Any server resumes an upload from its rows alone.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass

from assay.features.evaluations.ingest import ingest_chunk
from assay.features.evaluations.job_results import live_state
from assay.features.evaluations.job_spec import LiveMetrics
from assay.features.evaluations.store import Evaluations
from assay.kernel.errors import HashMismatch, InvalidArgument, TooLarge, UploadFinished
from assay.kernel.jobs.events import StatusUpdates
from assay.kernel.jobs.job import MAX_INLINE_PARTIAL, Job, TaskRecord
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.jobs.states import JobState
from assay.kernel.kernel import Compute
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread

CHUNKS_IN_FLIGHT = 8


@dataclass(frozen=True, kw_only=True)
class SentChunk:
    """One chunk as it was sent."""

    evaluation_id: str
    first_row: int
    sha256: bytes  # 32 bytes
    data: bytes  # opaque here: it is decoded in compute children only


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """A chunk that is valid and durable."""

    first_row: int
    rows: int
    next_row: int  # where the upload goes on
    metrics: Mapping[str, float]  # exact, of all rows before `next_row`


@dataclass(kw_only=True)
class _Upload:
    """One stream's view of its upload. Mutable: it moves on with each commit."""

    organization_id: str
    job: Job
    next_row: int
    merged: bytes | None  # partial of all rows before next_row
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class _Ready:
    """A chunk that is valid and whose blobs are synced."""

    chunk: SentChunk
    rows: int
    partial: bytes
    blob: str
    partial_blob: str | None


class _Flight:
    """The chunks that were read and are not committed yet, in their order; None is the end."""

    def __init__(self) -> None:
        self.room = asyncio.Semaphore(CHUNKS_IN_FLIGHT)
        self._waiting: deque[asyncio.Task[_Ready] | None] = deque()
        self._news = asyncio.Event()

    def put(self, task: asyncio.Task[_Ready] | None) -> None:
        """Add the next chunk."""
        self._waiting.append(task)
        self._news.set()

    async def get(self) -> asyncio.Task[_Ready] | None:
        """Wait for the next chunk and take it."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting.popleft()

    def ready_after(self, last: _Ready) -> Iterator[_Ready]:
        """Take the chunks that follow without a gap and are valid by now."""
        while self._waiting:
            task = self._waiting[0]
            if task is None or not task.done() or task.cancelled() or task.exception():
                return
            if task.result().chunk.first_row != last.chunk.first_row + last.rows:
                return
            self._waiting.popleft()
            last = task.result()
            yield last

    def drain(self) -> list[asyncio.Task[_Ready]]:
        """Take all that is left."""
        left = [task for task in self._waiting if task is not None]
        self._waiting.clear()
        return left


class Uploads:
    """Uploads of predictions; async, as an upload outlives a thread."""

    def __init__(
        self,
        store: Store,
        blobs: BlobStore,
        *,
        compute: Compute,
        run_in_thread: RunInThread,
        max_chunk_bytes: int,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._compute = compute
        self._run_in_thread = run_in_thread
        self._max_chunk_bytes = max_chunk_bytes

    async def take(
        self, organization_id: str, chunks: AsyncIterator[SentChunk]
    ) -> AsyncGenerator[Acknowledged, None]:
        """Yield an acknowledgement for each chunk, in order.

        Raises:
            NotFound: no such evaluation.
            UploadFinished: the evaluation takes no chunks.
            TooLarge, HashMismatch, BadFile, BadPredictions: a chunk is refused; none of it stays.
            OffsetGap: a chunk does not start where the upload stands.
        """
        first = await anext(chunks, None)
        if first is None:
            return
        upload = await self._run_in_thread(lambda: self._open(organization_id, first.evaluation_id))
        if upload.next_row > 0:
            await self._catch_up(upload)
        flight = _Flight()
        feeder = asyncio.create_task(self._feed(upload, first, chunks, flight))
        try:
            while (task := await flight.get()) is not None:
                batch = [await task]
                if batch[0].chunk.first_row == upload.next_row:
                    # What became valid meanwhile shares a commit: it costs as much as a chunk.
                    batch += flight.ready_after(batch[0])
                for acknowledged in await self._commit(upload, batch):
                    flight.room.release()
                    yield acknowledged
            await feeder
        finally:
            await _abandon(feeder, flight)

    def _open(self, organization_id: str, evaluation_id: str) -> _Upload:
        with self._store.read() as uow:
            evaluation = uow[Evaluations].get(organization_id, evaluation_id)
            job = uow[Jobs].get(organization_id, evaluation.job_id)
        if job.state is not JobState.OPEN:
            raise UploadFinished(
                f"The evaluation '{evaluation_id}' is {job.state.lower()} and takes no more "
                "chunks. Create a new evaluation to measure again.",
                metadata={"evaluation_id": evaluation_id, "state": job.state},
            )
        return _Upload(
            organization_id=organization_id,
            job=job,
            next_row=job.next_row,
            merged=None,
            metrics={},
        )

    async def _catch_up(self, upload: _Upload) -> None:
        """Merge what other streams, perhaps on other servers, brought in."""
        partials = await self._run_in_thread(lambda: self._stored_partials(upload))
        if not partials:
            return
        live = await self._compute.run(live_state, upload.job.spec, partials)
        upload.merged = live.merged
        upload.metrics = live.steps[-1].metrics

    def _stored_partials(self, upload: _Upload) -> list[bytes]:
        with self._store.read() as uow:
            records = uow[Jobs].tasks(upload.organization_id, upload.job.job_id)
        upload.next_row = sum(record.rows or 0 for record in records)
        return [
            record.partial
            if record.partial is not None
            else self._blobs.read(upload.organization_id, record.partial_blob or "")
            for record in records
        ]

    async def _feed(
        self,
        upload: _Upload,
        first: SentChunk,
        rest: AsyncIterator[SentChunk],
        flight: _Flight,
    ) -> None:
        try:
            await self._start(upload, first, first, flight)
            async for chunk in rest:
                await self._start(upload, first, chunk, flight)
        finally:
            # What was sent before a fault is still acknowledged; then the fault is told.
            flight.put(None)

    async def _start(
        self, upload: _Upload, first: SentChunk, chunk: SentChunk, flight: _Flight
    ) -> None:
        await flight.room.acquire()
        flight.put(asyncio.create_task(self._prepare(upload, first, chunk)))

    async def _prepare(self, upload: _Upload, first: SentChunk, chunk: SentChunk) -> _Ready:
        if chunk.evaluation_id != first.evaluation_id:
            raise InvalidArgument.of(
                "evaluation_id", "one stream uploads to one evaluation; open another stream"
            )
        # Two milliseconds for a full chunk, which the event loop does not have.
        await self._run_in_thread(lambda: self._check(chunk))
        ingested = await self._compute.run(
            ingest_chunk, upload.job.spec, chunk.data, chunk.first_row
        )
        partial = ingested.partial
        small = len(partial) <= MAX_INLINE_PARTIAL
        organization_id = upload.organization_id
        blob, partial_blob = await self._run_in_thread(
            lambda: (
                self._blobs.put(organization_id, chunk.data),
                None if small else self._blobs.put(organization_id, partial),
            )
        )
        return _Ready(
            chunk=chunk, rows=ingested.rows, partial=partial, blob=blob, partial_blob=partial_blob
        )

    def _check(self, chunk: SentChunk) -> None:
        if len(chunk.data) > self._max_chunk_bytes:
            raise TooLarge(
                f"The chunk at row {chunk.first_row} has {len(chunk.data)} bytes; at most "
                f"{self._max_chunk_bytes} are allowed. Send fewer rows in each chunk.",
                metadata={"bytes": len(chunk.data), "limit": self._max_chunk_bytes},
            )
        if hashlib.sha256(chunk.data).digest() != chunk.sha256:
            raise HashMismatch(
                f"The chunk at row {chunk.first_row} does not have the SHA-256 that was sent "
                "with it. Send it again.",
                metadata={"first_row": chunk.first_row},
            )

    async def _commit(self, upload: _Upload, batch: Sequence[_Ready]) -> list[Acknowledged]:
        """Commit chunks that follow one another; more than one only at the upload's end."""
        if batch[0].chunk.first_row > upload.next_row:
            # Another stream may have brought in the rows between: their numbers count too.
            await self._catch_up(upload)
        if batch[0].chunk.first_row < upload.next_row:
            records = await self._run_in_thread(lambda: self._store_chunks(upload, batch, None))
            return [_acknowledge(upload, record) for record in records]
        known = [upload.merged] if upload.merged is not None else []
        partials = [*known, *(one.partial for one in batch)]
        live = await self._compute.run(live_state, upload.job.spec, partials)
        steps = live.steps[-len(batch) :]
        records = await self._run_in_thread(lambda: self._store_chunks(upload, batch, steps[-1]))
        acknowledged = []
        for record, data in zip(records, steps, strict=True):
            upload.next_row = (record.first_row or 0) + (record.rows or 0)
            upload.metrics = data.metrics
            acknowledged.append(_acknowledge(upload, record))
        upload.merged = live.merged
        return acknowledged

    def _store_chunks(
        self, upload: _Upload, batch: Sequence[_Ready], live: LiveMetrics | None
    ) -> list[TaskRecord]:
        organization_id, job_id = upload.organization_id, upload.job.job_id
        with self._store.write() as uow:
            records = [
                uow[Jobs].add_batch(
                    organization_id,
                    job_id,
                    first_row=ready.chunk.first_row,
                    rows=ready.rows,
                    sha256=ready.chunk.sha256.hex(),
                    blob=ready.blob,
                    partial=None if ready.partial_blob else ready.partial,
                    partial_blob=ready.partial_blob,
                )
                for ready in batch
            ]
            end = (records[-1].first_row or 0) + (records[-1].rows or 0)
            job = uow[Jobs].get(organization_id, job_id)
            # A chunk that another stream brought in before must not set newer numbers back.
            if live is not None and end == job.next_row:
                uow[StatusUpdates].put(organization_id, job_id, live.name, live)
            return records


def _acknowledge(upload: _Upload, record: TaskRecord) -> Acknowledged:
    return Acknowledged(
        first_row=record.first_row or 0,
        rows=record.rows or 0,
        next_row=upload.next_row,
        metrics=upload.metrics,
    )


async def _abandon(feeder: asyncio.Task[None], flight: _Flight) -> None:
    """Stop reading and let go of the chunks that will not be committed."""
    feeder.cancel()
    left = flight.drain()
    for task in left:
        task.cancel()
    await asyncio.gather(feeder, *left, return_exceptions=True)
