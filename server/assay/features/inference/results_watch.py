"""The watch of a job's results: each input once, as it finishes, with its outputs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from assay.features.inference.events import InputFinished
from assay.features.inference.model import InferenceJob
from assay.features.inference.results_service import PAGE_INPUTS
from assay.features.inference.results_store import InferenceResults
from assay.features.inference.store import InferenceJobs
from assay.kernel.jobs.job import Event
from assay.kernel.jobs.watch import Batch, Watches
from assay.kernel.shared_calls import SharedCalls
from assay.kernel.storage.sql import Row
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread

SHARED_PAGES = 4  # that are kept for those who read a little later


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a watch tells at once."""

    job: InferenceJob  # as it was when the watch began, or in the end
    rows: tuple[tuple[int, Row], ...] = ()  # inputs that finished, each with its sequence
    bookmark: int  # everything up to this sequence has been told
    is_last: bool = False  # the job has ended, and all has been told

    @property
    def key(self) -> Hashable:
        """What is equal where all that is told of inputs is."""
        job, ends = self.job, (self.rows[0], self.rows[-1]) if self.rows else ()
        places = tuple((sequence, row.position) for sequence, row in ends)
        return job.organization_id, job.job_id, job.submitted_at, places, self.bookmark


class ResultWatches:
    """Watches of the results of inference jobs."""

    def __init__(self, store: Store, watches: Watches, run_in_thread: RunInThread) -> None:
        self._store, self._watches, self._run_in_thread = store, watches, run_in_thread
        self._shared = SharedCalls[tuple[tuple[int, Row], ...]](SHARED_PAGES)

    async def watch(
        self,
        organization_id: str,
        job_id: str,
        *,
        after_sequence: int,
        bookmark_seconds: float,
    ) -> AsyncGenerator[Told, None]:
        """Yield the inputs of a job that finish after a sequence, until the job has ended.

        Inputs that never ran because the job ended come with the sequence of its end, so that
        whoever resumes before that is told of them again.

        Raises, all before the first is told: NotFound where it is no inference job, and what
        `Watches.watch` raises.
        """
        find = partial(self._job, organization_id, job_id)
        job = await self._run_in_thread(find)
        batches = self._watches.watch(
            organization_id,
            job_id,
            after_sequence=after_sequence,
            bookmark_seconds=bookmark_seconds,
        )
        async with aclosing(batches):
            async for batch in batches:
                for first in range(0, len(batch.events), PAGE_INPUTS):
                    rows = await self._rows(job, batch.events[first : first + PAGE_INPUTS])
                    if rows:
                        if job.submitted_at is None:  # it was open when the watch began
                            job = await self._run_in_thread(find)
                        yield Told(job=job, rows=rows, bookmark=rows[-1][0])
                if batch.is_last:
                    async for told in self._end(job, batch):
                        yield told
                elif batch.is_empty:
                    yield Told(job=job, bookmark=batch.bookmark)

    async def _end(self, job: InferenceJob, batch: Batch) -> AsyncGenerator[Told, None]:
        """Yield the inputs that never ran, then the job; nobody who has seen the end gets them again."""
        known, after = (job.organization_id, job.job_id), -1
        while batch.events:
            rows = await self._run_in_thread(partial(self._never_ran, *known, after))
            if not rows:
                break
            after = rows[-1].position
            # The bookmark stays before the end: who resumes there is told of all of them.
            told = tuple((batch.bookmark, row) for row in rows)
            yield Told(job=job, rows=told, bookmark=batch.bookmark - 1)
        ended = await self._run_in_thread(partial(self._job, *known))
        yield Told(job=ended, bookmark=batch.bookmark, is_last=True)

    def _job(self, organization_id: str, job_id: str) -> InferenceJob:
        with self._store.read() as uow:
            return uow[InferenceJobs].get(organization_id, job_id)

    async def _rows(
        self, job: InferenceJob, events: Sequence[Event]
    ) -> tuple[tuple[int, Row], ...]:
        """Return the inputs that finished in some events, read once for all watches of a job."""
        read = partial(self._read, job.organization_id, job.job_id, events)
        key = (job.organization_id, job.job_id, events[0].sequence, events[-1].sequence)
        return await self._shared.get(key, lambda: self._run_in_thread(read))

    def _read(
        self, organization_id: str, job_id: str, events: Sequence[Event]
    ) -> tuple[tuple[int, Row], ...]:
        finished = [
            (event.sequence, event.payload(InputFinished).position)
            for event in events
            if event.kind == InputFinished.name
        ]
        if not finished:
            return ()
        with self._store.read() as uow:
            positions = [position for _, position in finished]
            rows = uow[InferenceResults].at(organization_id, job_id, positions)
        return tuple(zip([sequence for sequence, _ in finished], rows, strict=True))

    def _never_ran(self, organization_id: str, job_id: str, after: int) -> list[Row]:
        with self._store.read() as uow:
            return uow[InferenceResults].never_ran(
                organization_id, job_id, after=after, limit=PAGE_INPUTS
            )
