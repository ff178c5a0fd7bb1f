"""The job kind `comparison`: two evaluations, tested against each other row by row.

Tasks read a piece of both sides each, line its rows up and count them by truth and both
predictions; counts merge. What needs whole rows – areas, clusters, weights, errors of a regression
– is tested where one task holds them all, and has a reason above that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.features.comparisons.model import (
    COMPARISON_KIND,
    DIFFERENT_ROWS,
    MAX_ROWS,
    TOO_MANY_ROWS,
    AreasTest,
    ComparisonJob,
    McNemarTest,
    PairedTests,
)
from assay.features.comparisons.pairing import (
    PairCounts,
    Partition,
    Rows,
    joint_counts,
    lined_up,
    read_side,
)
from assay.features.evaluations.second_pass import BOOTSTRAP_ROWS
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    TaskOutput,
)
from assay.kernel.storage.blob_references import BlobReferences, job_owner
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.metrics.counts import ConfusionCounts
from assay.metrics.intervals import Interval, delong_paired, mcnemar
from assay.metrics.reasons import Reason
from assay.metrics.registry import METRICS
from assay.metrics.regression_sums import RegressionSums
from assay.metrics.resampling.bootstrap import (
    MOST_CELLS,
    Bootstrap,
    paired_cells,
    paired_intervals,
    row_clusters,
)
from assay.metrics.sparse_counts import SparseCounts
from assay.metrics.spec import MetricSpec, classification_spec, regression_spec
from assay.records import Record, decode, encode
from assay.records.predictions import ClassificationChunk, RegressionChunk

RESAMPLED = (ConfusionCounts, RegressionSums)  # what differences follow from

Asked = JobView[ComparisonJob]
Differences = Mapping[str, Interval] | Reason


class PairPayload(Record):
    """A part of the rows of both sides."""

    number: int  # of the part, from 0
    parts: int


@dataclass(frozen=True, kw_only=True)
class PairRows(Stage[PairPayload, PairCounts]):
    """Reads a part of both sides, lines its rows up and counts them."""

    name: ClassVar[str] = "pair"
    payload = PairPayload
    partial = PairCounts
    max_rows: int = MAX_ROWS  # of a side in one task

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[PairPayload]:
        """Plan parts; none where the numbers of rows already say why there are no tests."""
        if _known(job.spec, self.max_rows) is not None:
            return []
        parts = -(-job.spec.a.total // self.max_rows)
        return [PairPayload(number=number, parts=parts) for number in range(parts)]

    def run(
        self, job: Asked, payload: PairPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[PairCounts]:
        """Count one part."""
        asked = job.spec
        partition = Partition(number=payload.number, of=payload.parts)
        sides = (read_side(asked, side, partition, context.blobs) for side in (asked.a, asked.b))
        pair = lined_up(*sides)
        if pair is None:
            return TaskOutput(partial=PairCounts(same=False))
        first, second = pair
        counts = PairCounts(
            same=True,
            rows=len(first),
            weighted=first.weights is not None,
            clustered=_clusters(first, second) is not None,
            joint=joint_counts(asked, first, second) if asked.labels else None,
            tests=encode(_whole(asked, first, second)) if payload.parts == 1 else b"",
        )
        return TaskOutput(partial=counts)


class ComparisonKind(JobKind[ComparisonJob, PairedTests]):
    """Compares two evaluations of the same rows; the job's result is all that there is."""

    name: ClassVar[str] = COMPARISON_KIND
    spec = ComparisonJob
    result = PairedTests

    def __init__(self, *, max_rows: int = MAX_ROWS) -> None:
        self._max_rows = max_rows  # of a side in one task
        self.stages = (PairRows(max_rows=max_rows),)

    def finish(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> PairedTests:
        """Return the tests, or why there are none."""
        known = _known(job.spec, self._max_rows)
        if known is not None:
            return PairedTests(rows=0, reason=known)
        parts = inputs.partials(PairRows)
        if not all(part.same for part in parts):
            return PairedTests(rows=0, reason=DIFFERENT_ROWS)
        return _tests(job.spec, parts)

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Let the rows go that were compared: the result names none, and their evaluations may."""
        uow[BlobReferences].remove(job.organization_id, job_owner(job.job_id))


def _known(asked: ComparisonJob, most: int) -> str | None:
    """Return why there are no tests, where no row needs to be read to say so."""
    if asked.a.total != asked.b.total:
        return DIFFERENT_ROWS
    return TOO_MANY_ROWS if not asked.labels and asked.a.total > most else None


def _whole(asked: ComparisonJob, first: Rows, second: Rows) -> PairedTests:
    """Return the tests of b against a that need whole rows; differences are b - a."""
    undefined: dict[str, Reason] = {}
    areas = _areas(asked, first, second)
    if isinstance(areas, Reason):
        undefined["roc_auc"] = areas
    differences: Differences = {}
    if not _by_cells(asked, len(first), first, second):
        differences = _differences(asked, first, second)
    if isinstance(differences, Reason):
        undefined["differences"] = differences
    return PairedTests(
        rows=len(first),
        roc_auc=None if isinstance(areas, Reason) else areas,
        differences={} if isinstance(differences, Reason) else dict(differences),
        undefined={name: reason.value for name, reason in undefined.items()},
    )


def _tests(asked: ComparisonJob, parts: Sequence[PairCounts]) -> PairedTests:
    rows, first = sum(part.rows for part in parts), parts[0]
    whole = decode(PairedTests, first.tests) if first.tests else None
    undefined = {} if whole is None else dict(whole.undefined)
    differences = {} if whole is None else dict(whole.differences)
    joints = [part.joint for part in parts if part.joint is not None]
    joint = SparseCounts.merge_all(joints) if joints else None
    if whole is None:
        undefined["roc_auc"] = Reason.TOO_MANY_ROWS.value
    if joint is not None and not first.weighted and not first.clustered and rows > BOOTSTRAP_ROWS:
        if len(joint.cells) > MOST_CELLS:
            undefined["differences"] = Reason.TOO_MANY_CELLS.value
        else:
            drawn = paired_cells(joint, asked.labels)
            differences = paired_intervals(drawn[1], drawn[0], _metric_spec(asked))
    elif whole is None:
        undefined["differences"] = Reason.TOO_MANY_ROWS.value
    if "differences" not in undefined:
        undefined |= {
            metric.name: Reason.UNDEFINED_REPLICATE.value
            for metric in METRICS
            if _metric_spec(asked).task in metric.tasks
            and metric.needs in RESAMPLED
            and metric.name not in differences
        }
    if joint is None:
        undefined["mcnemar"] = Reason.NO_METHOD.value
    elif first.clustered:
        undefined["mcnemar"] = Reason.CLUSTERED_ROWS.value
    return PairedTests(
        rows=rows,
        mcnemar=None if joint is None or first.clustered else _mcnemar(asked, joint),
        roc_auc=None if whole is None else whole.roc_auc,
        differences=differences,
        undefined=dict(sorted(undefined.items())),
    )


def _by_cells(asked: ComparisonJob, rows: int, first: Rows, second: Rows) -> bool:
    """Tell whether differences follow from the counts: of many rows that are all alike."""
    alike = first.weights is None and _clusters(first, second) is None
    return bool(asked.labels) and alike and rows > BOOTSTRAP_ROWS


def _mcnemar(asked: ComparisonJob, joint: SparseCounts) -> McNemarTest:
    k = len(asked.labels)
    true, a, b = joint.cells // k**2, joint.cells // k % k, joint.cells % k
    test = mcnemar(
        int(joint.counts[(a == true) & (b != true)].sum()),
        int(joint.counts[(a != true) & (b == true)].sum()),
    )
    return McNemarTest(only_a=test.only_first, only_b=test.only_second, p_value=test.p_value)


def _areas(asked: ComparisonJob, first: Rows, second: Rows) -> AreasTest | Reason:
    if asked.positive_label is None:
        return Reason.NO_METHOD
    if first.scores is None or second.scores is None:
        return Reason.NO_SCORES
    if first.weights is not None:
        return Reason.WEIGHTED_ROWS
    if _clusters(first, second) is not None:
        return Reason.CLUSTERED_ROWS
    positive = first.true == asked.labels.index(asked.positive_label)
    test = delong_paired(positive, second.scores, first.scores)
    if test is None:
        return Reason.SINGLE_CLASS
    return AreasTest(
        area_a=test.second,
        area_b=test.first,
        difference=test.difference,
        low=None if test.interval is None else test.interval.low,
        high=None if test.interval is None else test.interval.high,
        p_value=test.p_value,
    )


def _differences(asked: ComparisonJob, first: Rows, second: Rows) -> Differences:
    """Return bootstrap intervals of b - a; both sides resample the same clusters."""
    clusters = _clusters(first, second)
    if clusters is None:
        clusters = row_clusters(0, len(first)) if first.ids is None else first.ids[0]
    try:
        a, b = (Bootstrap.from_chunk(_chunk(asked, side), clusters) for side in (first, second))
    except ValueError:  # values near the end of float64, or of weights, cannot be resampled
        return Reason.OVERFLOW
    return paired_intervals(b, a, _metric_spec(asked))


def _clusters(first: Rows, second: Rows) -> np.ndarray | None:
    """Return the clusters of the rows; where both sides have some they are the same."""
    return second.clusters if first.clusters is None else first.clusters


def _chunk(asked: ComparisonJob, side: Rows) -> ClassificationChunk | RegressionChunk:
    if not asked.labels:
        return RegressionChunk(true=side.true, predicted=side.pred, weights=side.weights)
    return ClassificationChunk(
        labels=asked.labels,
        fixed=True,
        true=side.true,
        predicted=side.pred,
        weights=side.weights,
    )


def _metric_spec(asked: ComparisonJob) -> MetricSpec:
    if not asked.labels:
        return regression_spec()
    return classification_spec(declared=asked.labels, positive_label=asked.positive_label)
