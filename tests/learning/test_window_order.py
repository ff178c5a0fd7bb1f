"""The order in which windows are visited."""

import numpy as np
import pytest
from scipy import sparse

from assay.learning.feature_block import FeatureBlock
from assay.learning.window_order import STEPS, WINDOWS, window_batches, window_count


def blocks_of(lengths, cuts):
    """Return windows of the given lengths in blocks; the feature of each word is its number."""
    blocks = []
    at = 0
    for part in np.split(np.array(lengths, np.int64), cuts):
        words = int(part.sum())
        numbers = np.arange(at, at + words)
        blocks.append(
            FeatureBlock(
                row_ids=tuple(f"{at}.{n}" for n in range(len(part))),
                features=sparse.csr_array(numbers[:, np.newaxis].astype(np.float32) + 1),
                record_of=np.repeat(np.arange(len(part), dtype=np.int32), part),
                targets=numbers.astype(np.int32),
                extras={
                    WINDOWS: np.concatenate([[0], np.cumsum(part)]),
                    STEPS: (numbers % 3).astype(np.uint8),
                },
            )
        )
        at += words
    return blocks


def visited(blocks, size=4, epoch=1):
    """Return the words of each window of each batch."""
    batches = []
    for sample in window_batches(blocks, size=size, seed=7, epoch=epoch):
        numbers = sample.features.toarray()[:, 0].astype(int) - 1
        assert numbers.tolist() == sample.targets.tolist()
        assert sample.steps.tolist() == (numbers % 3).tolist()
        windows = np.split(sample.targets, sample.starts[1:-1])
        batches.append([window.tolist() for window in windows])
    return batches


LENGTHS = [3, 700, 1, 512, 90, 2000, 5, 5, 5000, 17, 4, 300, 1500, 60, 60, 60, 800, 2]


def test_every_window_is_visited_once_and_whole():
    """An epoch has each window once, its words in their order, `size` windows a batch."""
    blocks = blocks_of(LENGTHS, [5, 11])
    batches = visited(blocks)
    assert [len(batch) for batch in batches] == [4, 4, 4, 4, 2]
    ends = np.cumsum(LENGTHS)
    wanted = [list(range(end - size, end)) for size, end in zip(LENGTHS, ends, strict=True)]
    assert sorted(window for batch in batches for window in batch) == wanted
    assert window_count(blocks) == len(LENGTHS)


@pytest.mark.parametrize("cuts", [[1], [9], [3, 4, 10], [0, 5, 18], list(range(1, 18))])
def test_the_order_is_that_of_any_cut(cuts):
    """However the windows are cut into blocks, batches hold the same windows in one order."""
    assert visited(blocks_of(LENGTHS, cuts)) == visited(blocks_of(LENGTHS, []))


def test_epochs_have_orders_of_their_own():
    """Each epoch has another order, and the same epoch always the same."""
    blocks = blocks_of(LENGTHS, [8])
    assert visited(blocks, epoch=1) == visited(blocks, epoch=1)
    assert visited(blocks, epoch=1) != visited(blocks, epoch=2)


def test_long_runs_are_gathered_a_part_at_a_time():
    """Of many words no more than are gathered at a time are copied together, and all are visited."""
    blocks = blocks_of([300] * 700, [200, 450])
    batches = visited(blocks, size=64)
    assert sorted(window[0] for batch in batches for window in batch) == list(
        range(0, 210_000, 300)
    )


@pytest.mark.parametrize("lengths", [[], [4]])
def test_few_windows_are_one_batch(lengths):
    """No windows give no batch, and one window gives one."""
    assert visited(blocks_of(lengths, [])) == ([[list(range(4))]] if lengths else [])
