"""From the diagnostic messages of `assay.v1` to the client's values."""

from __future__ import annotations

from typing import Protocol, TypedDict

from google.protobuf import json_format

from assay.client import diagnostic_types as types
from assay.client.convert import metrics, number, undefined
from assay.v1 import diagnostics_pb2 as pb


class _Measured(Protocol):
    model_id: str
    version_id: str
    dataset_split: str


class _Head(TypedDict):
    model_id: str
    version_id: str
    dataset_split: str


def roc_curve(message: pb.RocCurve) -> types.RocCurve:
    """Return a ROC curve."""
    return types.RocCurve(
        **_head(message),
        class_label=message.class_label if message.HasField("class_label") else None,
        averaging=message.averaging,
        roc_auc=number(message, "roc_auc"),
        points=tuple(
            types.RocPoint(fpr=one.fpr, tpr=one.tpr, threshold=number(one, "threshold"))
            for one in message.points
        ),
        undefined=undefined(message.undefined),
    )


def pr_curve(message: pb.PrCurve) -> types.PrCurve:
    """Return a precision-recall curve."""
    return types.PrCurve(
        **_head(message),
        class_label=message.class_label,
        average_precision=number(message, "average_precision"),
        points=tuple(
            types.PrPoint(
                recall=one.recall, precision=one.precision, threshold=number(one, "threshold")
            )
            for one in message.points
        ),
        undefined=undefined(message.undefined),
    )


def thresholds(message: pb.ThresholdTable) -> types.ThresholdTable:
    """Return what thresholds give."""
    return types.ThresholdTable(
        **_head(message),
        class_label=message.class_label,
        rows=tuple(map(_threshold, message.rows)),
        best_f1=_threshold(message.best_f1) if message.HasField("best_f1") else None,
        best_cost=_threshold(message.best_cost) if message.HasField("best_cost") else None,
        cost=number(message, "cost"),
        undefined=undefined(message.undefined),
    )


def calibration(message: pb.CalibrationReport) -> types.Calibration:
    """Return how far confidences are true."""
    return types.Calibration(
        **_head(message),
        target=message.target,
        headline=reliability(message.headline),
        per_class={label: reliability(message.per_class[label]) for label in message.per_class},
    )


def mistakes(message: pb.MisclassificationErrors) -> types.MisclassificationErrors:
    """Return the most confident mistakes."""
    return types.MisclassificationErrors(
        **_head(message),
        total=int(message.total),
        errors=tuple(
            types.Mistake(
                row=int(one.row),
                row_id=one.row_id if one.HasField("row_id") else None,
                true_label=one.true_label,
                predicted_label=one.predicted_label,
                confidence=number(one, "confidence"),
                features=json_format.MessageToDict(one.features),
            )
            for one in message.errors
        ),
    )


def residuals(message: pb.ResidualReport) -> types.Residuals:
    """Return the distribution of true less predicted."""
    return types.Residuals(
        **_head(message),
        rows=int(message.rows),
        quantiles=dict(sorted((float(at), value) for at, value in message.quantiles.items())),
        minimum=message.minimum,
        maximum=message.maximum,
        bins=tuple(
            types.ResidualBin(low=one.low, high=one.high, count=int(one.count))
            for one in message.bins
        ),
    )


def slices(message: pb.SliceReport) -> types.Slices:
    """Return the metrics of parts of the rows."""
    return types.Slices(
        **_head(message),
        columns={column.name: tuple(map(_slice, column.values)) for column in message.columns},
    )


def intervals(message: pb.IntervalReport) -> types.Intervals:
    """Return confidence intervals."""
    return types.Intervals(
        **_head(message),
        by_metric={one.metric: interval(one) for one in message.intervals},
        undefined=undefined(message.undefined),
    )


def interval(message: pb.MetricInterval) -> types.Interval:
    """Return one confidence interval."""
    return types.Interval(
        metric=message.metric,
        value=number(message, "value"),
        low=message.low,
        high=message.high,
        level=message.level,
        method=message.method,
    )


def _head(message: _Measured) -> _Head:
    return _Head(
        model_id=message.model_id,
        version_id=message.version_id,
        dataset_split=message.dataset_split,
    )


def _threshold(message: pb.ThresholdRow) -> types.ThresholdRow:
    return types.ThresholdRow(
        threshold=number(message, "threshold"),
        true_positive=message.true_positive,
        false_positive=message.false_positive,
        false_negative=message.false_negative,
        true_negative=message.true_negative,
        precision=number(message, "precision"),
        recall=message.recall,
        f1_score=message.f1_score,
        false_positive_rate=message.false_positive_rate,
    )


def reliability(message: pb.ReliabilityTable) -> types.ReliabilityTable:
    """Return how sure something said to be, and how often it was right."""
    brier = message.brier
    return types.ReliabilityTable(
        bins=tuple(
            types.ReliabilityBin(
                low=one.low,
                high=one.high,
                count=one.count,
                mean_confidence=number(one, "mean_confidence"),
                accuracy=number(one, "accuracy"),
                gap=number(one, "gap"),
            )
            for one in message.bins
        ),
        ece=message.ece,
        mce=message.mce,
        ece_signed=message.ece_signed,
        brier=types.BrierDecomposition(
            reliability=brier.reliability,
            resolution=brier.resolution,
            uncertainty=brier.uncertainty,
            within_bin=brier.within_bin,
        )
        if message.HasField("brier")
        else None,
    )


def _slice(message: pb.Slice) -> types.Slice:
    return types.Slice(
        value=message.value if message.HasField("value") else None,
        rows=int(message.rows),
        weight=number(message, "weight"),
        metrics=metrics(message.metrics),
        undefined=undefined(message.undefined),
    )
