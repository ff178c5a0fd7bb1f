"""Every metric as a value: adding one is a row here, a kernel, an oracle row and a paragraph."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from assay.metrics.counts import ConfusionCounts
from assay.metrics.exact import UNIT_BITS, rounded_sqrt
from assay.metrics.histogram import RankHistogram
from assay.metrics.losses import BrierSum, LogLossSum
from assay.metrics.part import Part
from assay.metrics.ranking import RankCounts
from assay.metrics.reading import Ranking, Reading
from assay.metrics.reasons import Reason
from assay.metrics.regression import RegressionSums
from assay.metrics.report import zero_divisions
from assay.metrics.spec import MetricSpec, Task
from assay.metrics.statistics import Statistic


@dataclass(frozen=True, kw_only=True)
class SetToZero:
    """A division by zero that the spec's policy sets to 0."""

    reason: Reason


Outcome = float | Reason | SetToZero


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that an evaluation may carry."""

    name: str
    tasks: frozenset[Task]
    needs: type[Part[Any]]  # the part without which the metric is NO_SCORES
    needs_ranks: bool = False  # True: exists only after the stored scores were sorted
    low: float
    high: float
    greater_is_better: bool
    compute: Callable[[Reading], Outcome]  # rows > 0; may raise OverflowError


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Every metric of a task: a value, or the reason that it has none."""

    metrics: Mapping[str, float]
    undefined: Mapping[str, Reason]
    zero_divisions: Mapping[str, Reason]  # of metrics whose 0 stands for a division by zero
    ranking: Ranking | None  # ROC AUC per class and averaged; None without scores, and live


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
        if isinstance(outcome, SetToZero):
            set_to_zero[metric.name] = outcome.reason
            outcome = 0.0
        metrics[metric.name] = outcome
    ranked = statistic.rows > 0 and statistic.get(RankHistogram) is not None
    return Measures(
        metrics=metrics,
        undefined=undefined,
        zero_divisions=set_to_zero,
        ranking=reading.ranking if ranked and not live else None,
    )


def _outcome(metric: Metric, reading: Reading) -> Outcome:
    if reading.statistic.get(metric.needs) is None:
        return Reason.NO_SCORES
    if reading.rows == 0:
        return Reason.EMPTY
    try:
        return metric.compute(reading)
    except OverflowError:
        return Reason.OVERFLOW


def _accuracy(reading: Reading) -> Outcome:
    return int(reading.classes.true_positives.sum()) / reading.rows


def _headline(name: str) -> Callable[[Reading], Outcome]:
    """Return how precision, recall or F1 is summed up: the positive class, or weighted."""

    def compute(reading: Reading) -> Outcome:
        place = reading.positive
        if place is None:
            return float(getattr(reading.weighted, name))
        classes = reading.classes
        zero = zero_divisions(int(classes.support[place]), int(classes.predicted[place]))
        if name in zero:
            return SetToZero(reason=zero[name])
        return float(getattr(classes, name)[place])

    return compute


def _balanced_accuracy(reading: Reading) -> Outcome:
    return float(np.mean(reading.classes.recall[reading.classes.support > 0]))


def _mcc(reading: Reading) -> Outcome:
    # Integers throughout: scikit-learn's float64 products lose bits beyond 94 million rows.
    classes, rows = reading.classes, reading.rows
    true, predicted = classes.support.tolist(), classes.predicted.tolist()
    hits = int(classes.true_positives.sum())
    together = hits * rows - sum(t * p for t, p in zip(true, predicted, strict=True))
    spread = float(rows**2 - sum(p * p for p in predicted)) * float(
        rows**2 - sum(t * t for t in true)
    )
    return together / math.sqrt(spread) if spread else Reason.SINGLE_CLASS


def _kappa(reading: Reading) -> Outcome:
    confusion = reading.matrix.astype(np.float64)
    columns, rows = confusion.sum(axis=0), confusion.sum(axis=1)
    expected = np.outer(columns, rows) / columns.sum()
    weights = np.ones_like(confusion)
    np.fill_diagonal(weights, 0)
    chance = float(np.sum(weights * expected))
    if chance == 0.0:
        return Reason.SINGLE_CLASS
    return float(1 - np.sum(weights * confusion) / chance)


