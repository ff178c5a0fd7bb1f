"""Watching a benchmark: its job's events, and how right each field is so far.

The counts of a field so far are the sum of what the log tells, so that they are kept nowhere: a
watch adds them up as it goes, and one that resumes reads what came before its place first.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial

from assay.features.benchmarks.model import DOCUMENTS_EVENT, LIVE_COUNTS
from assay.features.benchmarks.store import Benchmarks
from assay.kernel.jobs.events import Events
from assay.kernel.jobs.job import Event, StatusUpdate
from assay.kernel.jobs.watch import MAX_BATCH, Batch, Watches
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread

FIELD_ACCURACY = "field_accuracy"  # data: fields [[path, *LIVE_COUNTS], …], documents


@dataclass(kw_only=True)
class FieldCounts:
    """What the events so far have told of each field."""

    fields: dict[str, list[int]] = field(default_factory=dict)  # path → LIVE_COUNTS
    documents: int = 0

    def add(self, event: Event) -> bool:
        """Count an event; return whether it told of documents."""
        if event.kind != DOCUMENTS_EVENT:
            return False
        self.documents += len(event.data["documents"])
        for path, *numbers in event.data["fields"]:
            before = self.fields.get(path, [0] * len(LIVE_COUNTS))
            self.fields[path] = [a + b for a, b in zip(before, numbers, strict=True)]
        return True

    def status(self, sequence: int) -> StatusUpdate:
        """Return the counts as a status update as of an event."""
        rows = [[path, *counts] for path, counts in self.fields.items()]
        data = {"fields": rows, "documents": self.documents}
        return StatusUpdate(key=FIELD_ACCURACY, revision=0, as_of_sequence=sequence, data=data)


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
        counts = FieldCounts()
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
                    update = counts.status(batch.bookmark)
                    yield replace(batch, status=(*batch.status, update))
                else:
                    yield batch
                first = False

    def _job(self, organization_id: str, benchmark_id: str) -> str:
        with self._store.read() as uow:
            return uow[Benchmarks].get(organization_id, benchmark_id).job_id

    def _before(self, organization_id: str, job_id: str, sequence: int) -> FieldCounts:
        """Return the counts up to a sequence; none when the log no longer begins at 1."""
        counts, at = FieldCounts(), 0
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
