"""Rank histogram: where the scores of each column lie, so that they can be sorted piecewise.

A score s in [0, 1] falls into a bin by the leading bits of min(s, 1 - s): 32 bins an octave,
towards 0 and, mirrored, towards 1, down to 2**-40. So uniform scores split, and so do the
saturated ones of a confident classifier. Bins ascend with the score; -0.0 is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.metrics.sparse_counts import Counts, SparseCounts
from assay.records.predictions import ClassificationChunk, Codes, Scores

_MANTISSA = 5  # 2**5 bins an octave
_OCTAVES = 40
_HALF = (_OCTAVES - 1) << _MANTISSA  # the bin of 0.5
BINS = 2 * _HALF + 1
CELLS = 2 * BINS  # per column: negatives and positives of each bin
_BLOCK = 16_384  # scores binned at once: they stay in the second-level cache


@dataclass(frozen=True, kw_only=True)
class RankHistogram:
    """Per score column and bin, the rows whose truth is not, and is, the column's label."""

    TAG: ClassVar[str] = "ranks"

    score_labels: tuple[str, ...]
    score_bits: int  # 32 or 64: the width of the scores; of one evaluation it is always the same
    sparse: SparseCounts  # cell (column * BINS + bin) * 2 + positive

    @classmethod
    def from_chunk(cls, chunk: ClassificationChunk) -> RankHistogram | None:
        """Bin one chunk; None without scores."""
        if chunk.scores is None:
            return None
        size = len(chunk.score_labels) * CELLS
        return cls(
            score_labels=chunk.score_labels,
            score_bits=chunk.scores.dtype.itemsize * 8,
            sparse=_count_cells(chunk.scores, chunk.hits, size),
        )

    @classmethod
    def merge_all(cls, parts: Sequence[RankHistogram]) -> RankHistogram:
        """Add histograms. Raises ValueError when score columns or their width differ."""
        first = parts[0]
        for part in parts:
            if (part.score_labels, part.score_bits) != (first.score_labels, first.score_bits):
                raise ValueError("chunks with different score columns do not merge")
        sparse = SparseCounts.merge_all([part.sparse for part in parts])
        return cls(score_labels=first.score_labels, score_bits=first.score_bits, sparse=sparse)

    @property
    def columns(self) -> int:
        """The number of score columns."""
        return len(self.score_labels)

    def column(self, column: int) -> Counts:
        """Return (BINS, 2) counts of one column: negatives, positives."""
        return _column(self.sparse, column)

    def pooled(self) -> Counts:
        """Return (BINS, 2) counts of all columns together."""
        return _pooled(self.sparse)


@dataclass(frozen=True, kw_only=True)
class RankWeights:
    """The weights of the rows of a RankHistogram, in millionths, over the same cells."""

    TAG: ClassVar[str] = "rank_weights"

    sparse: SparseCounts

    @classmethod
    def from_chunk(cls, chunk: ClassificationChunk) -> RankWeights | None:
        """Bin one chunk; None without scores or weights."""
        if chunk.scores is None or chunk.weights is None:
            return None
        columns = np.arange(len(chunk.scores))[:, np.newaxis]
        cells = (columns * BINS + score_bins(chunk.scores)) * 2 + (chunk.hits == columns)
        weights = np.broadcast_to(chunk.weights, cells.shape).reshape(-1)
        sparse = SparseCounts.of_pairs(len(columns) * CELLS, cells.reshape(-1), weights)
        return cls(sparse=sparse.positive())

    @classmethod
    def merge_all(cls, parts: Sequence[RankWeights]) -> RankWeights:
        """Add weights."""
        return cls(sparse=SparseCounts.merge_all([part.sparse for part in parts]))

    def column(self, column: int) -> Counts:
        """Return (BINS, 2) weights of one column: negatives, positives."""
        return _column(self.sparse, column)

    def pooled(self) -> Counts:
        """Return (BINS, 2) weights of all columns together."""
        return _pooled(self.sparse)


