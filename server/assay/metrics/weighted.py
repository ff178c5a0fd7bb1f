"""Exact sums of weighted values, and the weights' own totals.

A float64 is cut into halves of at most 27 bits and a weight into limbs of 20, so that each of
their products is exact in float64; those enter the exact sums. Results are in millionths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.metrics.arithmetic.exact_sum import Floats, sum_groups, sum_row_products, sum_rows
from assay.metrics.counts import ConfusionCounts
from assay.metrics.sparse_counts import Counts, SparseCounts
from assay.records.predictions import ClassificationChunk, RegressionChunk
from assay.records.weights import Weights, check_total

_LIMB = 20
_UPPER = np.uint64(0xFFFF_FFFF_F800_0000)  # sign, exponent and 25 of the 52 bits that are stored


@dataclass(frozen=True, kw_only=True)
class WeightTotal:
    """The weights of all rows together."""

    TAG: ClassVar[str] = "weights"

    total: int  # millionths

    @classmethod
    def from_chunk(cls, chunk: ClassificationChunk | RegressionChunk) -> WeightTotal | None:
        """Add up one chunk; None without weights."""
        if chunk.weights is None:
            return None
        return cls(total=int(chunk.weights.sum()))

    @classmethod
    def merge_all(cls, parts: Sequence[WeightTotal]) -> WeightTotal:
        """Add up. Raises ValueError beyond what sums may hold."""
        total = sum(part.total for part in parts)
        check_total(total)
        return cls(total=total)


@dataclass(frozen=True, kw_only=True)
class WeightedConfusion:
    """The weight, in millionths, with which each true label was predicted as each label."""

    TAG: ClassVar[str] = "weighted_confusion"

    confusion: ConfusionCounts

    @classmethod
    def from_chunk(cls, chunk: ClassificationChunk) -> WeightedConfusion | None:
        """Add up one chunk; None without weights."""
        if chunk.weights is None:
            return None
        k = len(chunk.labels)
        cells = chunk.true.astype(np.int64) * k + chunk.predicted
        sparse = SparseCounts.of_pairs(k * k, cells, chunk.weights).positive()
        counts = ConfusionCounts(labels=chunk.labels, fixed=chunk.fixed, sparse=sparse)
        return cls(confusion=counts if chunk.fixed else counts.observed())

    @classmethod
    def merge_all(cls, parts: Sequence[WeightedConfusion]) -> WeightedConfusion:
        """Add weights, as ConfusionCounts adds counts."""
        return cls(confusion=ConfusionCounts.merge_all([part.confusion for part in parts]))


def count_cells(cells: NDArray[np.integer], size: int, weights: Weights | None) -> Counts:
    """Return (size,) rows per cell, or their weights."""
    if weights is None:
        return np.bincount(cells, minlength=size)
    sums: Floats = np.bincount(cells, weights=weights, minlength=size)  # type: ignore[assignment] # scipy-stubs and numpy type weighted counts as int
    return sums.astype(np.int64)  # exact: weights add up to less than 2**53


def weigh_rows(matrix: NDArray[np.floating], weights: Weights) -> list[int]:
    """Return the exact sums of weight * value along each row of (rows, n)."""
    parts = [sum_rows(term) for term in weighted_terms(matrix, weights)]
    return [sum(units) for units in zip(*parts, strict=True)]


def weigh_row_products(
    left: NDArray[np.floating], right: NDArray[np.floating], weights: Weights
) -> list[int]:
    """Return the exact sums of weight * left * right along each row of (rows, n)."""
    wide = left.astype(np.float64, copy=False)
    parts = [sum_row_products(wide, term) for term in weighted_terms(right, weights)]
    return [sum(units) for units in zip(*parts, strict=True)]


def weigh_groups(
    values: NDArray[np.floating], groups: NDArray[np.integer], size: int, weights: Weights
) -> list[int]:
    """Return the exact sums of weight * value per group code in [0, size)."""
    parts = [sum_groups(term, groups, size) for term in weighted_terms(values, weights)]
    return [sum(units) for units in zip(*parts, strict=True)]


def weighted_terms(values: NDArray[np.floating], weights: Weights) -> list[Floats]:
    """Return arrays whose sum is weights * values, exactly. Raises ValueError near overflow."""
    wide = values.astype(np.float64, copy=False)
    upper = (wide.view(np.uint64) & _UPPER).view(np.float64)
    low, high = weights & ((1 << _LIMB) - 1), weights >> _LIMB << _LIMB
    limbs = [low, high] if int(high.max(initial=0)) else [low]
    with np.errstate(over="ignore"):
        terms = [half * limb for half in (upper, wide - upper) for limb in limbs]
    if not all(np.isfinite(term).all() for term in terms):
        raise ValueError("weighted values go beyond the range of float64")
    return terms
