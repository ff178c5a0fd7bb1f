"""Counted ranges of scores: what they say alone, and what their union says of a whole column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from assay.metrics.arithmetic.exact_sum import UNIT_BITS
from assay.metrics.curves import Curve, CurvePoint, Points
from assay.records.weights import UNIT

MICRO = -1  # the column that pools all columns


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Rows of either kind and their weight: millionths, or without weights the rows again."""

    negatives: int = 0
    positives: int = 0
    negative_weight: int = 0
    positive_weight: int = 0

    @classmethod
    def of(cls, values: Sequence[int]) -> Totals:
        """Read (negatives, positives) or those and their weights."""
        rows = [int(value) for value in values]
        negatives, positives, *weights = rows if len(rows) == 4 else rows * 2
        return cls(
            negatives=negatives,
            positives=positives,
            negative_weight=weights[0],
            positive_weight=weights[1],
        )

    def __add__(self, other: Totals) -> Totals:
        return Totals.of([a + b for a, b in zip(self._numbers(), other._numbers(), strict=True)])

    def _numbers(self) -> list[int]:
        """Return the four numbers in their order."""
        return [self.negatives, self.positives, self.negative_weight, self.positive_weight]


@dataclass(frozen=True, kw_only=True)
class RankRange:
    """The rows of one score column with low <= score < high.

    Without `above` and `whole` a range is counted for the area alone: no average precision and
    no curve. It is carried to where it is counted.
    """

    column: int  # index of the score column, or MICRO
    low: float
    high: float
    rows: int  # how many the histogram says there are
    above: Totals | None = None  # rows and weights of the column's higher ranges
    whole: Totals | None = None  # and of the column


@dataclass(frozen=True, kw_only=True)
class RangeCurve:
    """What a range adds to the curves of its column, as it knows what lies above it."""

    above: Totals  # in higher ranges
    whole: Totals  # in the column
    precision: int  # exact sum over positives of (weight * precision at its score)
    best: CurvePoint | None  # the best F1 of the range's thresholds
    points: Points  # kept ones, counted from above


@dataclass(frozen=True, kw_only=True)
class RangeCounts:
    """Pairs counted inside one range."""

    column: int
    low: float
    high: float
    positives: int
    negatives: int
    twice_wins: int  # 2 * (pairs ranked right) + (tied pairs), each pair by both weights
    positive_weight: int | None = None  # millionths; None: rows have no weights
    negative_weight: int | None = None
    positive_squares: int = 0  # without weights: per positive (2 * below + tied)², summed
    negative_squares: int = 0  # and per negative (2 * above + tied)²
    trace: RangeCurve | None = None

    @property
    def totals(self) -> Totals:
        """The rows and weights of the range."""
        rows = [self.negatives, self.positives]
        if self.negative_weight is None or self.positive_weight is None:
            return Totals.of(rows)
        return Totals.of([*rows, self.negative_weight, self.positive_weight])


@dataclass(frozen=True, kw_only=True)
class Placements:
    """Exact sums over the rows of a column, from which the variance of its area follows."""

    positives: int
    negatives: int
    twice_wins: int
    positive_squares: int  # per positive (2 * negatives below + tied)², summed
    negative_squares: int  # per negative (2 * positives above + tied)², summed


