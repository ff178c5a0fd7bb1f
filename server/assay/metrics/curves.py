"""ROC and precision-recall curves: what each threshold gives, for thresholds kept at the finish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 499  # kept are the thresholds at 499 equal steps of either rate, and the start
MAX_POINTS = 2 * STEPS + 1


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """Rows, or their weight, at and above a threshold; None lies above every score."""

    threshold: float | None
    true_positives: int
    false_positives: int


@dataclass(frozen=True, kw_only=True)
class Points:
    """Points by column, thresholds falling: a thousand objects a class would cost more to make."""

    thresholds: tuple[float, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]

    def each(self) -> Iterator[CurvePoint]:
        """Yield the points."""
        columns = (self.thresholds, self.true_positives, self.false_positives)
        return map(_point, zip(*columns, strict=True))


@dataclass(frozen=True, kw_only=True)
class ThresholdRow:
    """What predicting `score >= threshold` gives; counts in rows or their weight."""

    threshold: float | None
    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float
    precision: float | None  # None: nothing is predicted positive
    recall: float
    false_positive_rate: float
    f1_score: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Points with falling thresholds, the first above every score, the last at the lowest.

    Between two neighbours less than 1/499 of the positives and of the negatives lies strictly
    inside, scores shared by more rows than that being points of their own.
    """

    points: tuple[CurvePoint, ...]
    positives: int  # at least 1, as negatives
    negatives: int
    best_f1: CurvePoint  # over all thresholds, kept or not; of equal ones the highest
    unit: int = 1  # how many of the counts make a row: 1, or 1 000 000 where rows have weights

    def at_resolution(self, points: int) -> Curve:
        """Return an evenly chosen subsample of at most `points` (2 or more), both ends kept."""
        last = len(self.points) - 1
        if points < 2:
            raise ValueError(f"a curve has at least 2 points, not {points}")
        if points > last:
            return self
        kept = (self.points[index * last // (points - 1)] for index in range(points))
        return replace(self, points=tuple(kept))

    def roc(self) -> list[tuple[float, float, float | None]]:
        """Return (false positive rate, true positive rate, threshold) per point."""
        return [
            (p.false_positives / self.negatives, p.true_positives / self.positives, p.threshold)
            for p in self.points
        ]

    def precision_recall(self) -> list[tuple[float, float, float | None]]:
        """Return (recall, precision, threshold) per point; the first is (0, 1), as usual."""
        rows = map(self.row, self.points)
        return [
            (row.recall, 1.0 if row.precision is None else row.precision, row.threshold)
            for row in rows
        ]

    def table(self) -> list[ThresholdRow]:
        """Return what each kept threshold gives."""
        return [self.row(point) for point in self.points]

    def row(self, point: CurvePoint) -> ThresholdRow:
        """Return what one threshold gives."""
        hits, wrong = point.true_positives, point.false_positives
        predicted = hits + wrong
        return ThresholdRow(
            threshold=point.threshold,
            true_positive=self._rows(hits),
            false_positive=self._rows(wrong),
            false_negative=self._rows(self.positives - hits),
            true_negative=self._rows(self.negatives - wrong),
            precision=hits / predicted if predicted else None,
            recall=hits / self.positives,
            false_positive_rate=wrong / self.negatives,
            f1_score=2 * hits / (predicted + self.positives),
        )

    def best_by_cost(self, *, false_positive: float, false_negative: float) -> ThresholdRow:
        """Return the kept threshold with the least cost; of equal ones the highest.

        At most (false_positive * negatives + false_negative * positives) / 499 could be saved by
        a threshold that was not kept. Raises ValueError for negative costs.
        """
        if not (0 <= false_positive < float("inf") and 0 <= false_negative < float("inf")):
            raise ValueError("costs are finite and at least 0")

        def cost(point: CurvePoint) -> float:
            missed = self.positives - point.true_positives
            return false_positive * point.false_positives + false_negative * missed

        return self.row(min((*self.points, self.best_f1), key=lambda p: (cost(p), _below(p))))

    def _rows(self, count: int) -> float:
        return count if self.unit == 1 else count / self.unit


def targets(rows: int, above: int, inside: int) -> NDArray[np.int64]:
    """Return which of `inside` rows, the highest being 0, a curve keeps a point at, ascending.

    They are those at the 499 equal steps through all `rows` of their class, of which `above`
    rank higher than those inside.
    """
    steps = np.arange(1, STEPS + 1)
    indices = (steps * rows + STEPS - 1) // STEPS - (above + 1)
    return indices[(indices >= 0) & (indices < inside)]


def _point(values: Sequence[Any]) -> CurvePoint:
    threshold, hits, wrong = values
    return CurvePoint(threshold=threshold, true_positives=hits, false_positives=wrong)


def _below(point: CurvePoint) -> float:
    return float("-inf") if point.threshold is None else -point.threshold
