"""The functions that a runner has compute processes run: plan stages, run a task, finish a job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from assay.kernel.jobs.job import MAX_INLINE_PARTIAL, NewEvent, TaskRecord
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    StageInputs,
    StageMode,
    StoredBatch,
)
from assay.kernel.jobs.payloads import StatusPayload
from assay.kernel.storage.blobs import BlobMark
from assay.records import Record, arrays, decode, encode

Kind = JobKind[Any, Any]
View = JobView[Any]


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The finished tasks that a call reads, and no others: they are pickled with it."""

    records: Mapping[str, tuple[TaskRecord, ...]]  # of stages by name, in the order of tasks
    batches: tuple[TaskRecord, ...] = ()  # stored batches, by their rows
    last: TaskRecord | None = None  # of a chain: the task before

    def inputs(self, context: ComputeContext) -> StageInputs:
        """Return them as a stage reads them."""
        return StageInputs(context.blobs, self.records, self.batches, self.last)


@dataclass(frozen=True, kw_only=True)
class Done:
    """A task that was run: what the ledger stores of it."""

    records: tuple[TaskRecord, ...]  # the task's own is the last one
    status: Mapping[str, StatusPayload]  # by name
    events: tuple[NewEvent, ...]
    ends_stage: bool
    made: tuple[BlobMark, ...]  # new blobs that later tasks supersede, for when they do
    superseded: tuple[str, ...]  # addresses
    writes: tuple[Record, ...] = ()  # what the kind makes rows of


def plan_stages(
    kind: Kind, job: View, names: tuple[str, ...], finished: Finished, context: ComputeContext
) -> dict[str, tuple[bytes, ...]]:
    """Return the encoded payloads of the tasks of some stages, by the stages' names."""
    with _drafting(context) as own:
        inputs = finished.inputs(own)
        return {
            name: tuple(encode(one) for one in kind.stage(name).plan(job, inputs, own))
            for name in names
        }


@dataclass(frozen=True, kw_only=True)
class TaskCall:
    """A task as it is handed to an executor."""

    kind: Kind
    job: View
    stage: str  # name
    key: str  # in the ledger
    payload: bytes  # encoded
    finished: Finished  # what it reads


def run_task(call: TaskCall, context: ComputeContext) -> Done:
    """Run one task; a large partial is written as a blob before anything names it.

    A task that fails leaves no blob behind that it made.
    """
    stage = call.kind.stage(call.stage)
    payload = decode(stage.payload, call.payload)
    with _drafting(context) as own:
        output = stage.run(call.job, payload, call.finished.inputs(own), own)
        if output.ends_stage and stage.mode not in (StageMode.ORDERED, StageMode.CHAIN):
            raise TypeError(f"a task of '{stage.name}' ends its stage, where others run beside it")
        for emitted in (*output.events, *output.status):
            call.kind.check_emitted(emitted)
        partial = arrays.encode(output.partial)
        large = len(partial) > MAX_INLINE_PARTIAL
        partial_blob = own.blobs.put(partial) if large else None
        is_followed = stage.mode is StageMode.CHAIN or call.kind.followers(stage)
        made = own.blobs.made if is_followed else ()
    record = TaskRecord(
        key=call.key,
        rows=output.rows,
        blob=output.blob,
        partial=None if large else partial,
        partial_blob=partial_blob,
        ends_stage=output.ends_stage,
    )
    return Done(
        records=(*map(_batch, output.batches), record),
        status={one.name: one for one in output.status},
        events=tuple(NewEvent.of(one) for one in output.events),
        ends_stage=output.ends_stage,
        made=made,
        superseded=output.superseded,
        writes=output.writes,
    )


def finish_job(kind: Kind, job: View, finished: Finished, context: ComputeContext) -> bytes:
    """Return the job's encoded result."""
    with _drafting(context) as own:
        return encode(kind.finish(job, finished.inputs(own), own))


@contextmanager
def _drafting(context: ComputeContext) -> Iterator[ComputeContext]:
    """Give a context of which what it put as blobs is taken back when the block raises."""
    with context.blobs.draft() as blobs:
        yield replace(context, blobs=blobs)


def _batch(stored: StoredBatch) -> TaskRecord:
    return TaskRecord.batch(
        first_row=stored.first_row,
        rows=stored.rows,
        sha256=stored.blob.removeprefix("sha256:"),
        blob=stored.blob,
    )
