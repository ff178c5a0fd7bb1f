"""Evaluations that another job makes of rows which it predicts itself.

It counts its rows as an upload's are counted, measures them by the stages of the kind
`evaluation`, and records evaluation and job as done in the commit that ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from assay.features.evaluations.ingest import count, rules_of
from assay.features.evaluations.job import EvaluationKind, MergeRows
from assay.features.evaluations.job_spec import EVALUATION_KIND, EvaluationJob
from assay.features.evaluations.model import (
    Evaluation,
    EvaluationResult,
    EvaluationSpec,
    NewEvaluation,
)
from assay.features.evaluations.partial_aggregate import PartialAggregate, Stored, merge_in_groups
from assay.features.evaluations.store import Evaluations
from assay.kernel.jobs.job import NewJob, TaskRecord
from assay.kernel.jobs.kind import ComputeContext, JobView, StageInputs
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, arrays, encode
from assay.tabular.arrow import encode as arrow_stream
from assay.tabular.chunk import Rules
from assay.tabular.errors import ErrorLocation
from assay.tabular.table import chunk_from_table


class MeasuredSplit(Record):
    """A split that was measured: all that an evaluation of it has."""

    dataset_split: str  # one of SPLITS
    spec: EvaluationSpec
    result: EvaluationResult
    blobs: tuple[str, ...]  # addresses of its rows, Arrow streams in the order of rows
    rows: tuple[int, ...]  # of each blob


def count_rows(
    table: pa.Table, spec: EvaluationSpec, first_row: int, context: ComputeContext
) -> PartialAggregate:
    """Store predicted rows, whose columns are those of an upload, and count them."""
    return replace(
        _counted(table, rules_of(spec), first_row), stored=_stored(table, first_row, context)
    )


def count_only(table: pa.Table, spec: EvaluationSpec) -> PartialAggregate:
    """Count predicted rows that nobody will read again."""
    return _counted(table, rules_of(spec), 0)


def measure_split(
    dataset_split: str,
    spec: EvaluationSpec,
    counted: Sequence[PartialAggregate],
    context: ComputeContext,
) -> MeasuredSplit:
    """Return every number of the counted rows; it reads them again, a part at a time."""
    merged = merge_in_groups(counted)
    asked = EvaluationJob(
        evaluation_id="", model_id="", version_id="", dataset_split=dataset_split, spec=spec
    )
    view = JobView(organization_id="", job_id="", spec=asked, rows=merged.rows)
    kind = EvaluationKind()
    finished: dict[str, tuple[TaskRecord, ...]] = {
        MergeRows.name: (_record(MergeRows.name, merged),)
    }
    for stage in kind.stages[1:]:
        inputs = StageInputs(context.blobs, finished)
        partials = [
            stage.run(view, payload, inputs, context).partial
            for payload in stage.plan(view, inputs, context)
        ]
        finished[stage.name] = tuple(
            _record(stage.key(number), partial) for number, partial in enumerate(partials)
        )
    return MeasuredSplit(
        dataset_split=dataset_split,
        spec=spec,
        result=kind.finish(view, StageInputs(context.blobs, finished), context),
        blobs=tuple(one.blob for one in merged.stored),
        rows=tuple(one.rows for one in merged.stored),
    )


def record_evaluation(
    uow: UnitOfWork,
    organization_id: str,
    measured: MeasuredSplit,
    *,
    model_id: str,
    version_id: str,
    created_by: str,
) -> Evaluation:
    """Store an evaluation of a version with its result, and its job as done."""
    evaluation_id = uow.ids.new_evaluation_id()
    asked = EvaluationJob(
        evaluation_id=evaluation_id,
        model_id=model_id,
        version_id=version_id,
        dataset_split=measured.dataset_split,
        spec=measured.spec,
    )
    job = uow[Jobs].record(
        organization_id,
        NewJob(
            kind=EVALUATION_KIND,
            spec=encode(asked),
            resource=evaluation_id,
            created_by=created_by,
        ),
        batches=_batches(measured),
        result=encode(measured.result),
        blobs=EvaluationKind().result_blobs(measured.result),
    )
    uow[Evaluations].create(
        organization_id,
        NewEvaluation(
            evaluation_id=evaluation_id,
            model_id=model_id,
            version_id=version_id,
            dataset_split=measured.dataset_split,
            job_id=job.job_id,
            spec=measured.spec,
            created_by=created_by,
        ),
    )
    return uow[Evaluations].finish(organization_id, evaluation_id, measured.result)


def _counted(table: pa.Table, rules: Rules, first_row: int) -> PartialAggregate:
    return count(chunk_from_table(table, rules, ErrorLocation(first_row=first_row)))


def _stored(table: pa.Table, first_row: int, context: ComputeContext) -> tuple[Stored, ...]:
    blob = context.blobs.put(arrow_stream(table))
    return (Stored(first_row=first_row, rows=table.num_rows, blob=blob),)


def _record(key: str, partial: object) -> TaskRecord:
    return TaskRecord(key=key, partial=arrays.encode(partial))


def _batches(measured: MeasuredSplit) -> list[TaskRecord]:
    batches, first_row = [], 0
    for blob, rows in zip(measured.blobs, measured.rows, strict=True):
        batches.append(
            TaskRecord.batch(
                first_row=first_row, rows=rows, sha256=blob.removeprefix("sha256:"), blob=blob
            )
        )
        first_row += rows
    return batches