def _roc_auc(reading: Reading) -> Outcome:
    label = reading.spec.positive_label
    if label is None:
        macro = reading.ranking.macro
        return Reason.SINGLE_CLASS if macro is None else macro
    area = reading.auc[label]
    return Reason.SINGLE_CLASS if isinstance(area, Reason) else float(area)


def _log_loss(reading: Reading) -> Outcome:
    return reading.log_loss.total.mean(reading.rows)


def _brier(reading: Reading) -> Outcome:
    columns = dict(zip(reading.brier.score_labels, reading.brier.columns, strict=True))
    positive = reading.spec.positive_label
    if positive is not None and positive in columns:
        return columns[positive].mean(reading.rows)
    # Without a positive class two columns are halved, which is either one's score if rows sum to 1.
    share = 2 if reading.spec.task is Task.BINARY else 1
    return sum(total.units for total in columns.values()) / (reading.rows * share << UNIT_BITS)


def _mae(reading: Reading) -> Outcome:
    return reading.regression.absolute_error.mean(reading.rows)


def _mse(reading: Reading) -> Outcome:
    return float(reading.regression.squared_error() / reading.rows)


def _rmse(reading: Reading) -> Outcome:
    return rounded_sqrt(reading.regression.squared_error() / reading.rows)


def _r2(reading: Reading) -> Outcome:
    return _explained(reading, reading.regression.squared_error())


def _explained_variance(reading: Reading) -> Outcome:
    return _explained(reading, reading.regression.residual_variation())


def _explained(reading: Reading, left: Fraction) -> Outcome:
    if reading.rows < 2:
        return Reason.TOO_FEW_ROWS
    whole = reading.regression.total_variation()
    return float(1 - left / whole) if whole else Reason.CONSTANT_TARGET


_CLASSIFICATION = frozenset({Task.BINARY, Task.MULTICLASS})
_REGRESSION = frozenset({Task.REGRESSION})


def _counted(name: str, compute: Callable[[Reading], Outcome], low: float = 0.0) -> Metric:
    return Metric(
        name=name,
        tasks=_CLASSIFICATION,
        needs=ConfusionCounts,
        low=low,
        high=1.0,
        greater_is_better=True,
        compute=compute,
    )


def _error(name: str, compute: Callable[[Reading], Outcome]) -> Metric:
    return Metric(
        name=name,
        tasks=_REGRESSION,
        needs=RegressionSums,
        low=0.0,
        high=math.inf,
        greater_is_better=False,
        compute=compute,
    )


def _fit(name: str, compute: Callable[[Reading], Outcome]) -> Metric:
    return Metric(
        name=name,
        tasks=_REGRESSION,
        needs=RegressionSums,
        low=-math.inf,
        high=1.0,
        greater_is_better=True,
        compute=compute,
    )


METRICS: tuple[Metric, ...] = (
    _counted("accuracy", _accuracy),
    _counted("balanced_accuracy", _balanced_accuracy),
    _counted("precision", _headline("precision")),
    _counted("recall", _headline("recall")),
    _counted("f1_score", _headline("f1_score")),
    _counted("mcc", _mcc, low=-1.0),
    _counted("kappa", _kappa, low=-1.0),
    Metric(
        name="roc_auc",
        tasks=_CLASSIFICATION,
        needs=RankHistogram,
        needs_ranks=True,
        low=0.0,
        high=1.0,
        greater_is_better=True,
        compute=_roc_auc,
    ),
    Metric(
        name="log_loss",
        tasks=_CLASSIFICATION,
        needs=LogLossSum,
        low=0.0,
        high=-math.log(2.0**-52),
        greater_is_better=False,
        compute=_log_loss,
    ),
    Metric(
        name="brier",
        tasks=_CLASSIFICATION,
        needs=BrierSum,
        low=0.0,
        high=2.0,
        greater_is_better=False,
        compute=_brier,
    ),
    _error("mae", _mae),
    _error("mse", _mse),
    _error("rmse", _rmse),
    _fit("r2", _r2),
    _fit("explained_variance", _explained_variance),
)

METRIC_BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
