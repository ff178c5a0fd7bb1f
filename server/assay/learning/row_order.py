"""The order in which an epoch visits chunks: drawn from the seed, whatever the blocks are.

Chunks are counted through all blocks. Runs of RUN consecutive chunks are shuffled, a window of them
at a time is gathered from the blocks, and the chunks of a window are shuffled. So rows that were
stored in the order of their classes are mixed, and no more than a window is in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.feature_block import Blocks, FeatureBlock, Matrix
from assay.learning.randomness import Generator, generator

RUN = 64  # chunks
WINDOW_VALUES = 1 << 22  # features of a window's chunks, on average
FEWEST_RUNS, MOST_RUNS = 16, 1024  # of a window


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Some chunks: their features and targets."""

    features: Matrix
    targets: NDArray[Any]

    def rows(self, index: NDArray[np.int64] | slice) -> Sample:
        """Return some of the chunks, in the order of `index`."""
        return Sample(features=self.features[index], targets=self.targets[index])


def batches(blocks: Blocks, *, size: int, seed: int, epoch: int) -> Iterator[Sample]:
    """Yield all chunks, `size` at a time, in the order of an epoch."""
    draw = generator(seed, epoch)
    known = [(block.chunks, _values(block.features)) for block in blocks]
    sizes = np.array([chunks for chunks, _ in known], np.int64)
    values = sum(count for _, count in known) / max(1, int(sizes.sum()))  # of a chunk
    together = int(min(MOST_RUNS, max(FEWEST_RUNS, WINDOW_VALUES / (RUN * max(1.0, values)))))
    rest: Sample | None = None
    for window in _windows(blocks, sizes, together, draw):
        shuffled = window.rows(draw.permutation(len(window.targets)))
        ready = shuffled if rest is None else joined([rest, shuffled])
        whole = len(ready.targets) // size * size
        for start in range(0, whole, size):
            yield ready.rows(slice(start, start + size))
        rest = ready.rows(slice(whole, None))
    if rest is not None and len(rest.targets):
        yield rest


def _values(features: Matrix) -> int:
    return features.nnz if sparse.issparse(features) else features.size


def joined(samples: list[Sample]) -> Sample:
    """Return the chunks of several samples, one after the other."""
    matrices: list[Any] = [sample.features for sample in samples]
    stack: Any = sparse.vstack if sparse.issparse(matrices[0]) else np.vstack
    targets = np.concatenate([sample.targets for sample in samples])
    return Sample(features=stack(matrices), targets=targets)


def _windows(
    blocks: Blocks, sizes: NDArray[np.int64], together: int, draw: Generator
) -> Iterator[Sample]:
    """Yield the chunks of a few runs at a time, gathered from their blocks."""
    total = int(sizes.sum())
    runs = draw.permutation(-(-total // RUN))
    ends = np.cumsum(sizes)
    for first in range(0, len(runs), together):
        pieces: list[Sample] = []
        opened = _Opened(blocks)
        for run in np.sort(runs[first : first + together]).tolist():
            pieces += _run(opened, ends, run * RUN, min(run * RUN + RUN, total))
        yield joined(pieces)


class _Opened:
    """The block that was asked for last: runs in their order open each block once."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._number = -1
        self._block: FeatureBlock | None = None

    def __getitem__(self, number: int) -> FeatureBlock:
        if self._block is None or number != self._number:
            self._block, self._number = self._blocks[number], number
        return self._block


def _run(blocks: _Opened, ends: NDArray[np.int64], start: int, stop: int) -> Iterator[Sample]:
    """Yield consecutive chunks, of each block that holds some of them."""
    at = int(np.searchsorted(ends, start, side="right"))
    while start < stop:
        block = blocks[at]
        base = int(ends[at]) - block.chunks
        end = min(stop, int(ends[at]))
        part = slice(start - base, end - base)
        yield Sample(features=block.features[part], targets=block.targets[part])
        start, at = end, at + 1
