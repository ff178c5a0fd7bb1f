"""The order in which an epoch visits windows of words: drawn from the seed, whatever the blocks are.

Windows are counted through all blocks, and consecutive ones are a run as soon as they have
RUN_WORDS words. Runs are shuffled; so many of them as have GATHERED_WORDS words are taken from
their blocks, and their windows are shuffled. So rows that stand in an order of their own are mixed,
and no more words are in memory than are gathered at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import sparse

from assay.learning.feature_block import Blocks, FeatureBlock, Matrix
from assay.learning.randomness import generator

# Of a block's extras:
WINDOWS = "windows"  # (windows + 1,), where each window's words start
STEPS = "steps"  # (words,), of what kind the step from the word before is
RUN_WORDS = 1 << 12
GATHERED_WORDS = 1 << 16

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowSample:
    """Some windows: what is known of their words, one window after the other."""

    features: Matrix
    targets: NDArray[np.int32]
    steps: NDArray[np.uint8]
    starts: Indices  # (windows + 1,)

    @property
    def windows(self) -> int:
        """Return the number of windows."""
        return len(self.starts) - 1

    def chosen(self, index: Indices) -> WindowSample:
        """Return some of the windows, in the order of `index`."""
        sizes = np.diff(self.starts)[index]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        words = np.repeat(self.starts[index] - starts[:-1], sizes) + np.arange(starts[-1])
        return WindowSample(
            features=self.features[words],
            targets=self.targets[words],
            steps=self.steps[words],
            starts=starts,
        )


def window_count(blocks: Blocks) -> int:
    """Return the number of windows of all blocks."""
    return sum(len(block.extras[WINDOWS]) - 1 for block in blocks)


def window_batches(blocks: Blocks, *, size: int, seed: int, epoch: int) -> Iterator[WindowSample]:
    """Yield all windows, `size` at a time, in the order of an epoch."""
    draw = generator(seed, epoch)
    rest: WindowSample | None = None
    for gathered in _gathered(blocks, draw):
        shuffled = gathered.chosen(draw.permutation(gathered.windows))
        ready = shuffled if rest is None else _joined([rest, shuffled])
        whole = ready.windows // size * size
        for start in range(0, whole, size):
            yield ready.chosen(np.arange(start, start + size))
        rest = ready.chosen(np.arange(whole, ready.windows))
    if rest is not None and rest.windows:
        yield rest


def _gathered(blocks: Blocks, draw: Generator) -> Iterator[WindowSample]:
    """Yield the windows of a few runs at a time."""
    lengths = [np.diff(block.extras[WINDOWS]) for block in blocks]
    ends = np.cumsum([len(part) for part in lengths])
    words = np.cumsum(np.concatenate([*lengths, np.empty(0, np.int64)]))
    total = len(words)
    firsts = _run_starts(words)
    parts: list[WindowSample] = []
    gathered = 0
    for run in draw.permutation(len(firsts)).tolist():
        stop = int(firsts[run + 1]) if run + 1 < len(firsts) else total
        for part in _windows(blocks, ends, int(firsts[run]), stop):
            parts.append(part)
            gathered += int(part.starts[-1])
        if gathered >= GATHERED_WORDS:
            yield _joined(parts)
            parts, gathered = [], 0
    if parts:
        yield _joined(parts)


def _run_starts(words: Indices) -> Indices:
    """Return the first window of each run, given the summed words up to and with each window."""
    if not len(words):
        return np.empty(0, np.int64)
    before = np.concatenate([[0], words[:-1]])
    number = before // RUN_WORDS
    return np.flatnonzero(np.concatenate([[True], number[1:] != number[:-1]]))


def _windows(blocks: Blocks, ends: Indices, first: int, stop: int) -> Iterator[WindowSample]:
    """Yield consecutive windows, of each block that holds some of them."""
    at = int(np.searchsorted(ends, first, side="right"))
    while first < stop:
        block: FeatureBlock = blocks[at]
        starts = block.extras[WINDOWS]
        base = int(ends[at]) - (len(starts) - 1)
        end = min(stop, int(ends[at]))
        places = starts[first - base : end - base + 1]
        words = slice(int(places[0]), int(places[-1]))
        yield WindowSample(
            features=block.features[words],
            targets=block.targets[words].astype(np.int32, copy=False),
            steps=block.extras[STEPS][words],
            starts=places - places[0],
        )
        first, at = end, at + 1


def _joined(samples: Sequence[WindowSample]) -> WindowSample:
    """Return the windows of several samples, one after the other."""
    matrices: list[Any] = [sample.features for sample in samples]
    sizes = np.concatenate([np.diff(sample.starts) for sample in samples])
    return WindowSample(
        features=sparse.csr_array(sparse.vstack(matrices, format="csr")),
        targets=np.concatenate([sample.targets for sample in samples]),
        steps=np.concatenate([sample.steps for sample in samples]),
        starts=np.concatenate([[0], np.cumsum(sizes)]),
    )
