"""The inputs of a metric: one merged statistic, its spec, its rank counts, and shared work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from assay.metrics.calibration import CalibrationBins, bin_columns
from assay.metrics.classification_report import AverageRow, ClassCounts, average_row, whole_matrix
from assay.metrics.losses import BrierSum, LogLossSum
from assay.metrics.order_statistics import ResidualCounts
from assay.metrics.ranking import MICRO, RankCounts
from assay.metrics.reasons import Reason
from assay.metrics.regression_sums import RegressionSums
from assay.metrics.reliability import Calibration, ReliabilityBins
from assay.metrics.sparse_counts import Counts
from assay.metrics.spec import MetricSpec
from assay.metrics.statistics import AccumulatorT, ClassificationStatistic, Statistic
from assay.records.weights import UNIT


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """ROC AUC or average precision per class, one against the rest, and over the defined classes.

    `micro` pools all score columns; it is there only when the pooled column was counted.
    """

    per_class: Mapping[str, float]
    undefined: Mapping[str, Reason]  # per class
    defined_classes: int
    macro: float | None
    weighted: float | None  # by support, over the defined classes
    micro: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class MetricInputs:
    """What a metric is computed from; rows > 0 and the needed parts are there."""

    statistic: Statistic
    spec: MetricSpec
    ranks: RankCounts
    residual_counts: ResidualCounts | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.statistic.rows

    @property
    def weight(self) -> int:
        """What sums over rows are divided by: the rows, or the sum of their weights."""
        weight = self.statistic.weight
        return self.rows if weight is None else weight

    @property
    def unit(self) -> int:
        """How much of the weight makes a row of weight one."""
        return 1 if self.statistic.weight is None else UNIT

    @cached_property
    def matrix(self) -> Counts:
        """The (k, k) confusion matrix in the label order of the spec, by weight if there are any."""
        if not isinstance(self.statistic, ClassificationStatistic):
            raise TypeError("a regression has no confusion matrix")
        return whole_matrix(self.statistic.confusion, self.statistic.weighted, self.spec)

    @cached_property
    def classes(self) -> ClassCounts:
        """Counts and scores per class."""
        return ClassCounts.of(self.matrix)

    @cached_property
    def weighted(self) -> AverageRow:
        """Precision, recall and F1 weighted by support."""
        return average_row(self.classes, "weighted")

    @property
    def log_loss(self) -> LogLossSum:
        """The log loss's sum."""
        return self.accumulator(LogLossSum)

    @property
    def brier(self) -> BrierSum:
        """The Brier score's sums."""
        return self.accumulator(BrierSum)

    @property
    def regression(self) -> RegressionSums:
        """The regression's sums."""
        return self.accumulator(RegressionSums)

    @property
    def positive(self) -> int | None:
        """The index of the positive label in the label order, if there is one."""
        label = self.spec.positive_label
        return None if label is None else self.spec.labels.index(label)

    @property
    def score_labels(self) -> tuple[str, ...]:
        """The labels of the score columns."""
        return self.accumulator(CalibrationBins).score_labels

    @cached_property
    def _sides(self) -> Mapping[str, tuple[int, int]]:
        """Rows (of another label, of the label) as their truth, per label."""
        if not isinstance(self.statistic, ClassificationStatistic):
            raise TypeError("a regression has no labels")
        matrix = self.statistic.confusion.onto(self.spec.labels).matrix
        supports = matrix.sum(axis=1).tolist()
        pairs = zip(self.spec.labels, supports, strict=True)
        return {label: (self.rows - support, support) for label, support in pairs}

    @property
    def _pooled(self) -> tuple[int, int]:
        """The sides of all score columns together."""
        sides = [self._sides[label] for label in self.score_labels]
        return sum(each[0] for each in sides), sum(each[1] for each in sides)

    @cached_property
    def auc(self) -> Mapping[str, Fraction | Reason]:
        """The exact one-vs-rest ROC AUC per label, or why there is none.

        A lone score column serves both labels: turning score and truth around keeps the area.
        """
        labels = self.score_labels
        areas = {
            label: _area(self.ranks, column, self._sides[label])
            for column, label in enumerate(labels)
        }
        if len(areas) > 1:
            if labels != self.spec.labels:
                raise ValueError("the score columns are not the labels of the spec")
            return areas
        turned = {
            Reason.NO_POSITIVES: Reason.NO_NEGATIVES,
            Reason.NO_NEGATIVES: Reason.NO_POSITIVES,
        }
        ours, area = next(iter(areas.items()))
        other = turned.get(area, area) if isinstance(area, Reason) else area
        return {label: area if label == ours else other for label in self.spec.labels}

    @cached_property
    def ranking(self) -> Ranking:
        """All ROC AUCs as correctly rounded floats."""
        counted = self.ranks.totals(MICRO) != (0, 0)
        micro = _area(self.ranks, MICRO, self._pooled) if counted else None
        return self._averaged(self.auc, micro)

    @cached_property
    def precisions(self) -> Mapping[str, Fraction | Reason] | None:
        """The exact average precision per score column; None where curves were not counted."""
        result: dict[str, Fraction | Reason] = {}
        for column, label in enumerate(self.score_labels):
            value = _precision(self.ranks, column, self._sides[label])
            if value is None:
                return None
            result[label] = value
        return result

    @cached_property
    def precision_ranking(self) -> Ranking | None:
        """All average precisions as correctly rounded floats; None as `precisions`."""
        if self.precisions is None:
            return None
        return self._averaged(self.precisions, _precision(self.ranks, MICRO, self._pooled))

    def _averaged(
        self, values: Mapping[str, Fraction | Reason], micro: Fraction | Reason | None
    ) -> Ranking:
        defined = {label: value for label, value in values.items() if isinstance(value, Fraction)}
        supports = dict(zip(self.spec.labels, self.classes.support.tolist(), strict=True))
        weight = sum(supports[label] for label in defined)
        weighted = sum((supports[label] * value for label, value in defined.items()), Fraction())
        return Ranking(
            per_class={label: float(value) for label, value in defined.items()},
            undefined={k: why for k, why in values.items() if isinstance(why, Reason)},
            defined_classes=len(defined),
            macro=float(sum(defined.values(), Fraction()) / len(defined)) if defined else None,
            weighted=float(weighted / weight) if weight else None,
            micro=float(micro) if isinstance(micro, Fraction) else None,
        )

    @cached_property
    def _bins(self) -> Mapping[str, ReliabilityBins]:
        """Bins per label that has a score, and under "" those of the top label."""
        bins = self.accumulator(CalibrationBins)
        slots = [
            ReliabilityBins.of(bins, place, self.unit)
            for place in range(bin_columns(bins.score_labels))
        ]
        if len(bins.score_labels) > 1:
            return dict(zip(("", *bins.score_labels), slots, strict=True))
        positive = bins.score_labels[0]
        return {label: slots[label != positive] for label in {positive, *self.spec.labels}}

    @property
    def headline_bins(self) -> ReliabilityBins:
        """The positive class's bins; without one the top label's."""
        return self._bins[self.spec.positive_label or ""]

    @cached_property
    def calibration(self) -> Calibration:
        """The reliability tables."""
        squares = dict(zip(self.brier.score_labels, self.brier.columns, strict=True))
        lone = next(iter(squares.values()))  # both labels' Brier score is the same
        tables = {
            label: slot.table(squares.get(label, lone).fraction() / self.weight if label else None)
            for label, slot in self._bins.items()
        }
        positive = self.spec.positive_label
        return Calibration(
            target=self.spec.calibration_target,
            headline=tables[positive or ""],
            per_class={label: tables[label] for label in self.spec.labels},
        )

    def accumulator(self, kind: type[AccumulatorT]) -> AccumulatorT:
        """Return an accumulator that the statistic has."""
        result = self.statistic.get(kind)
        if result is None:
            raise ValueError(f"the statistic has no {kind.TAG}")
        return result


def _area(ranks: RankCounts, column: int, rows: tuple[int, int]) -> Fraction | Reason:
    """Return a column's area, after checking that all of its rows were counted."""
    negatives, positives = rows
    if not positives:
        return Reason.NO_POSITIVES
    if not negatives:
        return Reason.NO_NEGATIVES
    totals = ranks.totals(column)
    if totals != (positives, negatives):
        raise ValueError(
            f"score column {column} has {positives} positives and {negatives} negatives, but its "
            f"counted ranges hold {totals[0]} and {totals[1]}"
        )
    area = ranks.auc(column)
    return Reason.NO_WEIGHT if area is None else area


def _precision(ranks: RankCounts, column: int, rows: tuple[int, int]) -> Fraction | Reason | None:
    """Return a column's average precision; None where no curve was counted."""
    negatives, positives = rows
    if not positives:
        return Reason.NO_POSITIVES
    if not negatives:
        return Fraction(1)  # whatever the threshold, all that is predicted is right
    if ranks.weightless(column):
        return Reason.NO_WEIGHT
    return ranks.average_precision(column)
