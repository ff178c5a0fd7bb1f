"""Paired shares of clusters: the bootstrap of rows is their oracle."""

from __future__ import annotations

import numpy as np
import pytest

from assay.metrics.paired_proportions import PairedShares
from assay.metrics.resampling.bootstrap import Bootstrap, paired_intervals, row_clusters
from assay.metrics.spec import classification_spec
from assay.records.predictions import ClassificationChunk

LABELS = ("no", "yes")


def sides(rows: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the cluster of each row, and whether it is right on either side."""
    chance = np.random.default_rng(seed)
    clusters = np.sort(chance.integers(0, rows // 3, rows))
    return clusters, chance.random(rows) < 0.8, chance.random(rows) < 0.7


def counted(clusters: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (clusters, 1) right and all rows of each cluster that has rows."""
    names, codes = np.unique(clusters, return_inverse=True)
    every = np.bincount(codes, minlength=len(names))[:, np.newaxis]
    return np.bincount(codes[right], minlength=len(names))[:, np.newaxis], every


def test_an_interval_is_that_of_the_rows_in_their_clusters():
    """Shares of clusters have the very interval that the accuracy of their rows has."""
    clusters, a, b = sides(600)
    names = row_clusters(0, int(clusters.max()) + 1)
    shares = PairedShares(columns=1)
    shares.add(names[np.unique(clusters)], counted(clusters, a), counted(clusters, b))
    true = np.ones(len(a), dtype=np.int8)
    first, second = (
        Bootstrap.from_chunk(
            ClassificationChunk(
                labels=LABELS, fixed=True, true=true, predicted=right.astype(np.int8)
            ),
            names[clusters],
        )
        for right in (a, b)
    )
    spec = classification_spec(declared=LABELS, positive_label="yes")
    oracle = paired_intervals(first, second, spec)["accuracy"]
    (found,) = shares.differences()
    assert found == oracle
    assert shares.sums[:, 0, 0].tolist() == [a.sum(), len(a), b.sum(), len(b)]


def test_blocks_and_order_change_no_bit():
    """Clusters may come in any order and in any blocks."""
    clusters, a, b = sides(300)
    first, second = counted(clusters, a), counted(clusters, b)
    names = row_clusters(0, len(first[0]))
    whole = PairedShares(columns=1)
    whole.add(names, first, second)
    mixed = PairedShares(columns=1)
    order = np.random.default_rng(1).permutation(len(names))
    for block in np.array_split(order, 7):
        mixed.add(names[block], *((side[0][block], side[1][block]) for side in (first, second)))
    assert np.array_equal(whole.sums, mixed.sums)
    assert whole.differences() == mixed.differences()


def test_a_column_without_anything_has_no_interval():
    """A column in which a replicate has nothing to count has no interval, and others have theirs."""
    shares = PairedShares(columns=2)
    every = np.array([[1, 0]] * 40 + [[1, 1]])
    shares.add(row_clusters(0, 41), (every, every), (every, every))
    found = shares.differences()
    assert found[1] is None
    assert found[0] is not None
    assert (found[0].low, found[0].high) == (0, 0)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_level_lies_between_zero_and_one(level: float):
    """A confidence level of all or nothing is refused."""
    with pytest.raises(ValueError, match="level"):
        PairedShares(columns=1).differences(level)
