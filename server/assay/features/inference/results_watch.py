"""The watch of a job's results: each input once, as it finishes, with its outputs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
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
from assay.kernel.storage.sql import Row
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a watch tells at once."""

    job: InferenceJob  # as it was when the watch began, or in the end
    rows: tuple[tuple[int, Row], ...] = ()  # inputs that finished, each with its sequence
    bookmark: int  # everything up to this sequence has been told
    is_last: bool = False  # the job has ended, and all has been told


class ResultWatches:
    """Watches of the results of inference jobs."""

    def __init__(self, store: Store, watches: Watches, run_in_thread: RunInThread) -> None:
        self._store, self._watches, self._run_in_thread = store, watches, run_in_thread

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
        job = await self._run_in_thread(partial(self._job, organization_id, job_id))
        batches = self._watches.watch(
            organization_id,
            job_id,
            after_sequence=after_sequence,
            bookmark_seconds=bookmark_seconds,
        )
        async with aclosing(batches):
            async for batch in batches:
                for first in range(0, len(batch.events), PAGE_INPUTS):
                    events = batch.events[first : first + PAGE_INPUTS]
                    rows = await self._run_in_thread(
                        partial(self._rows, organization_id, job_id, events)
                    )
                    if rows:
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

    def _rows(
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
