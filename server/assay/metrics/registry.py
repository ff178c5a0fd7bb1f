"""Every metric as a value: adding one is a row, a kernel, an oracle row and a paragraph.

Rows stand in `of_labels`, `of_scores` and `of_numbers`, beside the functions that read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.metrics.calibration import CalibrationBins
from assay.metrics.histogram import RankHistogram
from assay.metrics.metric import Metric, Outcome, SetToZero
from assay.metrics.of_labels import OF_LABELS
from assay.metrics.of_numbers import OF_NUMBERS
from assay.metrics.of_scores import OF_SCORES
from assay.metrics.ranking import RankCounts
from assay.metrics.reading import Ranking, Reading
from assay.metrics.reasons import Reason
from assay.metrics.reliability import Calibration
from assay.metrics.spec import MetricSpec
from assay.metrics.statistics import Statistic
from assay.metrics.weights import UNIT

METRICS: tuple[Metric, ...] = (*OF_LABELS, *OF_SCORES, *OF_NUMBERS)

METRIC_BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Every metric of a task: a value, or the reason that it has none."""

    metrics: Mapping[str, float]
    undefined: Mapping[str, Reason]
    zero_divisions: Mapping[str, Reason]  # of metrics whose 0 stands for a division by zero
    ranking: Ranking | None  # ROC AUC per class and averaged; None without scores, and live
    average_precision: Ranking | None = None  # likewise; None where curves were not counted
    calibration: Calibration | None = None  # None without scores, and live
    weight: float | None = None  # of all rows; None where rows have none


def evaluate(statistic: Statistic, rank_counts: RankCounts | None, spec: MetricSpec) -> Measures:
    """Read every metric of the spec's task off a merged statistic.

    Raises ValueError when the rank counts are not all of the statistic's rows.
    """
    return _measure(statistic, rank_counts or RankCounts(), spec, live=False)


def live(statistic: Statistic, spec: MetricSpec) -> Measures:
    """Read the metrics that need no rank counts; the others are neither defined nor undefined."""
    return _measure(statistic, RankCounts(), spec, live=True)


def _measure(statistic: Statistic, ranks: RankCounts, spec: MetricSpec, *, live: bool) -> Measures:
    reading = Reading(statistic=statistic, spec=spec, ranks=ranks)
    metrics: dict[str, float] = {}
    undefined: dict[str, Reason] = {}
    set_to_zero: dict[str, Reason] = {}
    for metric in METRICS:
        if spec.task not in metric.tasks or (live and metric.needs_ranks):
            continue
        outcome = _outcome(metric, reading)
        if isinstance(outcome, Reason):
            undefined[metric.name] = outcome
            continue
        if outcome is None:
            continue
        if isinstance(outcome, SetToZero):
            set_to_zero[metric.name] = outcome.reason
            outcome = 0.0
        metrics[metric.name] = outcome
    ranked = reading.weight > 0 and statistic.get(RankHistogram) is not None
    binned = reading.weight > 0 and statistic.get(CalibrationBins) is not None
    return Measures(
        metrics=metrics,
        undefined=undefined,
        zero_divisions=set_to_zero,
        ranking=reading.ranking if ranked and not live else None,
        average_precision=reading.precision_ranking if ranked and not live else None,
        weight=None if statistic.weight is None else statistic.weight / UNIT,
        calibration=reading.calibration if binned and not live else None,
    )


def _outcome(metric: Metric, reading: Reading) -> Outcome:
    if reading.statistic.get(metric.needs) is None:
        return Reason.NO_SCORES
    if reading.rows == 0:
        return Reason.EMPTY
    if reading.weight == 0:
        return Reason.NO_WEIGHT
    try:
        return metric.compute(reading)
    except OverflowError:
        return Reason.OVERFLOW
