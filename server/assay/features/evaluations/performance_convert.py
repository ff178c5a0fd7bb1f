"""Stored quality numbers on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assay.features.evaluations.model import ClassScores, EvaluationResult
from assay.features.evaluations.performance_service import EvaluationKey, Performance
from assay.kernel.rpc import values
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import message_of
from assay.metrics.reasons import Reason
from assay.v1 import metric_pb2, performance_pb2


def key_of(request: Any, call: Call) -> EvaluationKey:
    """Return which evaluation a request asks about."""
    return EvaluationKey(
        organization_id=call.organization_id,
        model_id=request.model_id,
        version_id=request.version_id,
        dataset_split=request.dataset_split,
    )


def summary(found: Performance) -> performance_pb2.PerformanceSummary:
    """Return the headline numbers of an evaluation."""
    result = found.result
    return performance_pb2.PerformanceSummary(
        model_id=found.model.model_id,
        version_id=found.evaluation.version_id,
        task_type=found.model.task_type.value,
        dataset_split=found.evaluation.dataset_split,
        metrics=result.metrics,
        evaluated_at=values.timestamp(found.evaluation.evaluated_at),
        evaluation_id=found.evaluation.evaluation_id,
        rows=result.rows,
        undefined=values.undefined(result.undefined),
        averaging=averaging(result),
        positive_label=result.positive_label,
        label_set_inferred=result.label_set_inferred,
        metric_spec_hash=result.spec_hash,
        weight=result.weight,
        zero_targets=result.zero_targets,
    )


def averaging(result: EvaluationResult) -> str | None:
    """Return how precision, recall and F1 are made; None where a task has none."""
    if result.task == "regression":
        return None
    return "positive_class" if result.positive_label is not None else "weighted"


def report(found: Performance, average: str) -> performance_pb2.ClassificationReport:
    """Return the scores of every class and the `average` of them."""
    result = found.result
    scores = result.averages[average]
    return performance_pb2.ClassificationReport(
        model_id=found.model.model_id,
        version_id=found.evaluation.version_id,
        dataset_split=found.evaluation.dataset_split,
        per_class={one.label: message_of(metric_pb2.ClassScores, one) for one in result.per_class},
        overall=performance_pb2.OverallScores(
            accuracy=result.metrics.get("accuracy", 0.0),
            precision=scores["precision"],
            recall=scores["recall"],
            f1_score=scores["f1_score"],
            average=average,
        ),
        labels=result.labels,
        undefined=values.undefined({**_absent(result), **result.undefined}),
    )


def _absent(result: EvaluationResult) -> dict[str, str]:
    """Return the areas that single classes lack, as `metric:label`, and why they do.

    Where no class has one, that is said of the metric as a whole.
    """
    rows = sum(one.support for one in result.per_class)
    found: dict[str, str] = {}
    for metric in ("roc_auc", "average_precision"):
        lacking = [one for one in result.per_class if getattr(one, metric) is None]
        if len(lacking) < len(result.per_class):
            found |= {f"{metric}:{one.label}": _why_absent(one, rows) for one in lacking}
    return found


def _why_absent(one: ClassScores, rows: int) -> str:
    if one.support == 0:
        return Reason.NO_POSITIVES.value
    # A lone score column is of one label; of the other it says an area, and no precision.
    return (Reason.NO_NEGATIVES if one.support == rows else Reason.NO_SCORES).value


def confusion(found: Performance, *, normalize: bool) -> performance_pb2.ConfusionMatrix:
    """Return the confusion matrix as packed counts, and as shares where asked for."""
    result = found.result
    rows = result.confusion or ()
    return performance_pb2.ConfusionMatrix(
        model_id=found.model.model_id,
        version_id=found.evaluation.version_id,
        dataset_split=found.evaluation.dataset_split,
        labels=result.labels,
        counts=[count for row in rows for count in row],
        positive_label=result.positive_label,
        shares=[performance_pb2.ConfusionShares(shares=shares(row)) for row in rows if normalize],
    )


def shares(row: Sequence[int]) -> list[float]:
    """Return the shares of a row of counts; of an empty row none are defined."""
    total = sum(row)
    return [count / total for count in row] if total else []
