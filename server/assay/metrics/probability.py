"""Metrics that are read off scores."""

from __future__ import annotations

import math
from collections.abc import Callable

from assay.metrics.calibration import CalibrationBins
from assay.metrics.exact_sum import UNIT_BITS
from assay.metrics.losses import BrierSum, LogLossSum
from assay.metrics.metric import CLASSIFICATION, MULTICLASS, Metric, Outcome
from assay.metrics.metric_inputs import Reading
from assay.metrics.reasons import Reason
from assay.metrics.spec import Task
from assay.metrics.topk import TOPS, TopRanks


def _roc_auc(reading: Reading) -> Outcome:
    label = reading.spec.positive_label
    if label is None:
        macro = reading.ranking.macro
        return Reason.SINGLE_CLASS if macro is None else macro
    area = reading.auc[label]
    return Reason.SINGLE_CLASS if isinstance(area, Reason) else float(area)


def _average_precision(reading: Reading) -> Outcome:
    label, ranking = reading.spec.positive_label, reading.precision_ranking
    if ranking is None or reading.precisions is None:
        return None
    if label is None:
        return Reason.NO_POSITIVES if ranking.macro is None else ranking.macro
    value = reading.precisions[label]
    return value if isinstance(value, Reason) else float(value)


def _log_loss(reading: Reading) -> Outcome:
    return reading.log_loss.total.mean(reading.weight)


def _brier(reading: Reading) -> Outcome:
    columns = dict(zip(reading.brier.score_labels, reading.brier.columns, strict=True))
    positive = reading.spec.positive_label
    if positive is not None and positive in columns:
        return columns[positive].mean(reading.weight)
    # Without a positive class two columns are halved, which is either one's score if rows sum to 1.
    share = 2 if reading.spec.task is Task.BINARY else 1
    return sum(total.units for total in columns.values()) / (reading.weight * share << UNIT_BITS)


def _top(first: int) -> Callable[[Reading], Outcome]:
    """Return the share of rows whose truth is among the `first` labels."""

    def compute(reading: Reading) -> Outcome:
        if first >= len(reading.spec.labels):
            return Reason.TOO_FEW_CLASSES
        return reading.part(TopRanks).among(first) / reading.weight

    return compute


def _top_metric(first: int) -> Metric:
    return Metric(
        name=f"top_{first}_accuracy",
        tasks=MULTICLASS,
        needs=TopRanks,
        low=0.0,
        high=1.0,
        greater_is_better=True,
        compute=_top(first),
    )


def _calibrated(name: str, compute: Callable[[Reading], Outcome], **bounds: float) -> Metric:
    return Metric(
        name=name,
        tasks=CLASSIFICATION,
        needs=CalibrationBins,
        low=bounds.get("low", 0.0),
        high=1.0,
        ideal=0.0,
        greater_is_better=False,
        compute=compute,
    )


OF_SCORES: tuple[Metric, ...] = (
    Metric(
        name="roc_auc",
        tasks=CLASSIFICATION,
        needs=CalibrationBins,
        needs_ranks=True,
        low=0.0,
        high=1.0,
        greater_is_better=True,
        compute=_roc_auc,
    ),
    Metric(
        name="average_precision",
        tasks=CLASSIFICATION,
        needs=CalibrationBins,
        needs_ranks=True,
        low=0.0,
        high=1.0,
        greater_is_better=True,
        compute=_average_precision,
    ),
    Metric(
        name="log_loss",
        tasks=CLASSIFICATION,
        needs=LogLossSum,
        low=0.0,
        high=-math.log(2.0**-52),
        greater_is_better=False,
        compute=_log_loss,
    ),
    Metric(
        name="brier",
        tasks=CLASSIFICATION,
        needs=BrierSum,
        low=0.0,
        high=2.0,
        greater_is_better=False,
        compute=_brier,
    ),
    _calibrated("ece", lambda reading: reading.headline_slot.ece()),
    _calibrated("mce", lambda reading: reading.headline_slot.mce()),
    _calibrated("ece_signed", lambda reading: reading.headline_slot.ece_signed(), low=-1.0),
    *map(_top_metric, TOPS),
)
