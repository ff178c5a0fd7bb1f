"""The registry of metrics, and the functions that compute all of them from a merged statistic.

The rows stand in `classification`, `probability` and `regression_metrics`, beside the functions
that compute them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from assay.metrics.calibration import CalibrationBins
from assay.metrics.classification import CLASSIFICATION_METRICS
from assay.metrics.metric import Metric, Outcome, SetToZero
from assay.metrics.metric_inputs import MetricInputs, Ranking
from assay.metrics.order_statistics import ResidualCounts, ResidualSummary, summarize
from assay.metrics.probability import PROBABILITY_METRICS
from assay.metrics.ranking import RankCounts
from assay.metrics.reasons import Reason
from assay.metrics.regression import REGRESSION_METRICS
from assay.metrics.reliability import Calibration
from assay.metrics.residuals import Residuals
from assay.metrics.spec import MetricSpec
from assay.metrics.statistics import Statistic
from assay.records.weights import UNIT

METRICS: tuple[Metric, ...] = (*CLASSIFICATION_METRICS, *PROBABILITY_METRICS, *REGRESSION_METRICS)

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
    zero_targets: int | None = None  # rows of a regression whose truth is 0, which mape leaves out
    residuals: ResidualSummary | None = None  # of a regression whose residuals were counted


def evaluate(
    statistic: Statistic,
    rank_counts: RankCounts | None,
    spec: MetricSpec,
    *,
    residual_counts: ResidualCounts | None = None,
) -> Measures:
    """Read every metric of the spec's task off a merged statistic.

    Without `residual_counts` the order statistics of a regression are left out, and without what
    lies above its ranges the average precision. Raises ValueError when the counts are not all of
    the statistic's rows.
    """
    inputs = MetricInputs(
        statistic=statistic,
        spec=spec,
        ranks=rank_counts or RankCounts(),
        residual_counts=residual_counts,
    )
    measures = _measure(inputs, live=False)
    return _with_tables(measures, inputs)


def measure_part(
    statistic: Statistic,
    spec: MetricSpec,
    rank_counts: RankCounts | None = None,
    residual_counts: ResidualCounts | None = None,
) -> Measures:
    """Read every metric of a part of the rows, without tables.

    Where neither counts are given its rows were too many to be sorted: metrics that need it are
    undefined as TOO_MANY_ROWS.
    """
    if rank_counts is None and residual_counts is None:
        measures = live(statistic, spec)
        unranked = {
            metric.name: Reason.TOO_MANY_ROWS if statistic.get(metric.needs) else Reason.NO_SCORES
            for metric in METRICS
            if spec.task in metric.tasks and metric.needs_ranks
        }
        return replace(measures, undefined={**measures.undefined, **unranked})
    inputs = MetricInputs(
        statistic=statistic,
        spec=spec,
        ranks=rank_counts or RankCounts(),
        residual_counts=residual_counts,
    )
    return _measure(inputs, live=False)


def live(statistic: Statistic, spec: MetricSpec) -> Measures:
    """Read the metrics that need no rank counts; the others are neither defined nor undefined."""
    return _measure(MetricInputs(statistic=statistic, spec=spec, ranks=RankCounts()), live=True)


def _measure(inputs: MetricInputs, *, live: bool) -> Measures:
    statistic, spec = inputs.statistic, inputs.spec
    metrics: dict[str, float] = {}
    undefined: dict[str, Reason] = {}
    set_to_zero: dict[str, Reason] = {}
    for metric in METRICS:
        if spec.task not in metric.tasks or (live and metric.needs_ranks):
            continue
        outcome = _outcome(metric, inputs)
        if isinstance(outcome, Reason):
            undefined[metric.name] = outcome
            continue
        if outcome is None:
            continue
        if isinstance(outcome, SetToZero):
            set_to_zero[metric.name] = outcome.reason
            outcome = 0.0
        metrics[metric.name] = outcome
    measures = Measures(
        metrics=metrics,
        undefined=undefined,
        zero_divisions=set_to_zero,
        ranking=None,
        weight=None if statistic.weight is None else statistic.weight / UNIT,
    )
    residuals = statistic.get(Residuals)
    if residuals is not None:
        measures = replace(measures, zero_targets=residuals.zero_targets)
    return measures


def _with_tables(measures: Measures, inputs: MetricInputs) -> Measures:
    """Add what stands beside the metrics of a finished evaluation."""
    statistic, counts = inputs.statistic, inputs.residual_counts
    residuals = statistic.get(Residuals)
    if residuals is not None and inputs.rows and counts is not None:
        measures = replace(measures, residuals=summarize(residuals, counts))
    if inputs.weight and statistic.get(CalibrationBins) is not None:
        measures = replace(
            measures,
            ranking=inputs.ranking,
            average_precision=inputs.precision_ranking,
            calibration=inputs.calibration,
        )
    return measures


def _outcome(metric: Metric, inputs: MetricInputs) -> Outcome:
    if inputs.statistic.get(metric.needs) is None:
        return Reason.NO_SCORES
    if inputs.rows == 0:
        return Reason.EMPTY
    if inputs.weight == 0:
        return Reason.NO_WEIGHT
    try:
        return metric.compute(inputs)
    except OverflowError:
        return Reason.OVERFLOW
