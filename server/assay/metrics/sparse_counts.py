"""Sparse integer counts over a fixed number of cells, of which every histogram here is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

_DENSE_CELLS = 1 << 22  # up to 32 MiB a merge adds into a dense array, above it sorts


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseCounts:
    """How often each of `size` cells was hit. Cells ascend, are distinct, and have counts > 0."""

    size: int
    cells: Counts  # (m,)
    counts: Counts  # (m,)

    @classmethod
    def of_indices(cls, indices: NDArray[np.integer], size: int) -> SparseCounts:
        """Count an array of cell indices in [0, size); the caller has checked the range."""
        if size <= max(256, 4 * indices.size):
            return cls.of_dense(np.bincount(indices, minlength=size))
        cells, counts = np.unique(indices, return_counts=True)
        return cls(size=size, cells=cells.astype(np.int64), counts=counts.astype(np.int64))

    @classmethod
    def of_dense(cls, dense: Counts) -> SparseCounts:
        """Keep the cells of a (size,) array that are not zero."""
        cells = np.flatnonzero(dense)
        return cls(size=len(dense), cells=cells, counts=dense[cells].astype(np.int64, copy=False))

    @classmethod
    def merge_all(cls, parts: Sequence[SparseCounts]) -> SparseCounts:
        """Add counts of one size. Raises ValueError when sizes differ."""
        if len(parts) == 1:
            return parts[0]
        size = parts[0].size
        if any(part.size != size for part in parts):
            raise ValueError(
                f"counts of sizes {sorted({part.size for part in parts})} cannot merge"
            )
        if size <= _DENSE_CELLS:
            dense = np.zeros(size, dtype=np.int64)
            for part in parts:
                dense[part.cells] += part.counts
            return cls.of_dense(dense)
        return cls.of_pairs(
            size,
            np.concatenate([part.cells for part in parts]),
            np.concatenate([part.counts for part in parts]),
        )

    @classmethod
    def of_pairs(cls, size: int, cells: Counts, counts: Counts) -> SparseCounts:
        """Add up (cell, count) pairs in which cells may repeat, in any order."""
        order = np.argsort(cells, kind="stable")
        cells, counts = cells[order], counts[order]
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        if not len(starts):
            return cls(size=size, cells=cells, counts=counts)
        return cls(size=size, cells=cells[starts], counts=np.add.reduceat(counts, starts))

    def positive(self) -> SparseCounts:
        """Return the counts without cells that count nothing, which weights of zero leave."""
        kept = self.counts > 0
        return SparseCounts(size=self.size, cells=self.cells[kept], counts=self.counts[kept])

    @property
    def total(self) -> int:
        """The number of hits."""
        return int(self.counts.sum())

    def dense(self) -> Counts:
        """Return all cells as a (size,) array."""
        dense = np.zeros(self.size, dtype=np.int64)
        dense[self.cells] = self.counts
        return dense

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseCounts):
            return NotImplemented
        return (
            self.size == other.size
            and np.array_equal(self.cells, other.cells)
            and np.array_equal(self.counts, other.counts)
        )
