"""Errors of a regression row by row: the largest, the relative, and where the rest lie.

A residual is y - p rounded to float64 (scikit-learn's); rounding keeps order, so order statistics
of residuals are exact. They are found in two phases, as areas are: every chunk adds to a histogram
over the leading bits of the residual, and at the finish the few bins that hold a wanted rank are
read again and sorted (`order`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.metrics.arithmetic.exact_sum import ExactSum, sum_rows
from assay.metrics.sparse_counts import Counts, SparseCounts
from assay.metrics.weighted import weigh_rows
from assay.records.predictions import RegressionChunk

Floats = NDArray[np.float64]

_MANTISSA = 4  # 2**4 bins an octave
_SHIFT = 52 - _MANTISSA
_HALF = 0x7FF1  # bins of magnitudes: all finite ones, and one for infinity
_MAGNITUDE = (1 << 63) - 1  # the bits of a float64 without its sign
BINS = 2 * _HALF  # negative residuals, mirrored, and then the others


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """Histogram of residuals, their ends, and the sum of relative errors."""

    TAG: ClassVar[str] = "residuals"

    bins: SparseCounts
    low: float  # the smallest residual; infinity without rows
    high: float  # the largest; -infinity without rows
    zero_targets: int  # rows whose truth is 0, which have no relative error
    relative_weight: int  # the other rows, or the millionths they weigh
    relative: ExactSum  # their |y - p| / |y|, weighted
    overflows: int  # rows whose relative error is beyond float64

    @classmethod
    def from_chunk(cls, chunk: RegressionChunk) -> Residuals:
        """Take one chunk in."""
        residuals = residuals_of(chunk.true, chunk.predicted)
        inside = chunk.true != 0.0
        with np.errstate(over="ignore"):
            shares = np.abs(residuals[inside]) / np.abs(chunk.true[inside])
        finite = np.isfinite(shares)
        shares = np.where(finite, shares, 0.0)[np.newaxis]
        if chunk.weights is None:
            weight, units = int(inside.sum()), sum_rows(shares)[0]
        else:
            weights = chunk.weights[inside]
            weight, units = int(weights.sum()), weigh_rows(shares, weights)[0]
        return cls(
            bins=SparseCounts.of_indices((ordered_keys(residuals) >> _SHIFT) + _HALF, BINS),
            low=float(residuals.min(initial=np.inf)),
            high=float(residuals.max(initial=-np.inf)),
            zero_targets=chunk.rows - int(inside.sum()),
            relative_weight=weight,
            relative=ExactSum(units=units),
            overflows=int(np.count_nonzero(~finite)),
        )

    @classmethod
    def merge_all(cls, parts: Sequence[Residuals]) -> Residuals:
        """Unite."""
        return cls(
            bins=SparseCounts.merge_all([part.bins for part in parts]),
            low=min(part.low for part in parts),
            high=max(part.high for part in parts),
            zero_targets=sum(part.zero_targets for part in parts),
            relative_weight=sum(part.relative_weight for part in parts),
            relative=ExactSum.merge_all(part.relative for part in parts),
            overflows=sum(part.overflows for part in parts),
        )

    @property
    def largest(self) -> float:
        """The largest |y - p|. Raises OverflowError where it is beyond float64."""
        result = max(self.high, -self.low)
        if result == np.inf:
            raise OverflowError("a residual is beyond float64")
        return result

    def counts(self, *, absolute: bool) -> Counts:
        """Return (BINS,) rows per bin, ascending, of residuals or of their magnitudes."""
        dense = self.bins.dense()
        if absolute:
            dense[_HALF:] += dense[_HALF - 1 :: -1]
            dense[:_HALF] = 0
        return dense


def residuals_of(true: Floats, predicted: Floats) -> Floats:
    """Return (n,) truth less prediction, rounded; 0 is never negative."""
    with np.errstate(over="ignore"):
        residuals: Floats = true - predicted
    residuals += 0.0  # turns -0.0 into 0.0
    return residuals


def ordered_keys(values: Floats) -> NDArray[np.int64]:
    """Return int64 keys that are ordered as the values are; infinities included, NaN not."""
    bits = values.view(np.int64)
    keys: NDArray[np.int64] = bits ^ ((bits >> 63) & np.int64(_MAGNITUDE))
    return keys


def value_of(key: int) -> float:
    """Return the value of a key."""
    bits = np.int64(key) if key >= 0 else np.int64(key) ^ np.int64(_MAGNITUDE)
    return float(bits.view(np.float64))


def bin_keys(index: int) -> tuple[int, int]:
    """Return the first key of a bin and the first beyond it."""
    return (index - _HALF) << _SHIFT, (index + 1 - _HALF) << _SHIFT
