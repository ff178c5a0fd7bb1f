"""Calibration bins: how confident the scores are, and how often they are right.

15 bins of equal width, (low, high], the first closed; edges are i/15 correctly rounded, which are
scikit-learn's. Binned are the score of the top label, and each class's own, one against the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.metrics.arithmetic.exact_sum import UNIT_BITS, sum_rows
from assay.metrics.sparse_counts import Counts, SparseCounts
from assay.metrics.weighted import count_cells, weigh_groups
from assay.records.predictions import ClassificationChunk, Scores
from assay.records.weights import Weights

BINS = 15
EDGES: NDArray[np.float64] = np.arange(BINS + 1) / BINS
_BLOCK = 16_384  # scores binned at once: they stay in the second-level cache
_COARSE = 37  # log2 of the grid of the upper parts: sums of a block are exact on it
_FINE = 56  # every score above 1/15 is a multiple of 2**-56

_LOWER = EDGES.copy()
_LOWER[0] = -1.0  # so that 0 stays in the first bin


@dataclass(frozen=True, kw_only=True)
class CalibrationBins:
    """Per column and bin: rows (or weights), those that were right, and the exact sum of scores.

    Columns are the top label and then each score column; of a lone one they are the positive
    label and the rest, whose score is 1 - s. Of equal top scores the first label's is the top.
    """

    TAG: ClassVar[str] = "calibration"

    score_labels: tuple[str, ...]
    counts: SparseCounts  # over columns * BINS cells
    hits: SparseCounts
    confidence: tuple[int, ...]  # in units of 2**-UNIT_BITS, one per cell

    @classmethod
    def from_chunk(cls, chunk: ClassificationChunk) -> CalibrationBins | None:
        """Bin one chunk; None without scores."""
        scores = chunk.scores
        if scores is None:
            return None
        slots = chunk.hits.astype(np.int64)
        if chunk.lone:
            columns = [scores[0], 1.0 - scores[0].astype(np.float64)]
        else:
            columns = [scores.max(axis=0, initial=0.0), *scores]
            slots += 1
        weights = chunk.weights
        right = slots * BINS + bins_of(chunk.truth_probabilities)
        hits = count_cells(right, len(columns) * BINS, weights)
        if not chunk.lone:
            result = np.flatnonzero(chunk.truth_ranks == 0)
            tops = bins_of(columns[0][result].astype(np.float64))
            hits[:BINS] = count_cells(tops, BINS, None if weights is None else weights[result])
        if weights is None:
            binned = [_bin_column(column) for column in columns]
        else:
            binned = [_weigh_column(column, weights) for column in columns]
        return cls(
            score_labels=chunk.score_labels,
            counts=SparseCounts.of_dense(np.concatenate([counts for counts, _ in binned])),
            hits=SparseCounts.of_dense(hits),
            confidence=tuple(units for _, sums in binned for units in sums),
        )

    @classmethod
    def merge_all(cls, parts: Sequence[CalibrationBins]) -> CalibrationBins:
        """Add bins. Raises ValueError when the score columns differ."""
        labels = parts[0].score_labels
        if any(part.score_labels != labels for part in parts):
            raise ValueError("chunks with different score columns do not merge")
        cells = zip(*(part.confidence for part in parts), strict=True)
        return cls(
            score_labels=labels,
            counts=SparseCounts.merge_all([part.counts for part in parts]),
            hits=SparseCounts.merge_all([part.hits for part in parts]),
            confidence=tuple(map(sum, cells)),
        )


def bin_columns(score_labels: tuple[str, ...]) -> int:
    """Return the number of columns that are binned."""
    return len(score_labels) + 1  # a lone column and the rest; the top label and each column


def bins_of(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each float64 score."""
    # The product never rounds below a whole number that the score lies above, so it is at most
    # one bin too high.
    bins: NDArray[np.int64] = (scores * BINS).astype(np.int64)
    bins -= scores <= _LOWER[bins]
    return bins


def _bin_column(scores: Scores) -> tuple[Counts, list[int]]:
    """Return rows per bin, (BINS,), and their scores' exact sums.

    Above 1/15 scores are multiples of 2**-56 and at most 1: one cut at a fixed grid leaves two
    parts that any order of additions sums exactly. The first bin's scores may be of any size; it
    holds most scores of most classes, and is summed without being binned.
    """
    counts = np.zeros(BINS, dtype=np.int64)
    coarse = np.zeros(BINS, dtype=np.int64)
    fine = np.zeros(BINS, dtype=np.int64)
    least = 0
    for start in range(0, len(scores), _BLOCK):
        block = scores[start : start + _BLOCK].astype(np.float64, copy=False)
        high = block > EDGES[1]
        above = block[high]
        least += sum_rows(np.where(high, 0.0, block)[np.newaxis])[0]
        bins = bins_of(above)
        counts += np.bincount(bins, minlength=BINS)
        counts[0] += len(block) - len(above)
        upper = above + 2.0 ** (52 - _COARSE)
        upper -= 2.0 ** (52 - _COARSE)
        coarse += _on_grid(bins, upper, _COARSE)
        fine += _on_grid(bins, above - upper, _FINE)
    units = [
        (high << UNIT_BITS - _COARSE) + (low << UNIT_BITS - _FINE)
        for high, low in zip(coarse.tolist(), fine.tolist(), strict=True)
    ]
    return counts, [least, *units[1:]]


def _weigh_column(scores: Scores, weights: Weights) -> tuple[Counts, list[int]]:
    """Return weights per bin, (BINS,), and the exact sums of weight * score."""
    wide = scores.astype(np.float64, copy=False)
    bins = bins_of(wide)
    return count_cells(bins, BINS, weights), weigh_groups(wide, bins, BINS, weights)


def _on_grid(bins: NDArray[np.int64], values: NDArray[np.float64], bits: int) -> Counts:
    """Return sums per bin as multiples of 2**-bits."""
    sums: NDArray[np.float64] = np.bincount(bins, weights=values, minlength=BINS)  # type: ignore[assignment] # scipy-stubs and numpy type weighted counts as int
    return np.ldexp(sums, bits).astype(np.int64)
