"""What a runner has done in compute children: one function for each move of a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.executors.worker import blobs
from assay.kernel.jobs.job import MAX_INLINE_PARTIAL, EventDraft, Shard, ShardRecord
from assay.kernel.jobs.kind import JobView, Kind

Finished = Mapping[str, ShardRecord]


@dataclass(frozen=True, kw_only=True)
class Done:
    """A shard that was run: what the ledger stores of it."""

    record: ShardRecord
    stored: tuple[ShardRecord, ...]
    levels: Mapping[str, Mapping[str, Any]]
    events: tuple[EventDraft, ...]


def plan_shards(kind: Kind, job: JobView, finished: Finished) -> tuple[Shard, ...]:
    """Return the shards of the current stage."""
    return kind.plan(job, finished, _blobs(job))


def run_shard(kind: Kind, job: JobView, shard: Shard) -> Done:
    """Run a shard; a large partial is written as a blob before anything names it."""
    ours = _blobs(job)
    output = kind.run(job, shard, ours)
    large = len(output.partial) > MAX_INLINE_PARTIAL
    record = ShardRecord(
        key=shard.key,
        partial=None if large else output.partial,
        partial_blob=ours.put(output.partial) if large else None,
    )
    return Done(record=record, stored=output.stored, levels=output.levels, events=output.events)


def reduce_job(kind: Kind, job: JobView, finished: Finished) -> bytes:
    """Return the job's result."""
    return kind.reduce(job, finished, _blobs(job))


def _blobs(job: JobView) -> JobBlobs:
    return JobBlobs(blobs(), job.organization_id)
