"""The rows of a chunk, weighted once per replicate: counts by cell and exact sums of values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.metrics.chunk import ClassificationChunk, RegressionChunk
from assay.metrics.counts import ConfusionCounts
from assay.metrics.exact import UNIT_BITS, ExactSum, Floats
from assay.metrics.losses import LOG_LOSS_EPSILON, BrierSum, LogLossSum
from assay.metrics.part import Part
from assay.metrics.regression import RegressionSums
from assay.metrics.residuals import residuals_of
from assay.metrics.statistics import ClassificationStatistic, RegressionStatistic, Statistic
from assay.metrics.tally import Counts, Tally

BLOCK = 4096  # rows weighted at once
_WEIGHT_BITS = 5  # weights of a replicate stay below 2**5
_SPLITTER = 2.0**27 + 1.0  # Veltkamp's constant for 53-bit mantissas
_LARGEST = 2.0**960  # above this the cut could overflow
_LOW, _HIGH = 2.0**-480, 2.0**480  # factors in these bounds have an exact two-term product

Chunk = ClassificationChunk | RegressionChunk


@dataclass(kw_only=True, eq=False)
class Resampled:
    """Counts and sums of one chunk that grow block by block; a workbench, not a value."""

    chunk: Chunk
    values: list[Floats]  # (n,) each: what is summed besides counts
    cells: Counts  # the distinct cells of the confusion matrix, ascending
    places: NDArray[np.intp]  # (n,) of each row's cell among `cells`
    rows: Counts  # (replicates,)
    counts: Counts  # (replicates, cells)
    sums: list[list[int]]  # per value and replicate, in units of 2**-UNIT_BITS

    @classmethod
    def of(cls, chunk: Chunk, replicates: int) -> Resampled:
        """Prepare a chunk. Raises ValueError where a square is near the end of float64."""
        codes = np.zeros(chunk.rows, dtype=np.int64)
        if isinstance(chunk, ClassificationChunk):
            codes = chunk.true.astype(np.int64) * len(chunk.labels) + chunk.predicted
            values = _of_classes(chunk)
        else:
            values = _of_numbers(chunk)
        if not all(np.abs(each).max(initial=0.0) < _LARGEST for each in values):
            raise ValueError("values to be resampled are too large for float64")
        cells, places = np.unique(codes, return_inverse=True)
        return cls(
            chunk=chunk,
            values=values,
            cells=cells,
            places=places,
            rows=np.zeros(replicates, dtype=np.int64),
            counts=np.zeros((replicates, len(cells)), dtype=np.int64),
            sums=[[0] * replicates for _ in values],
        )

    def add(self, start: int, weights: Floats) -> None:
        """Take in the rows from `start` with their (replicates, rows) whole weights."""
        block = slice(start, start + weights.shape[1])
        self.rows += weights.sum(axis=1).astype(np.int64)
        for replicate, ours in enumerate(weights):
            found = np.bincount(self.places[block], weights=ours, minlength=len(self.cells))
            self.counts[replicate] += found.astype(np.int64)
        for totals, values in zip(self.sums, self.values, strict=True):
            for replicate, units in enumerate(_weigh(weights, values[block].copy())):
                totals[replicate] += units

    def statistics(self) -> tuple[Statistic, ...]:
        """Return one statistic per replicate."""
        return tuple(self._statistic(place, int(rows)) for place, rows in enumerate(self.rows))

    def _statistic(self, place: int, rows: int) -> Statistic:
        sums = [ExactSum(units=totals[place]) for totals in self.sums]
        if isinstance(self.chunk, RegressionChunk):
            return RegressionStatistic(rows=rows, parts={RegressionSums: _regression(rows, sums)})
        chunk = self.chunk
        k = len(chunk.labels)
        tally = Tally(size=k * k, cells=self.cells, counts=self.counts[place]).positive()
        counts = ConfusionCounts(labels=chunk.labels, fixed=chunk.fixed, tally=tally)
        parts: dict[type[Part[Any]], Part[Any]] = {
            ConfusionCounts: counts if chunk.fixed else counts.observed()
        }
        if sums:
            columns = [*sums[1:], *[ExactSum()] * (len(chunk.score_labels) - len(sums) + 1)]
            parts[LogLossSum] = LogLossSum(rows=rows, clipped=0, total=sums[0])
            parts[BrierSum] = BrierSum(
                rows=rows, score_labels=chunk.score_labels, columns=tuple(columns)
            )
        return ClassificationStatistic(rows=rows, parts=parts)


def _of_classes(chunk: ClassificationChunk) -> list[Floats]:
    """Return the rows' log losses, and their squared errors per column, or of all beyond two."""
    if chunk.scores is None:
        return []
    p = np.clip(chunk.truth_probabilities, LOG_LOSS_EPSILON, 1.0 - LOG_LOSS_EPSILON)
    squares = [
        (column.astype(np.float64) - (chunk.hits == place)) ** 2
        for place, column in enumerate(chunk.scores)
    ]
    if len(squares) > 2:  # the headline is their sum, so that is what is resampled
        total = np.zeros(chunk.rows)
        for each in squares:
            total += each
        squares = [total]
    return [-np.log(p), *squares]


def _of_numbers(chunk: RegressionChunk) -> list[Floats]:
    """Return y, p, |y - p|, and y², y·p and p² as exact two-term products."""
    y, p = chunk.true, chunk.predicted
    products = [term for a, b in ((y, y), (y, p), (p, p)) for term in _two_product(a, b)]
    return [y, p, np.abs(residuals_of(y, p)), *products]


def _regression(rows: int, sums: list[ExactSum]) -> RegressionSums:
    return RegressionSums(
        weight=rows,
        true=sums[0],
        predicted=sums[1],
        absolute_error=sums[2],
        true_squared=sums[3] + sums[4],
        product=sums[5] + sums[6],
        predicted_squared=sums[7] + sums[8],
    )


def _two_product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return a * b rounded and what it lacks, row by row; 0 where that could not be exact."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = a * b
        a_high, b_high = a * _SPLITTER, b * _SPLITTER
        a_high, b_high = a_high - (a_high - a), b_high - (b_high - b)
        a_low, b_low = a - a_high, b - b_high
        error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    size_a, size_b = np.abs(a), np.abs(b)
    inside = (np.minimum(size_a, size_b) > _LOW) & (np.maximum(size_a, size_b) < _HIGH)
    return product, np.where(inside, error, 0.0)


def _weigh(weights: Floats, values: Floats) -> list[int]:
    """Return the exact sums of whole weights times values, one per row of weights, in units.

    Values are cut at grids so coarse that products and sums with weights are exact; consumed.
    """
    totals = [0] * len(weights)
    room = (len(values) + 2).bit_length() + _WEIGHT_BITS
    while (top := float(np.abs(values).max(initial=0.0))) != 0.0:
        exponent = math.frexp(top)[1] + room
        anchor = math.ldexp(1.0, exponent)
        upper = (values + anchor) - anchor
        values -= upper
        grid = exponent - 53
        steps = weights @ np.ldexp(upper, -grid)
        for replicate, count in enumerate(steps.astype(np.int64).tolist()):
            totals[replicate] += count << UNIT_BITS + grid
    return totals
