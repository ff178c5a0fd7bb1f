"""What a runner has done in compute children: one function for each move of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.executors.worker import blobs
from assay.kernel.jobs.job import MAX_INLINE_PARTIAL, NewEvent, Task, TaskRecord
from assay.kernel.jobs.kind import JobView, Kind

Finished = Mapping[str, TaskRecord]


@dataclass(frozen=True, kw_only=True)
class Done:
    """A task that was run: what the ledger stores of it."""

    record: TaskRecord
    stored: tuple[TaskRecord, ...]
    status: Mapping[str, Mapping[str, Any]]
    events: tuple[NewEvent, ...]


def plan_tasks(kind: Kind, job: JobView, finished: Finished) -> tuple[Task, ...]:
    """Return the tasks of the current stage."""
    return kind.plan(job, finished, _blobs(job))


def run_task(kind: Kind, job: JobView, task: Task) -> Done:
    """Run a task; a large partial is written as a blob before anything names it."""
    ours = _blobs(job)
    output = kind.run(job, task, ours)
    large = len(output.partial) > MAX_INLINE_PARTIAL
    record = TaskRecord(
        key=task.key,
        partial=None if large else output.partial,
        partial_blob=ours.put(output.partial) if large else None,
    )
    return Done(record=record, stored=output.stored, status=output.status, events=output.events)


def reduce_job(kind: Kind, job: JobView, finished: Finished) -> bytes:
    """Return the job's result."""
    return kind.reduce(job, finished, _blobs(job))


def _blobs(job: JobView) -> JobBlobs:
    return JobBlobs(blobs(), job.organization_id)
