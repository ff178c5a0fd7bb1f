"""REST views of stored quality numbers."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from assay.features.datasets.model import SPLITS
from assay.features.evaluations import performance_convert as convert
from assay.features.evaluations.model import EvaluationResult
from assay.features.evaluations.performance_service import (
    Performance,
    PerformanceReader,
    check_average,
)
from assay.features.models.model import TaskType
from assay.kernel.rpc import rest, values
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.rest import Body, Count, Instant
from assay.metrics.registry import METRIC_BY_NAME
from assay.records import Record
from assay.v1 import metric_pb2, performance_pb2, performance_service_pb2

Split = Annotated[str, Meta(extra_json_schema={"enum": list(SPLITS)})]


class PerformanceSummaryView(Record):
    """The headline numbers of one evaluation."""

    model_id: str  # The model.
    version_id: str  # The version that was measured.
    task_type: str  # classification, regression or extraction.
    dataset_split: Split  # The split that it was measured on.
    metrics: dict[str, float]  # The metrics of the task, by name, in the order of the catalogue.
    evaluated_at: Instant  # When the evaluation succeeded, in whole seconds.
    evaluation_id: str  # The evaluation that this is read from.
    rows: float  # Rows measured.
    # The metrics that have no value, or rest on a convention, and why.
    undefined: tuple[metric_pb2.UndefinedMetric, ...]
    # How precision, recall and f1_score are made: positive_class or weighted; not of a regression.
    averaging: str | UnsetType = UNSET
    # The positive label, where averaging is positive_class.
    positive_label: str | UnsetType = UNSET
    label_set_inferred: bool  # True when labels were neither declared nor named by score columns.
    metric_spec_hash: str  # SHA-256 of the full metric definition.
    weight: float | UnsetType = UNSET  # Total weight of the rows, where they have weights.
    # Rows of a regression with a target of zero, which mape leaves out.
    zero_targets: float | UnsetType = UNSET


class ClassificationReportView(Record):
    """Precision, recall, F1 and support of every class, and their average."""

    model_id: str  # The model.
    version_id: str  # The version that was measured.
    dataset_split: Split  # The split that it was measured on.
    per_class: dict[str, metric_pb2.ClassScores]  # The scores by label, in the order of `labels`.
    overall: performance_pb2.OverallScores  # The average asked for.
    labels: tuple[str, ...]  # The order of the labels.
    undefined: tuple[metric_pb2.UndefinedMetric, ...]  # Scores that rest on a convention, and why.


class BinaryCountsView(Record):
    """The four counts of a binary classifier."""

    positive_label: str  # The positive label.
    true_positive: Count  # Positive records predicted positive.
    false_positive: Count  # Negative records predicted positive.
    false_negative: Count  # Positive records predicted negative.
    true_negative: Count  # Negative records predicted negative.


class ConfusionMatrixView(Record):
    """Counts of (true, predicted) label pairs, or their shares, as rows."""

    model_id: str  # The model.
    version_id: str  # The version that was measured.
    dataset_split: Split  # The split that it was measured on.
    labels: tuple[str, ...]  # The labels, in the order of rows and columns.
    # One row a true label, one column a predicted label; of shares, a label without records has nulls.
    matrix: tuple[tuple[float | None, ...], ...]
    # The four counts of a binary classifier with a positive label.
    binary: BinaryCountsView | UnsetType = UNSET
    normalized: bool  # True when the matrix holds shares.


class PerformanceRestService:
    """Tables of stored evaluations."""

    def __init__(self, performance: PerformanceReader) -> None:
        self._performance = performance

    async def GetPerformanceSummary(
        self, request: performance_service_pb2.GetPerformanceSummaryRequest, call: Call
    ) -> Body[PerformanceSummaryView]:
        """Return the headline metrics."""
        found = await call.run(self._performance.of, convert.key_of(request, call))
        return rest.body(summary(found))

    async def GetClassificationReport(
        self, request: performance_service_pb2.GetClassificationReportRequest, call: Call
    ) -> Body[ClassificationReportView]:
        """Return the scores of every class."""
        average = check_average(request.average)
        found = await call.run(
            self._performance.of, convert.key_of(request, call), TaskType.CLASSIFICATION
        )
        return await call.build(lambda: rest.body(report(found, average)), is_large=found.is_large)

    async def GetConfusionMatrix(
        self, request: performance_service_pb2.GetConfusionMatrixRequest, call: Call
    ) -> Body[ConfusionMatrixView]:
        """Return the confusion matrix as rows."""
        found = await call.run(
            self._performance.of, convert.key_of(request, call), TaskType.CLASSIFICATION
        )
        return await call.build(
            lambda: rest.body(confusion(found, normalize=request.normalize)),
            is_large=found.is_large,
        )


def summary(found: Performance) -> PerformanceSummaryView:
    """Return the view of the headline numbers."""
    result, evaluation = found.result, found.evaluation
    evaluated_at = evaluation.evaluated_at
    assert evaluated_at is not None  # a result was committed with its time
    return PerformanceSummaryView(
        model_id=found.model.model_id,
        version_id=evaluation.version_id,
        task_type=found.model.task_type.value,
        dataset_split=evaluation.dataset_split,
        metrics={name: result.metrics[name] for name in METRIC_BY_NAME if name in result.metrics},
        evaluated_at=values.seconds(evaluated_at),
        evaluation_id=evaluation.evaluation_id,
        rows=result.rows,
        undefined=tuple(values.undefined(result.undefined)),
        averaging=rest.present(convert.averaging(result)),
        positive_label=rest.present(result.positive_label),
        label_set_inferred=result.label_set_inferred,
        metric_spec_hash=result.spec_hash,
        weight=rest.present(result.weight),
        zero_targets=rest.present(result.zero_targets),
    )


def report(found: Performance, average: str) -> ClassificationReportView:
    """Return the view of a report."""
    message = convert.report(found, average)
    return ClassificationReportView(
        model_id=message.model_id,
        version_id=message.version_id,
        dataset_split=found.evaluation.dataset_split,
        per_class={label: message.per_class[label] for label in message.labels},
        overall=message.overall,
        labels=tuple(message.labels),
        undefined=tuple(message.undefined),
    )


def confusion(found: Performance, *, normalize: bool) -> ConfusionMatrixView:
    """Return the view of a confusion matrix: counts, or the shares of each true label."""
    result = found.result
    rows = result.confusion or ()
    return ConfusionMatrixView(
        model_id=found.model.model_id,
        version_id=found.evaluation.version_id,
        dataset_split=found.evaluation.dataset_split,
        labels=result.labels,
        matrix=tuple(
            tuple(convert.shares(row)) or (None,) * len(row) if normalize else tuple(row)
            for row in rows
        ),
        binary=_binary(result),
        normalized=normalize,
    )


def _binary(result: EvaluationResult) -> BinaryCountsView | UnsetType:
    if result.positive_label is None or len(result.labels) != 2 or result.confusion is None:
        return UNSET
    positive = result.labels.index(result.positive_label)
    negative = 1 - positive
    rows = result.confusion
    return BinaryCountsView(
        positive_label=result.positive_label,
        true_positive=rows[positive][positive],
        false_positive=rows[negative][positive],
        false_negative=rows[positive][negative],
        true_negative=rows[negative][negative],
    )
