"""The last stages of a pruning: both versions predict, are measured, and are timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import ClassVar

from assay.features.artifacts.stored_model import read_model
from assay.features.datasets.stored_split import read_block, read_manifest
from assay.features.evaluations.measurement import MeasuredSplit
from assay.features.evaluations.model import EvaluationSpec
from assay.features.training.job_features import (
    Everything,
    each_partial,
)
from assay.features.training.job_outcomes import (
    EncodedOutcome,
    measured,
    shown_split,
)
from assay.features.training.job_predictions import (
    Place,
    Predicted,
    spec_of,
)
from assay.features.training.job_pruning_model import (
    AFTER,
    BEFORE,
    FinishPruned,
    PlacedRows,
    PrunedModel,
    placed,
    rows_at,
)
from assay.features.training.job_row_predictions import predict_rows
from assay.features.training.job_spec import VersionPruning
from assay.features.training.model import (
    Measured,
)
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
)
from assay.records import Record

TIMED_ROWS = 256  # that a latency is measured on, at most
TIMED_RUNS = 5
Asked = JobView[VersionPruning]


class VersionSplit(Record):
    """A split that is measured."""

    version: str
    split: str


class Latencies(Record):
    """Seconds that the prediction of a row takes."""

    before: float
    after: float


class PredictPruned(Stage[PlacedRows, Predicted]):
    """Predicts the rows of all splits, and those of the shown one by the former version too."""

    name: ClassVar[str] = "predict"
    payload = PlacedRows
    partial = Predicted
    reads = (FinishPruned,)
    task_reads = (FinishPruned,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[PlacedRows]:
        """Plan a task a block and version."""
        shown = shown_split(job.spec.manifests)
        return [
            *placed(job.spec, AFTER, job.spec.manifests, context),
            *placed(job.spec, BEFORE, (shown,), context),
        ]

    def run(
        self, job: Asked, payload: PlacedRows, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Predicted]:
        """Predict one block."""
        address = job.spec.artifact
        if payload.version == AFTER:
            address = inputs.partials(FinishPruned)[0].artifact
        place = Place(
            split=payload.split,
            first_row=payload.first_row,
            shows_chunks=payload.split == shown_split(job.spec.manifests),
        )
        batch = rows_at(job.spec, payload, context.blobs)
        model = read_model(address, context.blobs)
        return predict_rows(model, batch, _spec(job.spec), place, context)


class MeasurePruned(Stage[VersionSplit, EncodedOutcome]):
    """Measures both versions."""

    name: ClassVar[str] = "measure"
    payload = VersionSplit
    partial = EncodedOutcome
    reads = (PredictPruned,)
    task_reads = (PredictPruned,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[VersionSplit]:
        """Plan a task a split of the new version, and one of the former."""
        shown = shown_split(job.spec.manifests)
        return [
            *(VersionSplit(version=AFTER, split=split) for split in sorted(job.spec.manifests)),
            VersionSplit(version=BEFORE, split=shown),
        ]

    def run(
        self, job: Asked, payload: VersionSplit, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[EncodedOutcome]:
        """Measure one split."""
        planned = PredictPruned().plan(job, inputs, context)
        blocks = each_partial(PredictPruned, inputs, context.blobs)
        parts = [
            one
            for place, one in zip(planned, blocks, strict=True)
            if (place.version, place.split) == (payload.version, payload.split)
        ]
        found = measured(payload.split, parts, _spec(job.spec), context)
        return found if payload.version == AFTER else TaskOutput(partial=found.partial)


class TimePredictions(Stage[Everything, Latencies]):
    """Times predictions of both versions, after everything else, in one process."""

    name: ClassVar[str] = "latency"
    payload = Everything
    partial = Latencies
    reads = (FinishPruned, MeasurePruned)
    task_reads = (FinishPruned,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[Everything]:
        """Plan one task."""
        return [Everything()]

    def run(
        self, job: Asked, payload: Everything, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[Latencies]:
        """Time; of each version the best of some runs counts."""
        spec = job.spec
        shown = shown_split(spec.manifests)
        manifest = read_manifest(spec.manifests[shown], context.blobs)
        batch = read_block(manifest, 0, context.blobs).slice(0, TIMED_ROWS)
        after = inputs.partials(FinishPruned)[0].artifact
        models = [read_model(address, context.blobs) for address in (spec.artifact, after)]
        best = [float("inf"), float("inf")]
        for _ in range(TIMED_RUNS):
            for at, model in enumerate(models):
                start = time.perf_counter()
                model.predict(batch)
                best[at] = min(best[at], time.perf_counter() - start)
        rows = batch.num_rows
        return TaskOutput(partial=Latencies(before=best[0] / rows, after=best[1] / rows))


def compared(
    made: PrunedModel, latencies: Latencies, before: MeasuredSplit, after: MeasuredSplit
) -> Iterator[Measured]:
    """Yield what the pruning changed."""
    yield Measured(
        measure="Sparsity",
        before=1 - made.kept_before / made.weights,
        after=1 - made.kept / made.weights,
    )
    yield Measured(measure="Stored bytes", before=made.bytes_before, after=made.bytes_after)
    yield Measured(
        measure="Milliseconds per record",
        before=1e3 * latencies.before,
        after=1e3 * latencies.after,
    )
    for name, value in before.result.metrics.items():
        if name in after.result.metrics:
            yield Measured(measure=name, before=value, after=after.result.metrics[name])


def _spec(job: VersionPruning) -> EvaluationSpec:
    return spec_of(job.task_type, job.labels, job.positive_label)
