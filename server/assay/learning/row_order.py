"""The order in which an epoch visits chunks: drawn from the seed, whatever the blocks are.

Chunks are counted through all blocks. Runs of RUN consecutive chunks are shuffled, WINDOW of them at a time are
gathered from their blocks, and the chunks of a window are shuffled. So rows that were stored in
the order of their classes are mixed, and no more than a window is in memory.
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

RUN = 256  # chunks
WINDOW = 32  # runs


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
    sizes = np.array([block.chunks for block in blocks], np.int64)
    rest: Sample | None = None
    for window in _windows(blocks, sizes, draw):
        shuffled = window.rows(draw.permutation(len(window.targets)))
        ready = shuffled if rest is None else joined([rest, shuffled])
        whole = len(ready.targets) // size * size
        for start in range(0, whole, size):
            yield ready.rows(slice(start, start + size))
        rest = ready.rows(slice(whole, None))
    if rest is not None and len(rest.targets):
        yield rest


def joined(samples: list[Sample]) -> Sample:
    """Return the chunks of several samples, one after the other."""
    matrices: list[Any] = [sample.features for sample in samples]
    stack: Any = sparse.vstack if sparse.issparse(matrices[0]) else np.vstack
    targets = np.concatenate([sample.targets for sample in samples])
    return Sample(features=stack(matrices), targets=targets)


def _windows(blocks: Blocks, sizes: NDArray[np.int64], draw: Generator) -> Iterator[Sample]:
    """Yield the chunks of a few runs at a time, gathered from their blocks."""
    total = int(sizes.sum())
    runs = draw.permutation(-(-total // RUN))
    ends = np.cumsum(sizes)
    for first in range(0, len(runs), WINDOW):
        pieces: list[Sample] = []
        for run in runs[first : first + WINDOW].tolist():
            pieces += _run(blocks, ends, run * RUN, min(run * RUN + RUN, total))
        yield joined(pieces)


def _run(blocks: Blocks, ends: NDArray[np.int64], start: int, stop: int) -> Iterator[Sample]:
    """Yield consecutive chunks, of each block that holds some of them."""
    at = int(np.searchsorted(ends, start, side="right"))
    while start < stop:
        block: FeatureBlock = blocks[at]
        base = int(ends[at]) - block.chunks
        end = min(stop, int(ends[at]))
        part = slice(start - base, end - base)
        yield Sample(features=block.features[part], targets=block.targets[part])
        start, at = end, at + 1
