"""The job kind `model_evaluation`: a stored version predicts a split of a dataset, and is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from assay.features.artifacts.predictors import open_predictor
from assay.features.datasets.stored_split import read_block, read_manifest
from assay.features.evaluations.measurement import record_evaluation
from assay.features.training.job_events import SplitMeasured
from assay.features.training.job_features import Everything, each_partial
from assay.features.training.job_outcomes import (
    EncodedOutcome,
    SplitOutcome,
    measured,
    tables_of,
)
from assay.features.training.job_predictions import (
    Place,
    Predicted,
    spec_of,
)
from assay.features.training.job_row_predictions import predict_rows
from assay.features.training.job_spec import EvaluatedResult, VersionEvaluation
from assay.features.training.model import KINDS, JobType
from assay.features.training.store import ModelJobs
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
)
from assay.kernel.jobs.payloads import EventPayload
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, decode

Asked = JobView[VersionEvaluation]


class RowsPayload(Record):
    """A block of rows, to be predicted."""

    number: int  # from 0
    first_row: int


class PredictRows(Stage[RowsPayload, Predicted]):
    """Predicts the rows of the split, block by block, and counts them."""

    name: ClassVar[str] = "predict"
    payload = RowsPayload
    partial = Predicted

    def waits(self, job: Asked) -> bool:
        """Say whether the version is called elsewhere."""
        return job.spec.artifact.waits

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[RowsPayload]:
        """Plan a task a block."""
        payloads, first_row = [], 0
        blocks = read_manifest(job.spec.manifest, context.blobs).blocks
        for number, block in enumerate(blocks):
            payloads.append(RowsPayload(number=number, first_row=first_row))
            first_row += block.rows
        return payloads

    def run(
        self, job: Asked, payload: RowsPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Predicted]:
        """Predict one block; raises FailedPrecondition for rows that cannot be predicted."""
        asked = job.spec
        manifest = read_manifest(asked.manifest, context.blobs)
        batch = read_block(manifest, payload.number, context.blobs)
        spec = spec_of(asked.artifact.task_type, asked.artifact.labels, asked.positive_label)
        place = Place(split=asked.split, first_row=payload.first_row, shows_chunks=True)
        predictor = open_predictor(asked.artifact, context)
        predicted = predict_rows(predictor, batch, spec, place, context)
        return replace(predicted, rows=batch.num_rows)


class MeasureRows(Stage[Everything, EncodedOutcome]):
    """Measures the version on the split, as an upload of its predictions would be."""

    name: ClassVar[str] = "measure"
    payload = Everything
    partial = EncodedOutcome
    reads = (PredictRows,)
    task_reads = (PredictRows,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[Everything]:
        """Plan one task."""
        return [Everything()]

    def run(
        self, job: Asked, payload: Everything, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[EncodedOutcome]:
        """Measure."""
        asked = job.spec
        parts = each_partial(PredictRows, inputs, context.blobs)
        spec = spec_of(asked.artifact.task_type, asked.artifact.labels, asked.positive_label)
        return measured(asked.split, parts, spec, context)


class VersionEvaluationKind(JobKind[VersionEvaluation, EvaluatedResult]):
    """Evaluates a stored version on a split; the number of processes changes no bit."""

    name: ClassVar[str] = KINDS[JobType.EVALUATION]
    spec = VersionEvaluation
    result = EvaluatedResult
    events: ClassVar[tuple[type[EventPayload], ...]] = (SplitMeasured,)
    stages = (PredictRows(), MeasureRows())

    def finish(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> EvaluatedResult:
        """Return the result."""
        outcome = decode(SplitOutcome, inputs.partials(MeasureRows)[0].data)
        return EvaluatedResult(tables=tables_of([outcome]), splits=(outcome.measured,))

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Store the evaluation; a job without a result leaves the version alone."""
        if job.result is None:
            return
        known = uow[ModelJobs].get(job.organization_id, job.job_id)
        version: Mapping[str, str] = {"model_id": known.model_id, "version_id": known.version_id}
        for split in decode(EvaluatedResult, job.result).splits:
            record_evaluation(
                uow, job.organization_id, split, **version, created_by=known.created_by
            )
        # The evaluation has a job of its own, which keeps what it names.
        uow[BlobReferences].remove(job.organization_id, job_owner(job.job_id))
