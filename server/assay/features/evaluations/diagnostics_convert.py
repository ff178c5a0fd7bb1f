"""Curves, tables and mistakes on the wire."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from assay.features.evaluations.curves_service import CurveFound, Thresholds
from assay.features.evaluations.details_artifact import SliceDetails
from assay.features.evaluations.details_service import Detailed
from assay.features.evaluations.diagnostics_service import Intervals, Mistakes
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of
from assay.metrics.intervals import Interval
from assay.metrics.order_statistics import ResidualSummary
from assay.metrics.reliability import Calibration
from assay.v1 import diagnostics_pb2, metric_pb2


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
    reason = _reason("thresholds", table.class_label, table.reason)
    head = _head(table.found)
    return message_of(diagnostics_pb2.ThresholdTable, table, undefined=reason, **head)


def calibration(found: Detailed, tables: Calibration) -> diagnostics_pb2.CalibrationReport:
    """Return the reliability tables."""
    return message_of(diagnostics_pb2.CalibrationReport, tables, **_head(found))


def mistakes(found: Mistakes) -> diagnostics_pb2.MisclassificationErrors:
    """Return the mistakes with their features."""
    return message_of(diagnostics_pb2.MisclassificationErrors, found, **_head(found.found))


def residuals(found: Detailed, told: ResidualSummary) -> diagnostics_pb2.ResidualReport:
    """Return the distribution of residuals."""
    bins = [
        diagnostics_pb2.ResidualBin(low=low, high=high, count=count)
        for (low, high), count in zip(itertools.pairwise(told.edges), told.counts, strict=True)
    ]
    head = _head(found)
    return message_of(
        diagnostics_pb2.ResidualReport, told, rows=found.result.rows, bins=bins, **head
    )


def slices(
    found: Detailed, columns: Mapping[str, tuple[SliceDetails, ...]]
) -> diagnostics_pb2.SliceReport:
    """Return the metrics by slice column and value."""
    shown = [{"name": name, "values": rows} for name, rows in columns.items()]
    return message_of(diagnostics_pb2.SliceReport, {"columns": shown}, **_head(found))


def intervals(told: Intervals) -> diagnostics_pb2.IntervalReport:
    """Return the intervals by metric, and why others have none."""
    found = metric_intervals(told.by_metric, told.found.result.metrics)
    return message_of(diagnostics_pb2.IntervalReport, told, intervals=found, **_head(told.found))


def metric_intervals(
    by_metric: Mapping[str, Interval], numbers: Mapping[str, float]
) -> list[diagnostics_pb2.MetricInterval]:
    """Return the intervals of metrics by name, each with its number where it has one."""
    kind = diagnostics_pb2.MetricInterval
    return [
        message_of(kind, one, metric=name, value=numbers.get(name))
        for name, one in sorted(by_metric.items())
    ]


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
