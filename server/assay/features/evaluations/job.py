"""The job kind `evaluation`: predictions in, every number of the evaluation out.

Rows are merged, or read from a file, into one statistic. Then the stored rows are read again, by
stages that run side by side: score columns are ranked by key range, repeated ids sought by hash
range, quantiles of residuals found, misclassifications, slices and the bootstrap gathered, and the
scores of each slice value ranked. The end reads the metrics off and writes the details.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from assay.features.evaluations import slice_areas
from assay.features.evaluations.ingest import ingest_file, rules_of
from assay.features.evaluations.job_details import evaluation_details
from assay.features.evaluations.job_results import evaluation_result, live_numbers, measure
from assay.features.evaluations.job_spec import CHUNKS, EVALUATION_KIND, EvaluationJob, LiveMetrics
from assay.features.evaluations.model import EvaluationResult
from assay.features.evaluations.partial_aggregate import (
    PartialAggregate,
    Stored,
    check_environment,
    merge_in_groups,
)
from assay.features.evaluations.second_pass import (
    SecondPassStatistics,
    groups,
    merge_second_passes,
    second_pass,
)
from assay.features.evaluations.store import Evaluations
from assay.features.evaluations.stored_rows import Manifest, ScoreReader, read_row_ids, read_values
from assay.features.models.versions_store import Versions
from assay.kernel.input_errors import input_refused
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Job, TaskRecord
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    StoredBatch,
    TaskOutput,
)
from assay.kernel.jobs.payloads import StatusPayload
from assay.kernel.jobs.states import VersionStatus
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.metrics.order_statistics import (
    ResidualCounts,
    ResidualRange,
    count_residuals,
    residual_ranges,
)
from assay.metrics.ranking import MAX_ROWS, RankCounts, RankRange, count_range, rank_ranges
from assay.metrics.slice_ranks import SliceRanks
from assay.metrics.statistics import ClassificationStatistic, RegressionStatistic
from assay.records import Record, arrays, decode, encode
from assay.tabular import repeated_ids

ONE_TASK_CELLS = 2_000_000  # scores that are sorted in a single task
SECOND_PASS_ROWS = 1_000_000  # of a task that reads the rows again

Asked = JobView[EvaluationJob]


class Everything(Record):
    """The payload of a task that takes all there is."""


class RankPayload(Record):
    """Ranges of score columns to be ranked."""

    manifest: str  # address
    ranges: tuple[RankRange, ...]


class RowIdPayload(Record):
    """A range of hashes of row ids."""

    manifest: str  # address
    low: str  # hex
    high: str  # hex, exclusive


class ResidualPayload(Record):
    """A range of residuals whose order statistics are sought."""

    manifest: str  # address
    range: ResidualRange


class GroupPayload(Record):
    """A range of stored batches, or of score columns."""

    manifest: str  # address
    first: int
    last: int  # exclusive


class MergeRows(Stage[Everything, PartialAggregate]):
    """Merges the partials of an upload's batches, or reads a file."""

    name: ClassVar[str] = "merge"
    payload = Everything
    partial = PartialAggregate
    reads_batches = True

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[Everything]:
        """Plan one task."""
        return [Everything()]

    def run(
        self, job: Asked, payload: Everything, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[PartialAggregate]:
        """Merge all batches, or read the file and store its rows in batches.

        Raises FailedPrecondition when rows were counted in another numeric environment.
        """
        asked = job.spec
        if asked.source == CHUNKS:
            merged = merge_in_groups(_uploaded(inputs.batches, context.blobs))
        else:
            merged = ingest_file(
                asked.blob or "",
                asked.source,
                rules_of(asked.spec),
                context.blobs,
                asked.truth,
            )
        stored = () if asked.source == CHUNKS else merged.stored
        return TaskOutput(
            partial=merged,
            status=(live_numbers(merged, asked.spec),),
            batches=tuple(
                StoredBatch(first_row=one.first_row, rows=one.rows, blob=one.blob) for one in stored
            ),
        )


def _uploaded(batches: Iterable[TaskRecord], blobs: JobBlobs) -> Iterator[PartialAggregate]:
    for record in batches:
        first_row, rows = record.first_row or 0, record.rows or 0
        partial = arrays.decode(PartialAggregate, blobs.partial(record))
        check_environment(partial.environment, first_row)
        stored = Stored(first_row=first_row, rows=rows, blob=record.blob or "")
        yield replace(partial, stored=(stored,))


def _merged(inputs: StageInputs) -> PartialAggregate:
    merged = inputs.partials(MergeRows)[0]
    check_environment(merged.environment, 0)
    return merged


def _manifest(job: Asked, inputs: StageInputs) -> Manifest:
    merged = _merged(inputs)
    return Manifest(
        rules=rules_of(job.spec.spec),
        score_kind=merged.shape.score_kind,
        score_labels=merged.shape.score_labels,
        weighted=merged.shape.has_weights,
        has_row_ids=merged.shape.has_row_ids,
        slices=merged.shape.slices,
        stored=merged.stored,
    )


def _address(job: Asked, inputs: StageInputs, context: ComputeContext) -> str:
    """Return the address of the manifest, written once for all stages."""
    return inputs.shared("manifest", lambda: context.blobs.put(encode(_manifest(job, inputs))))


def _read_manifest(address: str, context: ComputeContext) -> Manifest:
    return decode(Manifest, context.blobs.read(address))


@dataclass(frozen=True, kw_only=True)
class RankScores(Stage[RankPayload, RankCounts]):
    """Ranks score columns, by ranges of the score."""

    name: ClassVar[str] = "rank"
    payload = RankPayload
    partial = RankCounts
    reads = (MergeRows,)
    one_task_cells: int = ONE_TASK_CELLS
    max_rows: int = MAX_ROWS  # of a task

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[RankPayload]:
        """Plan groups of ranges of one column each, or a single one for a small evaluation."""
        merged = _merged(inputs)
        statistic = merged.statistic
        if not isinstance(statistic, ClassificationStatistic) or statistic.histogram is None:
            return []
        columns = len(merged.shape.score_labels)
        ranges = rank_ranges(
            statistic.histogram,
            max_rows=self.max_rows,
            micro=columns > 1,
            weights=statistic.rank_weights,
        )
        grouped = self._groups(ranges, one_group=merged.rows * columns <= self.one_task_cells)
        if not grouped:
            return []
        address = _address(job, inputs, context)
        return [RankPayload(manifest=address, ranges=tuple(group)) for group in grouped]

    def _groups(self, ranges: Iterable[RankRange], *, one_group: bool) -> list[list[RankRange]]:
        found: list[list[RankRange]] = []
        held = 0
        for one in ranges:
            same = found and (one_group or found[-1][0].column == one.column)
            if same and (one_group or held + one.rows <= self.max_rows):
                found[-1].append(one)
                held += one.rows
            else:
                found.append([one])
                held = one.rows
        return found

    def run(
        self, job: Asked, payload: RankPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[RankCounts]:
        """Sort the scores of some ranges and count them."""
        reader = ScoreReader(_read_manifest(payload.manifest, context), context.blobs)

        def count(one: RankRange) -> RankCounts:
            return count_range(lambda: reader.read(one.column), one, max_rows=self.max_rows)

        return TaskOutput(partial=RankCounts.merge_all(map(count, payload.ranges)))


@dataclass(frozen=True, kw_only=True)
class FindDuplicates(Stage[RowIdPayload, repeated_ids.Duplicates]):
    """Finds repeated row ids, by ranges of their hash."""

    name: ClassVar[str] = "row-ids"
    payload = RowIdPayload
    partial = repeated_ids.Duplicates
    reads = (MergeRows,)
    max_rows: int = MAX_ROWS  # of a task

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[RowIdPayload]:
        """Plan ranges; inside one batch repeated ids were refused already."""
        merged = _merged(inputs)
        if not merged.shape.has_row_ids or len(merged.stored) < 2:
            return []
        address = _address(job, inputs, context)
        return [
            RowIdPayload(manifest=address, low=f"{low:x}", high=f"{high:x}")
            for low, high in repeated_ids.id_ranges(merged.rows, self.max_rows)
        ]

    def run(
        self, job: Asked, payload: RowIdPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[repeated_ids.Duplicates]:
        """Return the repeated ids of a range."""
        manifest = _read_manifest(payload.manifest, context)
        low, high = int(payload.low, 16), int(payload.high, 16)
        ids = repeated_ids.StoredIds(
            rows=manifest.rows, read=lambda: read_row_ids(manifest, context.blobs)
        )
        return TaskOutput(partial=repeated_ids.find_duplicates(ids, low, high))


@dataclass(frozen=True, kw_only=True)
class CountResiduals(Stage[ResidualPayload, ResidualCounts]):
    """Counts residuals of a regression around the quantiles sought."""

    name: ClassVar[str] = "residuals"
    payload = ResidualPayload
    partial = ResidualCounts
    reads = (MergeRows,)
    max_rows: int = MAX_ROWS  # of a task

    def plan(
        self, job: Asked, inputs: StageInputs, context: ComputeContext
    ) -> list[ResidualPayload]:
        """Plan the ranges of a regression."""
        statistic = _merged(inputs).statistic
        if not isinstance(statistic, RegressionStatistic):
            return []
        ranges = residual_ranges(statistic.residuals, max_rows=self.max_rows)
        address = _address(job, inputs, context)
        return [ResidualPayload(manifest=address, range=one) for one in ranges]

    def run(
        self, job: Asked, payload: ResidualPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[ResidualCounts]:
        """Count one range."""
        manifest = _read_manifest(payload.manifest, context)
        counts = count_residuals(
            lambda: read_values(manifest, context.blobs), payload.range, max_rows=self.max_rows
        )
        return TaskOutput(partial=counts)


@dataclass(frozen=True, kw_only=True)
class SecondPass(Stage[GroupPayload, SecondPassStatistics]):
    """Gathers misclassifications, slices and the bootstrap from the stored rows."""

    name: ClassVar[str] = "second-pass"
    payload = GroupPayload
    partial = SecondPassStatistics
    reads = (MergeRows,)
    max_rows: int = SECOND_PASS_ROWS  # of a task

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[GroupPayload]:
        """Plan groups of batches."""
        found = groups(_manifest(job, inputs), self.max_rows)
        return _group_payloads(found, job, inputs, context)

    def run(
        self, job: Asked, payload: GroupPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[SecondPassStatistics]:
        """Read a group of batches again."""
        manifest = _read_manifest(payload.manifest, context)
        return TaskOutput(
            partial=second_pass(manifest, (payload.first, payload.last), context.blobs)
        )


@dataclass(frozen=True, kw_only=True)
class RankSlices(Stage[GroupPayload, SliceRanks]):
    """Ranks the scores, or the residuals, of each slice value."""

    name: ClassVar[str] = "areas"
    payload = GroupPayload
    partial = SliceRanks
    reads = (MergeRows,)
    max_cells: int = slice_areas.MAX_CELLS
    task_cells: int = slice_areas.TASK_CELLS

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[GroupPayload]:
        """Plan groups of score columns."""
        found = slice_areas.area_groups(_manifest(job, inputs), self.max_cells, self.task_cells)
        return _group_payloads(found, job, inputs, context)

    def run(
        self, job: Asked, payload: GroupPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[SliceRanks]:
        """Rank a group of score columns."""
        manifest = _read_manifest(payload.manifest, context)
        columns = (payload.first, payload.last)
        return TaskOutput(partial=slice_areas.slice_ranks(manifest, columns, context.blobs))


def _group_payloads(
    found: list[tuple[int, int]], job: Asked, inputs: StageInputs, context: ComputeContext
) -> list[GroupPayload]:
    if not found:
        return []
    address = _address(job, inputs, context)
    return [GroupPayload(manifest=address, first=first, last=last) for first, last in found]


class EvaluationKind(JobKind[EvaluationJob, EvaluationResult]):
    """Evaluates a version on a split. The sizes of tasks change no bit of the result.

    But above `slice_cells` slices have no areas and no medians.
    """

    name: ClassVar[str] = EVALUATION_KIND
    spec = EvaluationJob
    result = EvaluationResult
    status: ClassVar[tuple[type[StatusPayload], ...]] = (LiveMetrics,)

    def __init__(
        self,
        *,
        one_task_cells: int = ONE_TASK_CELLS,
        max_rows: int = MAX_ROWS,
        second_pass_rows: int = SECOND_PASS_ROWS,
        slice_cells: int = slice_areas.MAX_CELLS,
        slice_task_cells: int = slice_areas.TASK_CELLS,
    ) -> None:
        self.stages = (
            MergeRows(),
            RankScores(one_task_cells=one_task_cells, max_rows=max_rows),
            FindDuplicates(max_rows=max_rows),
            CountResiduals(max_rows=max_rows),
            SecondPass(max_rows=second_pass_rows),
            RankSlices(max_cells=slice_cells, task_cells=slice_task_cells),
        )

    def finish(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> EvaluationResult:
        """Return the result, its details being written.

        Raises BadPredictions for repeated ids and for slices of too many values.
        """
        with input_refused():
            repeated_ids.refuse(inputs.partials(FindDuplicates), "an evaluation")
        seen = merge_second_passes(inputs.partials(SecondPass))
        measured = measure(
            inputs.partials(MergeRows)[0],
            job.spec.spec,
            RankCounts.merge_all(inputs.partials(RankScores)),
            ResidualCounts.merge_all(inputs.partials(CountResiduals)),
        )
        areas = inputs.partials(RankSlices)
        ranks = SliceRanks.merge_all(areas) if areas else None
        details = evaluation_details(measured, seen, ranks, context.blobs)
        return evaluation_result(measured, context.blobs.put(details.write()))

    def result_blobs(self, result: EvaluationResult) -> Iterable[str]:
        """Return the address of the details."""
        return () if result.details is None else (result.details,)

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Store the result and make the version ready; a job without one leaves both alone."""
        if job.result is None:
            return
        asked = decode(EvaluationJob, job.spec)
        result = decode(EvaluationResult, job.result)
        uow[Evaluations].finish(job.organization_id, asked.evaluation_id, result)
        version = uow[Versions].get(job.organization_id, asked.model_id, asked.version_id)
        if version.status is not VersionStatus.READY:
            uow[Versions].mark_ready(job.organization_id, asked.model_id, asked.version_id)