def score_bins(scores: Scores) -> NDArray[np.int64]:
    """Return the bin of each score, in the shape of `scores`."""
    bins = _depths(scores)
    np.subtract(BINS - 1, bins, out=bins, where=scores >= 0.5)
    return bins


def _column(sparse: SparseCounts, column: int) -> Counts:
    first, last = np.searchsorted(sparse.cells, [column * CELLS, (column + 1) * CELLS])
    counts = np.zeros(CELLS, dtype=np.int64)
    counts[sparse.cells[first:last] - column * CELLS] = sparse.counts[first:last]
    return counts.reshape(BINS, 2)


def _pooled(sparse: SparseCounts) -> Counts:
    counts = np.zeros(CELLS, dtype=np.int64)
    np.add.at(counts, sparse.cells % CELLS, sparse.counts)
    return counts.reshape(BINS, 2)


def _depths(scores: Scores) -> NDArray[np.int64]:
    """Return the bin of min(s, 1 - s), counted from 0 to _HALF."""
    wide = scores.itemsize == 8
    mantissa, bias = (52, 1023) if wide else (23, 127)
    near = np.subtract(1, scores, dtype=scores.dtype)  # exact for scores of one half and above
    np.minimum(near, scores, out=near)
    np.maximum(near, scores.dtype.type(2.0**-_OCTAVES), out=near)  # takes -0.0 along
    bits: NDArray[np.unsignedinteger] = near.view(np.uint64 if wide else np.uint32)
    bits >>= mantissa - _MANTISSA
    bits -= (bias - _OCTAVES) << _MANTISSA
    return bits.view(np.int64) if wide else bits.astype(np.int64)


def bin_edge(index: int) -> float:
    """Return the smallest float64 score of a bin; for BINS a score above all."""
    if index >= BINS:
        return 2.0
    if index <= 0:
        return 0.0
    if index <= _HALF:
        return _magnitude(index)
    # The bin's scores have 1 - s below the next bin of magnitudes, so they start just above.
    return float(np.nextafter(1.0 - _magnitude(BINS - index), 2.0))


def _magnitude(index: int) -> float:
    """Return the smallest float64 whose bin, counted from 0, is `place` (1 to _HALF)."""
    bits = (((1023 - _OCTAVES) << _MANTISSA) + index) << (52 - _MANTISSA)
    return float(np.int64(bits).view(np.float64))


def _count_cells(scores: Scores, hits: Codes, size: int) -> SparseCounts:
    """Count cells of a (columns, n) array, densely if the chunk is big enough for it."""
    if size > 4 * scores.size:
        columns = np.arange(len(scores))[:, np.newaxis]
        cells = (columns * BINS + score_bins(scores)) * 2 + (hits[np.newaxis] == columns)
        return SparseCounts.of_indices(cells.reshape(-1), size)
    counted = [_count_column(scores[c], hits == c) for c in range(len(scores))]
    return SparseCounts.of_dense(np.concatenate(counted))


def _count_column(scores: Scores, hits: NDArray[np.bool_]) -> Counts:
    """Return (CELLS,) counts of one column.

    Lower and upper half are counted side by side and unfolded once at the end.
    """
    counts = np.zeros(4 * (_HALF + 1), dtype=np.int64)
    for start in range(0, len(scores), _BLOCK):
        block = scores[start : start + _BLOCK]
        flags = (block >= 0.5).view(np.uint8)
        flags <<= 1
        flags |= hits[start : start + _BLOCK].view(np.uint8)
        cells = _depths(block)
        cells <<= 2
        cells |= flags
        counts += np.bincount(cells, minlength=len(counts))
    halves = counts.reshape(_HALF + 1, 2, 2)  # depth, half, positive
    lower, upper = halves[:, 0], halves[::-1, 1]
    return np.concatenate([lower[:-1], lower[-1:] + upper[:1], upper[1:]]).reshape(-1)
