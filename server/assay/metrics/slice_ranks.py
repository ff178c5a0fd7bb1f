"""Rank counts and ranked residuals per slice value, for the metrics that need sorting.

The rows of one score column are held, and each value's are sorted by themselves; counts of other
columns merge. Every count is exact, so that a value has the numbers of its rows sent alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.metrics.order_statistics import ResidualCounts, count_residuals, residual_ranges
from assay.metrics.rank_counts import Totals
from assay.metrics.ranking import RankCounts, RankRange, count_range
from assay.metrics.residuals import Residuals
from assay.metrics.slices import SliceColumn, Value, rank_of
from assay.records.predictions import RegressionChunk
from assay.records.weights import Weights

_ABOVE_ALL = 2.0  # an edge above every score

CountT = TypeVar("CountT", RankCounts, ResidualCounts)
ByValue = Mapping[str, Mapping[Value, CountT]]


@dataclass(frozen=True, kw_only=True)
class SliceRanks:
    """Per slice column and value the rank counts of its rows, or their ranked residuals."""

    ranks: ByValue[RankCounts] = field(default_factory=dict)
    residuals: ByValue[ResidualCounts] = field(default_factory=dict)

    @classmethod
    def of_scores(
        cls,
        column: int,
        positive: NDArray[np.bool_],
        scores: NDArray[np.floating],
        slices: Mapping[str, SliceColumn],
        weights: Weights | None = None,
    ) -> SliceRanks:
        """Count one score column of all rows: (n,) is the truth its label, (n,) scores."""

        def count(rows: NDArray[np.intp]) -> RankCounts:
            ours = None if weights is None else weights[rows]
            return _count(column, positive[rows], scores[rows], ours)

        return cls(ranks=_by_value(slices, count))

    @classmethod
    def of_numbers(
        cls,
        true: NDArray[np.float64],
        predicted: NDArray[np.float64],
        slices: Mapping[str, SliceColumn],
    ) -> SliceRanks:
        """Rank the residuals of all rows of a regression, (n,) truth and (n,) prediction."""

        def count(rows: NDArray[np.intp]) -> ResidualCounts:
            ours = true[rows], predicted[rows]
            residuals = Residuals.from_chunk(RegressionChunk(true=ours[0], predicted=ours[1]))
            ranges = residual_ranges(residuals, max_rows=len(true))
            return ResidualCounts.merge_all(
                count_residuals(lambda: [ours], one, max_rows=len(true)) for one in ranges
            )

        return cls(residuals=_by_value(slices, count))

    @classmethod
    def merge_all(cls, parts: Sequence[SliceRanks]) -> SliceRanks:
        """Unite the counts of different score columns. Raises ValueError when they overlap."""
        return cls(
            ranks=_merged([part.ranks for part in parts], RankCounts.merge_all),
            residuals=_merged([part.residuals for part in parts], ResidualCounts.merge_all),
        )


def _count(
    column: int,
    positive: NDArray[np.bool_],
    scores: NDArray[np.floating],
    weights: Weights | None,
) -> RankCounts:
    """Count some rows as one range; a column of one kind of rows has none, as of all rows."""
    rows, hits = len(positive), int(np.count_nonzero(positive))
    if not 0 < hits < rows:
        return RankCounts()
    totals = [rows - hits, hits]
    if weights is not None:
        heavy = int(weights[positive].sum())
        totals += [int(weights.sum()) - heavy, heavy]
    target = RankRange(
        column=column,
        low=0.0,
        high=_ABOVE_ALL,
        rows=rows,
        above=Totals() if weights is None else Totals.of([0, 0, 0, 0]),
        whole=Totals.of(totals),
    )
    block = (positive, scores) if weights is None else (positive, scores, weights)
    return count_range(lambda: [block], target, max_rows=rows)


def _by_value(
    slices: Mapping[str, SliceColumn], count: Callable[[NDArray[np.intp]], CountT]
) -> dict[str, dict[Value, CountT]]:
    result: dict[str, dict[Value, CountT]] = {}
    for name in sorted(slices):
        column = slices[name]
        codes = {value: code for code, value in enumerate(column.table)}
        result[name] = {
            value: count(np.flatnonzero(column.codes == codes[value]))
            for value in sorted(codes, key=rank_of)
        }
    return result


def _merged(
    groups: Sequence[ByValue[CountT]], merge: Callable[[Sequence[CountT]], CountT]
) -> dict[str, dict[Value, CountT]]:
    names = sorted({name for group in groups for name in group})
    result: dict[str, dict[Value, CountT]] = {}
    for name in names:
        ours = [group[name] for group in groups if name in group]
        values = sorted({value for each in ours for value in each}, key=rank_of)
        result[name] = {
            value: merge([each[value] for each in ours if value in each]) for value in values
        }
    return result
