"""Exact sums of a regression, from which its errors follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import partial
from typing import ClassVar

import numpy as np

from assay.metrics.arithmetic.exact_sum import ExactSum, sum_row_products, sum_rows
from assay.metrics.weighted import weigh_row_products, weigh_rows
from assay.records.predictions import RegressionChunk


@dataclass(frozen=True, kw_only=True)
class RegressionSums:
    """Exact sums over rows of truth y and prediction p.

    Errors are never formed in floating point: sum |y - p| is summed as sum ±y - sum ±p
    with the sign of the comparison, and squares of errors follow from the three products.
    """

    TAG: ClassVar[str] = "regression"

    weight: int  # rows, or the sum of their weights; then all sums are weighted, in millionths
    true: ExactSum  # y
    predicted: ExactSum  # p
    true_squared: ExactSum  # y²
    product: ExactSum  # y·p
    predicted_squared: ExactSum  # p²
    absolute_error: ExactSum  # |y - p|

    @classmethod
    def from_chunk(cls, chunk: RegressionChunk) -> RegressionSums:
        """Sum one chunk. Raises ValueError on NaN or infinity."""
        y, p = chunk.true[np.newaxis], chunk.predicted[np.newaxis]
        sign = (y > p).astype(np.float64) - (y < p)
        if chunk.weights is None:
            weight, total, product = chunk.rows, sum_rows, sum_row_products
        else:
            weight = int(chunk.weights.sum())
            total = partial(weigh_rows, weights=chunk.weights)
            product = partial(weigh_row_products, weights=chunk.weights)
        units = [total(y), total(p), product(y, y), product(y, p), product(p, p)]
        absolute = total(sign * y)[0] - total(sign * p)[0]
        totals = [ExactSum(units=each[0]) for each in units]
        return cls(
            weight=weight,
            true=totals[0],
            predicted=totals[1],
            true_squared=totals[2],
            product=totals[3],
            predicted_squared=totals[4],
            absolute_error=ExactSum(units=absolute),
        )

    @classmethod
    def merge_all(cls, parts: Sequence[RegressionSums]) -> RegressionSums:
        """Add sums."""
        totals = {name: ExactSum.merge_all(getattr(part, name) for part in parts) for name in _SUMS}
        return cls(weight=sum(part.weight for part in parts), **totals)

    def squared_error(self) -> Fraction:
        """Return the exact sum of (y - p)²."""
        units = self.true_squared.units - 2 * self.product.units + self.predicted_squared.units
        return ExactSum(units=units).fraction()

    def total_variation(self) -> Fraction:
        """Return the exact sum of (y - mean y)²; weight > 0."""
        return self.true_squared.fraction() - self.true.fraction() ** 2 / self.weight

    def residual_variation(self) -> Fraction:
        """Return the exact sum of (e - mean e)² with e = y - p; weight > 0."""
        bias = self.true.fraction() - self.predicted.fraction()
        return self.squared_error() - bias**2 / self.weight


_SUMS = tuple(field.name for field in fields(RegressionSums) if field.name != "weight")
