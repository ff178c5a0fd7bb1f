"""Log loss and Brier score as exact, mergeable sums over rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.metrics.arithmetic.exact_sum import UNIT_BITS, ExactSum, sum_groups, sum_row_products
from assay.metrics.weighted import count_cells, weigh_groups, weigh_row_products, weigh_rows
from assay.records.predictions import ClassificationChunk

LOG_LOSS_EPSILON = 2.0**-52


@dataclass(frozen=True, kw_only=True)
class LogLossSum:
    """Sum of -ln(probability of the truth), clipped to [eps, 1 - eps] with eps = 2**-52.

    `clipped` counts the rows that the clip changed. The logarithm is taken in float64
    even of float32 scores; the sum of the rounded logarithms is exact. With weights it is the
    sum of weight * logarithm, in millionths.
    """

    TAG: ClassVar[str] = "log_loss"

    rows: int
    clipped: int
    total: ExactSum

    @classmethod
    def from_chunk(cls, chunk: ClassificationChunk) -> LogLossSum | None:
        """Sum one chunk; None without scores."""
        if chunk.scores is None:
            return None
        p = chunk.truth_probabilities
        low, high = LOG_LOSS_EPSILON, 1.0 - LOG_LOSS_EPSILON
        clipped = int(np.count_nonzero(p < low)) + int(np.count_nonzero(p > high))
        if clipped:
            p = np.clip(p, low, high)
        logs = np.log(p)
        total = ExactSum.of(logs)
        if chunk.weights is not None:
            total = ExactSum(units=weigh_rows(logs[np.newaxis], chunk.weights)[0])
        return cls(rows=chunk.rows, clipped=clipped, total=ExactSum(units=-total.units))

    @classmethod
    def merge_all(cls, parts: Sequence[LogLossSum]) -> LogLossSum:
        """Add sums."""
        return cls(
            rows=sum(part.rows for part in parts),
            clipped=sum(part.clipped for part in parts),
            total=ExactSum.merge_all(part.total for part in parts),
        )


@dataclass(frozen=True, kw_only=True)
class BrierSum:
    """Per score column, the exact sum over rows of (probability - [truth is the column])².

    Held as sum(p²) - 2·sum(p where true) + positives, every term exact, and in millionths where
    rows have weights.
    """

    TAG: ClassVar[str] = "brier"

    rows: int
    score_labels: tuple[str, ...]
    columns: tuple[ExactSum, ...]

    @classmethod
    def from_chunk(cls, chunk: ClassificationChunk) -> BrierSum | None:
        """Sum one chunk; None without scores."""
        scores = chunk.scores
        if scores is None:
            return None
        size = len(chunk.score_labels)
        weights = chunk.weights
        if weights is None:
            squares = sum_row_products(scores, scores)
        else:
            squares = weigh_row_products(scores, scores, weights)
        # A lone column's `hits` are 0 for positives and 1 for the rest, which is dropped here.
        ours = scores[0] if chunk.lone else chunk.truth_probabilities
        groups = max(size, 2) if chunk.lone else size
        ours = ours.astype(np.float64, copy=False)
        if weights is None:
            hits = sum_groups(ours, chunk.hits, groups)
        else:
            hits = weigh_groups(ours, chunk.hits, groups, weights)
        positives = count_cells(chunk.hits, groups, weights).tolist()
        units = [squares[c] - 2 * hits[c] + (positives[c] << UNIT_BITS) for c in range(size)]
        return cls(
            rows=chunk.rows,
            score_labels=chunk.score_labels,
            columns=tuple(ExactSum(units=total) for total in units),
        )

    @classmethod
    def merge_all(cls, parts: Sequence[BrierSum]) -> BrierSum:
        """Add sums. Raises ValueError when the score columns differ."""
        labels = parts[0].score_labels
        if any(part.score_labels != labels for part in parts):
            raise ValueError("chunks with different score columns do not merge")
        columns = zip(*(part.columns for part in parts), strict=True)
        return cls(
            rows=sum(part.rows for part in parts),
            score_labels=labels,
            columns=tuple(ExactSum.merge_all(column) for column in columns),
        )
