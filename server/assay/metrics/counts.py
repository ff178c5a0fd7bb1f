"""Confusion counts: how often each true label was predicted as each label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from assay.metrics.sparse_counts import Counts, SparseCounts
from assay.records.predictions import ClassificationChunk, Codes

_NARROW = 16  # up to this many labels a pair of codes fits in one byte
_TWO_AT_ONCE = 10  # up to this many labels it pays to count two rows at once
_WORTH_IT = 1 << 14  # rows from which it does


@dataclass(frozen=True, kw_only=True)
class ConfusionCounts:
    """A k × k matrix of int64 counts, rows true, columns predicted, in the order of `labels`.

    With `fixed` labels only matrices of the same labels merge; otherwise the label
    set is what was observed, sorted, and merging takes the union.
    """

    TAG: ClassVar[str] = "confusion"

    labels: tuple[str, ...]
    fixed: bool
    sparse: SparseCounts  # over k * k cells, true * k + predicted

    @classmethod
    def of_codes(
        cls, true: Codes, predicted: Codes, labels: tuple[str, ...], *, fixed: bool = True
    ) -> ConfusionCounts:
        """Count (n,) codes into `labels`; the caller has checked that they are in range."""
        k = len(labels)
        kind = np.uint8 if k <= _NARROW else np.uint16 if k <= 256 else np.int64
        pairs: NDArray[np.integer] = true.astype(kind)
        pairs *= kind(k)
        pairs += predicted.astype(kind, copy=False)
        if k <= _TWO_AT_ONCE and len(pairs) >= _WORTH_IT:
            sparse = SparseCounts.of_dense(_count_bytes(pairs, k * k))
        else:
            sparse = SparseCounts.of_indices(pairs, k * k)
        counts = cls(labels=labels, fixed=fixed, sparse=sparse)
        return counts if fixed else counts.observed()

    @classmethod
    def from_chunk(cls, chunk: ClassificationChunk) -> ConfusionCounts:
        """Count one chunk, once through it."""
        return cls.of_codes(chunk.true, chunk.predicted, chunk.labels, fixed=chunk.fixed)

    @classmethod
    def merge_all(cls, parts: Sequence[ConfusionCounts]) -> ConfusionCounts:
        """Add matrices. Raises ValueError when fixed label sets differ."""
        first = parts[0]
        if any(part.fixed != first.fixed for part in parts):
            raise ValueError("a declared label set does not merge with an observed one")
        labels = first.labels
        if any(part.labels != labels for part in parts):
            if first.fixed:
                raise ValueError("confusion counts of different declared label sets do not merge")
            labels = tuple(sorted({label for part in parts for label in part.labels}))
        sparse = SparseCounts.merge_all([part.onto(labels).sparse for part in parts])
        return cls(labels=labels, fixed=first.fixed, sparse=sparse)

    def onto(self, labels: tuple[str, ...]) -> ConfusionCounts:
        """Return the same counts over another label order or a superset.

        Raises ValueError when a label with counts is missing from `labels`.
        """
        if labels == self.labels:
            return self
        indices = {label: index for index, label in enumerate(labels)}
        moved = np.array([indices.get(label, -1) for label in self.labels], dtype=np.int64)
        k = max(1, len(self.labels))
        true, predicted = moved[self.sparse.cells // k], moved[self.sparse.cells % k]
        if (true < 0).any() or (predicted < 0).any():
            raise ValueError("a counted label is not in the label set")
        sparse = SparseCounts.of_pairs(
            len(labels) ** 2, true * len(labels) + predicted, self.sparse.counts
        )
        return ConfusionCounts(labels=labels, fixed=self.fixed, sparse=sparse)

    @property
    def rows(self) -> int:
        """The number of rows counted."""
        return self.sparse.total

    @cached_property
    def matrix(self) -> Counts:
        """The (k, k) int64 matrix."""
        return self.sparse.dense().reshape(len(self.labels), len(self.labels))

    def observed(self) -> ConfusionCounts:
        """Keep only the labels that occur, sorted."""
        k = max(1, len(self.labels))
        codes = np.union1d(self.sparse.cells // k, self.sparse.cells % k).tolist()
        return self.onto(tuple(sorted(self.labels[code] for code in codes)))


def _count_bytes(values: NDArray[np.integer], size: int) -> Counts:
    """Count uint8 values below `size`, two at a time: half the increments of a bincount.

    Two neighbours make one 16-bit value; each count of it counts for its upper and its lower byte.
    """
    even = len(values) // 2 * 2
    wide = np.bincount(values[:even].view(np.uint16), minlength=256 * size)
    table = wide[: 256 * size].reshape(size, 256)[:, :size]
    counts: Counts = table.sum(axis=1) + table.sum(axis=0)
    if even < len(values):
        counts[values[even]] += 1
    return counts
