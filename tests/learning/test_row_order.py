"""The order of an epoch: every chunk once, mixed, and the same however the rows are cut."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse

from assay.learning.feature_block import FeatureBlock
from assay.learning.row_order import FEWEST_RUNS, MOST_RUNS, RUN, batches


def blocks_of(count, *ends, columns=3):
    """Chunks whose features and targets are their numbers, cut at these ends."""
    numbers = np.arange(count, dtype=np.int32)
    features = np.repeat(numbers[:, None], columns, axis=1).astype(np.float32)
    return [
        FeatureBlock(
            row_ids=tuple(map(str, numbers[start:end])),
            features=sparse.csr_array(features[start:end]) if columns > 1 else features[start:end],
            record_of=np.arange(end - start, dtype=np.int32),
            targets=numbers[start:end],
        )
        for start, end in pairwise([0, *ends, count])
    ]


class Counted(list):
    """Blocks that count how often they are opened."""

    opened = 0

    def __getitem__(self, index):
        self.opened += 1
        return super().__getitem__(index)


@pytest.mark.parametrize("count", [0, 1, RUN, RUN + 1, 5000])
def test_every_chunk_comes_once(count):
    """An epoch has each chunk with its features, in batches of one size but the last."""
    samples = list(batches(blocks_of(count, count // 3), size=32, seed=1, epoch=1))
    targets = np.concatenate([np.empty(0), *(sample.targets for sample in samples)])
    assert sorted(targets) == list(range(count))
    assert {len(sample.targets) for sample in samples[:-1]} <= {32}
    for sample in samples:
        assert np.array_equal(sample.features.toarray()[:, 0], sample.targets)


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize(
    "ends", [(1,), (63, 64, 65), (1000, 1000, 4999), tuple(range(100, 5000, 100))]
)
def test_blocks_do_not_change_the_order(ends, columns):
    """Blocks of any size, empty ones too, give the batches of one block."""
    whole = batches(blocks_of(5000, columns=columns), size=50, seed=3, epoch=2)
    cut = batches(blocks_of(5000, *ends, columns=columns), size=50, seed=3, epoch=2)
    for one, other in zip(whole, cut, strict=True):
        assert np.array_equal(one.targets, other.targets)


def test_epochs_and_seeds_have_orders_of_their_own():
    """Another epoch or seed is another order."""
    orders = {
        tuple(next(batches(blocks_of(500), size=500, seed=seed, epoch=epoch)).targets.tolist())
        for seed, epoch in ((0, 1), (0, 2), (1, 1))
    }
    assert len(orders) == 3


def test_sorted_rows_are_mixed():
    """Of rows in the order of their classes every batch has many, in the smallest windows too."""
    block = FeatureBlock(
        row_ids=("",) * 20_000,
        features=np.broadcast_to(np.float32(1), (20_000, 8192)),
        record_of=np.arange(20_000, dtype=np.int32),
        targets=np.arange(20_000, dtype=np.int32) // 1000,
    )
    samples = list(batches([block], size=64, seed=0, epoch=1))
    assert min(len(set(sample.targets)) for sample in samples[:-1]) > 5


def test_a_window_opens_a_block_once():
    """Chunks of many blocks are gathered with one opening of each block in a window."""
    blocks = Counted(blocks_of(20_000, *range(500, 20_000, 500), columns=1))
    list(batches(blocks, size=64, seed=0, epoch=1))
    windows = -(-20_000 // (RUN * MOST_RUNS))
    assert blocks.opened <= windows * len(blocks) + FEWEST_RUNS
