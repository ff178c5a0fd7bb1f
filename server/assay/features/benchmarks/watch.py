"""Watching a benchmark: its job's events, and how right each field is so far.

The counts of a field so far are the sum of what the log tells, so that they are kept nowhere: a
watch adds them up as it goes, and one that resumes reads what came before its place first.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

import msgspec

from assay.features.benchmarks.events import FieldAccuracies, FieldAccuracyFold
from assay.features.benchmarks.store import Benchmarks
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import StatusUpdate
from assay.kernel.jobs.watch import MAX_BATCH, Batch, Watches
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread


class BenchmarkWatches:
    """Watches of the benchmarks of an organization."""

    def __init__(self, store: Store, watches: Watches, run_in_thread: RunInThread) -> None:
        self._store = store
        self._watches = watches
        self._run_in_thread = run_in_thread

    async def watch(
        self,
        organization_id: str,
        benchmark_id: str,
        *,
        after_sequence: int,
        bookmark_seconds: float,
    ) -> AsyncGenerator[Batch, None]:
        """Yield what happens to a benchmark after a sequence, as Watches.watch does.

        A batch that tells of documents brings the status update FIELD_ACCURACY, which counts all
        documents up to its bookmark.

        Raises, all before the first batch: what Watches.watch raises.
        """
        counts = FieldAccuracyFold()
        job_id = await self._run_in_thread(partial(self._job, organization_id, benchmark_id))
        batches = self._watches.watch(
            organization_id,
            job_id,
            after_sequence=after_sequence,
            bookmark_seconds=bookmark_seconds,
        )
        first = True
        async with aclosing(batches):
            async for batch in batches:
                if first and after_sequence:
                    before = partial(self._before, organization_id, job_id, after_sequence)
                    counts = await self._run_in_thread(before)
                told = [counts.add(event) for event in batch.events]
                if any(told) or (first and counts.documents):
                    update = StatusUpdate(
                        key=FieldAccuracies.name,
                        revision=0,
                        as_of_sequence=batch.bookmark,
                        data=msgspec.to_builtins(counts.value()),
                    )
                    yield replace(batch, status=(*batch.status, update))
                else:
                    yield batch
                first = False

    def _job(self, organization_id: str, benchmark_id: str) -> str:
        with self._store.read() as uow:
            return uow[Benchmarks].get(organization_id, benchmark_id).job_id

    def _before(self, organization_id: str, job_id: str, sequence: int) -> FieldAccuracyFold:
        """Return the counts up to a sequence; none when the log no longer begins at 1."""
        counts, at = FieldAccuracyFold(), 0
        with self._store.read() as uow:
            if uow[Events].oldest(organization_id, job_id) > 1:
                return counts
            while at < sequence:
                events = uow[Events].after(organization_id, job_id, at, limit=MAX_BATCH)
                for event in events:
                    if event.sequence <= sequence:
                        counts.add(event)
                if not events:
                    break
                at = events[-1].sequence
        return counts