@dataclass(frozen=True, kw_only=True)
class RankCounts:
    """Counted ranges of any columns; merging is the sorted union of disjoint ranges."""

    ranges: tuple[RangeCounts, ...] = ()

    @classmethod
    def merge_all(cls, parts: Iterable[RankCounts]) -> RankCounts:
        """Unite. Raises ValueError when two ranges of a column overlap."""
        ranges = sorted(
            (entry for part in parts for entry in part.ranges), key=lambda e: (e.column, e.low)
        )
        for before, after in pairwise(ranges):
            if before.column == after.column and after.low < before.high:
                raise ValueError(f"score ranges overlap: {before} and {after}")
        return cls(ranges=tuple(ranges))

    def of(self, column: int) -> list[RangeCounts]:
        """Return the ranges of a column, from the lowest scores up."""
        return self._columns.get(column, [])

    @cached_property
    def _columns(self) -> dict[int, list[RangeCounts]]:
        result: dict[int, list[RangeCounts]] = {}
        for entry in self.ranges:
            result.setdefault(entry.column, []).append(entry)
        return result

    def totals(self, column: int) -> tuple[int, int]:
        """Return (positives, negatives), in rows, counted in a column."""
        ours = self.of(column)
        return sum(entry.positives for entry in ours), sum(entry.negatives for entry in ours)

    def auc(self, column: int) -> Fraction | None:
        """Return the exact area under the ROC curve, ties counted half; None if undefined."""
        below = twice = positives = 0
        for entry in self.of(column):
            ours = entry.totals
            twice += entry.twice_wins + 2 * below * ours.positive_weight
            below += ours.negative_weight
            positives += ours.positive_weight
        return Fraction(twice, 2 * positives * below) if positives and below else None

    def average_precision(self, column: int) -> Fraction | None:
        """Return the sum of precision * (step of recall); None where traces are not complete."""
        traces = self._traces(column)
        if not traces or not traces[0].whole.positive_weight:
            return None
        weight = traces[0].whole.positive_weight << UNIT_BITS
        return Fraction(sum(trace.precision for trace in traces), weight)

    def weightless(self, column: int) -> bool:
        """Tell whether a column was counted and all of its positives weigh nothing."""
        ours = self.of(column)
        return bool(ours) and not any(entry.totals.positive_weight for entry in ours)

    def curve(self, column: int) -> Curve | None:
        """Return the curves' points; None where traces are not complete, or one kind is absent."""
        traces = self._traces(column)
        best = [trace.best for trace in traces if trace.best is not None]
        if not best or not traces[0].whole.negative_weight:
            return None
        whole = traces[0].whole
        points = [point for trace in traces for point in trace.points.each()]
        start = CurvePoint(threshold=None, true_positives=0, false_positives=0)

        def rank(point: CurvePoint) -> tuple[float, float]:
            predicted = point.true_positives + point.false_positives
            f1_score = 2 * point.true_positives / (predicted + whole.positive_weight)
            return f1_score, point.threshold or 0.0

        return Curve(
            points=(start, *points),
            positives=whole.positive_weight,
            negatives=whole.negative_weight,
            best_f1=max(best, key=rank),
            unit=1 if self.of(column)[0].positive_weight is None else UNIT,
        )

    def placements(self, column: int) -> Placements | None:
        """Return the sums behind the variance of the area; None for weighted or absent rows."""
        ours = self.of(column)
        positives, negatives = self.totals(column)
        if not positives or not negatives or ours[0].positive_weight is not None:
            return None
        below = twice = positive_squares = negative_squares = 0
        above = positives
        for entry in ours:
            above -= entry.positives
            twice += entry.twice_wins + 2 * below * entry.positives
            # (2·below + v)² summed is 4·below²·rows + 4·below·Σv + Σv², and so for the others.
            positive_squares += entry.positive_squares + 4 * below * entry.twice_wins
            positive_squares += 4 * below**2 * entry.positives
            negative_squares += entry.negative_squares + 4 * above * entry.twice_wins
            negative_squares += 4 * above**2 * entry.negatives
            below += entry.negatives
        return Placements(
            positives=positives,
            negatives=negatives,
            twice_wins=twice,
            positive_squares=positive_squares,
            negative_squares=negative_squares,
        )

    def _traces(self, column: int) -> list[RangeCurve]:
        """Return a column's traces from the highest scores down, or none if they do not join."""
        above = Totals()
        traces = []
        for entry in reversed(self.of(column)):
            if entry.trace is None or entry.trace.above != above:
                return []
            traces.append(entry.trace)
            above += entry.totals
        return traces if traces and all(trace.whole == above for trace in traces) else []
