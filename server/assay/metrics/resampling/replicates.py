"""Replicates of the rows of a chunk, each counted anew: counts by cell and exact sums of values.

A row with a weight counts as often as the replicate says, with its weight: whole millionths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.metrics.arithmetic.exact_sum import UNIT_BITS, ExactSum, Floats
from assay.metrics.counts import ConfusionCounts
from assay.metrics.losses import LOG_LOSS_EPSILON, BrierSum, LogLossSum
from assay.metrics.regression_sums import RegressionSums
from assay.metrics.residuals import residuals_of
from assay.metrics.sparse_counts import Counts, SparseCounts
from assay.metrics.statistics import (
    AnyStatistic,
    ClassificationAccumulator,
    ClassificationStatistic,
    RegressionStatistic,
)
from assay.metrics.weighted import WeightedConfusion, WeightTotal, weighted_terms
from assay.records.predictions import ClassificationChunk, RegressionChunk
from assay.records.weights import check_total

BLOCK = 4096  # rows weighted at once
_WEIGHT_BITS = 5  # weights of a replicate stay below 2**5
_SPLITTER = 2.0**27 + 1.0  # Veltkamp's constant for 53-bit mantissas
_LARGEST = 2.0**960  # above this the cut could overflow
_LOW, _HIGH = 2.0**-480, 2.0**480  # factors in these bounds have an exact two-term product

_LIMB = 20  # bits of a weight: 4096 of these limbs, each 2**5 times, fit float64
_LIMB_MASK = (1 << _LIMB) - 1
_SUMS = (
    "true",
    "predicted",
    "true_squared",
    "product",
    "predicted_squared",
    "absolute_error",
)

Chunk = ClassificationChunk | RegressionChunk
Terms = list[Floats]  # (n,) each; their sum is the value


@dataclass(kw_only=True, eq=False)
class Resampled:
    """Counts and sums of one chunk that grow block by block; mutable, and never stored."""

    chunk: Chunk
    values: list[Terms]  # what is summed besides counts
    cells: Counts  # the distinct cells of the confusion matrix, ascending
    indices: NDArray[np.intp]  # (n,) of each row's cell among `cells`
    rows: Counts  # (replicates,)
    counts: Counts  # (replicates, cells)
    heavy: Counts  # (replicates, cells) of weights, in millionths; without weights unused
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
        weights = chunk.weights
        if weights is not None:
            values = [
                [t for each in terms for t in weighted_terms(each, weights)] for terms in values
            ]
        if not all(np.abs(t).max(initial=0.0) < _LARGEST for terms in values for t in terms):
            raise ValueError("values to be resampled are too large for float64")
        cells, indices = np.unique(codes, return_inverse=True)
        return cls(
            chunk=chunk,
            values=values,
            cells=cells,
            indices=indices,
            rows=np.zeros(replicates, dtype=np.int64),
            counts=np.zeros((replicates, len(cells)), dtype=np.int64),
            heavy=np.zeros((replicates, len(cells)), dtype=np.int64),
            sums=[[0] * replicates for _ in values],
        )

    def add(self, start: int, times: Floats) -> None:
        """Take in the rows from `start`, each (replicates, rows) whole times."""
        block = slice(start, start + times.shape[1])
        self.rows += times.sum(axis=1).astype(np.int64)
        self._add_counts(block, times)
        for totals, terms in zip(self.sums, self.values, strict=True):
            for term in terms:
                for replicate, units in enumerate(_weigh(times, term[block].copy())):
                    totals[replicate] += units

    def statistics(self) -> tuple[AnyStatistic, ...]:
        """Return one statistic per replicate. Raises ValueError where one weighs too much."""
        for total in self.heavy.sum(axis=1).tolist():
            check_total(total)
        return tuple(self._statistic(index, int(rows)) for index, rows in enumerate(self.rows))

    def _add_counts(self, block: slice, times: Floats) -> None:
        indices, size = self.indices[block], len(self.cells)
        weights = self.chunk.weights
        limbs: list[Floats] = []  # so narrow that their sums are exact in float64
        if weights is not None:
            ours = weights[block]
            limbs = [(ours & _LIMB_MASK).astype(np.float64), (ours >> _LIMB).astype(np.float64)]
        for replicate, each in enumerate(times):
            result = np.bincount(indices, weights=each, minlength=size)
            self.counts[replicate] += result.astype(np.int64)
            for shift, limb in zip((0, _LIMB), limbs, strict=False):
                result = np.bincount(indices, weights=each * limb, minlength=size)
                self.heavy[replicate] += result.astype(np.int64) << shift

    def _statistic(self, replicate: int, rows: int) -> AnyStatistic:
        sums = [ExactSum(units=totals[replicate]) for totals in self.sums]
        weight = int(self.heavy[replicate].sum())
        total = () if self.chunk.weights is None else (WeightTotal(total=weight),)
        if isinstance(self.chunk, RegressionChunk):
            sums_of = RegressionSums(
                weight=weight if total else rows, **dict(zip(_SUMS, sums, strict=True))
            )
            return RegressionStatistic(rows=rows, accumulators=(*total, sums_of))
        chunk = self.chunk
        ours: list[ClassificationAccumulator] = [
            self._confusion(chunk, self.counts[replicate]),
            *total,
        ]
        if total:
            heavy = self._confusion(chunk, self.heavy[replicate])
            ours.append(WeightedConfusion(confusion=heavy))
        if sums:
            columns = [*sums[1:], *[ExactSum()] * (len(chunk.score_labels) - len(sums) + 1)]
            ours += [
                LogLossSum(rows=rows, clipped=0, total=sums[0]),
                BrierSum(rows=rows, score_labels=chunk.score_labels, columns=tuple(columns)),
            ]
        return ClassificationStatistic(rows=rows, accumulators=tuple(ours))

    def _confusion(self, chunk: ClassificationChunk, counts: Counts) -> ConfusionCounts:
        k = len(chunk.labels)
        sparse = SparseCounts(size=k * k, cells=self.cells, counts=counts).positive()
        result = ConfusionCounts(labels=chunk.labels, fixed=chunk.fixed, sparse=sparse)
        return result if chunk.fixed else result.observed()


def _of_classes(chunk: ClassificationChunk) -> list[Terms]:
    """Return the rows' log losses, and their squared errors per column, or of all beyond two."""
    if chunk.scores is None:
        return []
    p = np.clip(chunk.truth_probabilities, LOG_LOSS_EPSILON, 1.0 - LOG_LOSS_EPSILON)
    squares = [
        (column.astype(np.float64) - (chunk.hits == index)) ** 2
        for index, column in enumerate(chunk.scores)
    ]
    if len(squares) > 2:  # the headline is their sum, so that is what is resampled
        total = np.zeros(chunk.rows)
        for each in squares:
            total += each
        squares = [total]
    return [[-np.log(p)], *([each] for each in squares)]


def _of_numbers(chunk: RegressionChunk) -> list[Terms]:
    """Return what _SUMS names: y, p, and y², y·p and p² as exact two-term products, and |y - p|."""
    y, p = chunk.true, chunk.predicted
    products = [list(_two_product(a, b)) for a, b in ((y, y), (y, p), (p, p))]
    return [[y], [p], *products, [np.abs(residuals_of(y, p))]]


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
