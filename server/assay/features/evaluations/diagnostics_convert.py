"""Curves, tables and mistakes on the wire."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Protocol

from assay.features.evaluations.curves_service import CurveFound, Thresholds
from assay.features.evaluations.details_artifact import SliceDetails
from assay.features.evaluations.details_service import Detailed, Place
from assay.features.evaluations.diagnostics_service import Intervals, MistakeFilter, Mistakes
from assay.kernel.rpc import values
from assay.kernel.rpc.call import Call
from assay.metrics.curves import ThresholdRow
from assay.metrics.order_statistics import ResidualSummary
from assay.metrics.reliability import Calibration, ReliabilityTable
from assay.v1 import diagnostics_pb2, diagnostics_service_pb2, metric_pb2


class PlacedRequest(Protocol):
    """What every request of the family has."""

    model_id: str
    version_id: str
    dataset_split: str


def place(request: PlacedRequest, call: Call) -> Place:
    """Return which evaluation a request asks about."""
    return Place(
        organization_id=call.organization_id,
        model_id=request.model_id,
        version_id=request.version_id,
        dataset_split=request.dataset_split,
    )


def roc_curve(curve: CurveFound) -> diagnostics_pb2.RocCurve:
    """Return a ROC curve."""
    return diagnostics_pb2.RocCurve(
        **_head(curve.found),
        class_label=curve.class_label,
        roc_auc=curve.area,
        points=[
            diagnostics_pb2.RocPoint(fpr=false, tpr=true, threshold=threshold)
            for false, true, threshold in curve.points
        ],
        undefined=_reason("roc_auc", curve.class_label, curve.reason),
        averaging="macro" if curve.class_label is None else "one_vs_rest",
    )


def pr_curve(curve: CurveFound) -> diagnostics_pb2.PrCurve:
    """Return a precision-recall curve."""
    return diagnostics_pb2.PrCurve(
        **_head(curve.found),
        class_label=curve.class_label or "",
        average_precision=curve.area,
        points=[
            diagnostics_pb2.PrPoint(recall=recall, precision=precision, threshold=threshold)
            for recall, precision, threshold in curve.points
        ],
        undefined=_reason("average_precision", curve.class_label, curve.reason),
    )


def thresholds(table: Thresholds) -> diagnostics_pb2.ThresholdTable:
    """Return what each threshold gives."""
    return diagnostics_pb2.ThresholdTable(
        **_head(table.found),
        class_label=table.class_label,
        rows=[_threshold(row) for row in table.rows],
        best_f1=None if table.best_f1 is None else _threshold(table.best_f1),
        best_cost=None if table.best_cost is None else _threshold(table.best_cost),
        cost=table.cost,
        undefined=_reason("thresholds", table.class_label, table.reason),
    )


def calibration(found: Detailed, tables: Calibration) -> diagnostics_pb2.CalibrationReport:
    """Return the reliability tables."""
    return diagnostics_pb2.CalibrationReport(
        **_head(found),
        target=tables.target,
        headline=_reliability(tables.headline),
        per_class={label: _reliability(table) for label, table in tables.per_class.items()},
    )


def mistake_filter(
    request: diagnostics_service_pb2.ListMisclassificationErrorsRequest,
) -> MistakeFilter:
    """Return which mistakes a request asks for."""
    return MistakeFilter(
        limit=request.limit if request.HasField("limit") else None,
        true_label=request.true_label,
        predicted_label=request.predicted_label,
        min_confidence=request.min_confidence if request.HasField("min_confidence") else None,
    )


def mistakes(found: Mistakes) -> diagnostics_pb2.MisclassificationErrors:
    """Return the mistakes with their features."""
    return diagnostics_pb2.MisclassificationErrors(
        **_head(found.found),
        total=found.total,
        errors=[
            diagnostics_pb2.MisclassificationError(
                row=one.row,
                row_id=one.row_id,
                true_label=one.true_label,
                predicted_label=one.predicted_label,
                confidence=one.confidence,
                features=values.struct(one.features),
            )
            for one in found.shown
        ],
    )


def residuals(found: Detailed, told: ResidualSummary) -> diagnostics_pb2.ResidualReport:
    """Return the distribution of residuals."""
    edges = itertools.pairwise(told.edges)
    return diagnostics_pb2.ResidualReport(
        **_head(found),
        rows=found.result.rows,
        quantiles=told.quantiles,
        minimum=told.minimum,
        maximum=told.maximum,
        bins=[
            diagnostics_pb2.ResidualBin(low=low, high=high, count=count)
            for (low, high), count in zip(edges, told.counts, strict=True)
        ],
    )


def slices(
    found: Detailed, columns: Mapping[str, tuple[SliceDetails, ...]]
) -> diagnostics_pb2.SliceReport:
    """Return the metrics by slice column and value."""
    return diagnostics_pb2.SliceReport(
        **_head(found),
        columns=[
            diagnostics_pb2.SliceColumn(name=name, values=[_slice(one) for one in rows])
            for name, rows in columns.items()
        ],
    )


def intervals(told: Intervals) -> diagnostics_pb2.IntervalReport:
    """Return the intervals by metric, and why others have none."""
    return diagnostics_pb2.IntervalReport(
        **_head(told.found),
        undefined=values.undefined(told.undefined),
        intervals=[
            diagnostics_pb2.MetricInterval(
                metric=name,
                value=told.found.result.metrics.get(name),
                low=one.low,
                high=one.high,
                level=one.level,
                method=one.method,
            )
            for name, one in sorted(told.by_metric.items())
        ],
    )


def _head(found: Detailed) -> dict[str, Any]:
    evaluation = found.performance.evaluation
    return {
        "model_id": evaluation.model_id,
        "version_id": evaluation.version_id,
        "dataset_split": evaluation.dataset_split,
    }


def _reason(metric: str, label: str | None, reason: str | None) -> list[metric_pb2.UndefinedMetric]:
    name = metric if label is None else f"{metric}:{label}"
    return [] if reason is None else values.undefined({name: reason})


def _threshold(row: ThresholdRow) -> diagnostics_pb2.ThresholdRow:
    return diagnostics_pb2.ThresholdRow(
        threshold=row.threshold,
        true_positive=row.true_positives,
        false_positive=row.false_positives,
        false_negative=row.false_negatives,
        true_negative=row.true_negatives,
        precision=row.precision,
        recall=row.recall,
        f1_score=row.f1_score,
        false_positive_rate=row.false_positive_rate,
    )


def _reliability(table: ReliabilityTable) -> diagnostics_pb2.ReliabilityTable:
    brier = table.brier
    return diagnostics_pb2.ReliabilityTable(
        bins=[
            diagnostics_pb2.ReliabilityBin(
                low=one.low,
                high=one.high,
                count=one.count,
                mean_confidence=one.mean_confidence,
                accuracy=one.accuracy,
                gap=one.gap,
            )
            for one in table.bins
        ],
        ece=table.ece,
        mce=table.mce,
        ece_signed=table.ece_signed,
        brier=None
        if brier is None
        else diagnostics_pb2.BrierDecomposition(
            reliability=brier.reliability,
            resolution=brier.resolution,
            uncertainty=brier.uncertainty,
            within_bin=brier.within_bin,
        ),
    )


def _slice(one: SliceDetails) -> diagnostics_pb2.Slice:
    return diagnostics_pb2.Slice(
        value=one.value,
        rows=one.rows,
        weight=one.weight,
        metrics=one.metrics,
        undefined=values.undefined(one.undefined),
    )
