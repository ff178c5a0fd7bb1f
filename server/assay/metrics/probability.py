"""Metrics of a classification that follow from scores."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from assay.metrics.arithmetic.exact_sum import UNIT_BITS
from assay.metrics.calibration import CalibrationBins
from assay.metrics.losses import BrierSum, LogLossSum
from assay.metrics.metric import CLASSIFICATION, MULTICLASS, Direction, Metric, Outcome, Unit
from assay.metrics.metric_inputs import MetricInputs
from assay.metrics.reasons import Reason
from assay.metrics.spec import Task
from assay.metrics.topk import TOPS, TopRanks


def _roc_auc(inputs: MetricInputs) -> Outcome:
    label = inputs.spec.positive_label
    if label is None:
        macro = inputs.ranking.macro
        return Reason.SINGLE_CLASS if macro is None else macro
    area = inputs.auc[label]
    return Reason.SINGLE_CLASS if isinstance(area, Reason) else float(area)


def _average_precision(inputs: MetricInputs) -> Outcome:
    label, ranking = inputs.spec.positive_label, inputs.precision_ranking
    if ranking is None or inputs.precisions is None:
        return None
    if label is None:
        return Reason.NO_POSITIVES if ranking.macro is None else ranking.macro
    value = inputs.precisions[label]
    return value if isinstance(value, Reason) else float(value)


def _log_loss(inputs: MetricInputs) -> Outcome:
    return inputs.log_loss.total.mean(inputs.weight)


def _brier(inputs: MetricInputs) -> Outcome:
    columns = dict(zip(inputs.brier.score_labels, inputs.brier.columns, strict=True))
    positive = inputs.spec.positive_label
    if positive is not None and positive in columns:
        return columns[positive].mean(inputs.weight)
    # Without a positive class two columns are halved, which is either one's score if rows sum to 1.
    share = 2 if inputs.spec.task is Task.BINARY else 1
    return sum(total.units for total in columns.values()) / (inputs.weight * share << UNIT_BITS)


def _top(first: int) -> Callable[[MetricInputs], Outcome]:
    """Return the share of rows whose truth is among the `first` labels."""

    def compute(inputs: MetricInputs) -> Outcome:
        if first >= len(inputs.spec.labels):
            return Reason.TOO_FEW_CLASSES
        return inputs.accumulator(TopRanks).among(first) / inputs.weight

    return compute


def _top_metric(first: int) -> Metric:
    among = "has the highest score" if first == 1 else f"is among the {first} highest scores"
    return Metric(
        name=f"top_{first}_accuracy",
        description=f"Share of records whose true label {among}",
        tasks=MULTICLASS,
        needs=TopRanks,
        compute=_top(first),
    )


_area = partial(Metric, tasks=CLASSIFICATION, needs=CalibrationBins, needs_ranks=True)
_loss = partial(Metric, tasks=CLASSIFICATION, direction=Direction.LOWER)

PROBABILITY_METRICS: tuple[Metric, ...] = (
    _area(
        name="roc_auc",
        description="Exact area under the ROC curve (multi-class: macro one-vs-rest over the "
        "defined classes)",
        compute=_roc_auc,
    ),
    _area(
        name="average_precision",
        description="Area under the precision-recall curve, step-wise (multi-class: macro "
        "one-vs-rest over the defined classes)",
        compute=_average_precision,
    ),
    _loss(
        name="log_loss",
        description="Mean negative log likelihood of the true class",
        needs=LogLossSum,
        high=-math.log(2.0**-52),
        unit=Unit.NATS,
        compute=_log_loss,
    ),
    _loss(
        name="brier",
        description="Brier score of the positive class (binary, at most 1), or summed over the "
        "classes (multi-class)",
        needs=BrierSum,
        high=2.0,
        compute=_brier,
    ),
    _loss(
        name="ece",
        needs=CalibrationBins,
        compute=lambda inputs: inputs.headline_bins.ece(),
        description="Expected calibration error over 15 equal-width bins, of the positive class "
        "(binary) or the top label (multi-class)",
    ),
    _loss(
        name="mce",
        needs=CalibrationBins,
        compute=lambda inputs: inputs.headline_bins.mce(),
        description="Largest calibration error of a bin",
    ),
    _loss(
        name="ece_signed",
        needs=CalibrationBins,
        compute=lambda inputs: inputs.headline_bins.ece_signed(),
        description="Mean confidence less the share that was right (positive: over-confident)",
        low=-1.0,
        direction=Direction.NONE,  # over- and under-confidence are both errors
    ),
    *map(_top_metric, TOPS),
)
