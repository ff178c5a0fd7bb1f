"""A bootstrap that gives the same interval under any sharding: weights are a hash, not a draw.

A row's weight in a replicate is the Poisson(1) quantile of a hash of (cluster, replicate, seed).
Rows of one cluster share their weights, so intervals resample clusters; two runs on the same rows
share them too, so their differences are paired. Each replicate is an ordinary statistic, and its
metrics are the registry's: those of labels, log loss and Brier score, and of a regression's sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.metrics.counts import ConfusionCounts
from assay.metrics.intervals import Interval
from assay.metrics.registry import live
from assay.metrics.resampling.replicates import BLOCK, Resampled
from assay.metrics.sparse_counts import SparseCounts
from assay.metrics.spec import MetricSpec
from assay.metrics.statistics import AnyStatistic, ClassificationStatistic, merge_statistics
from assay.records.predictions import ClassificationChunk, RegressionChunk

REPLICATES = 200
MOST_REPLICATES = 2000
MOST_CELLS = 10_000  # of a confusion matrix that is resampled by its cells
_STEP = np.uint64(0x9E37_79B9_7F4A_7C15)  # splitmix64's

Hashes = NDArray[np.uint64]


def _thresholds() -> Hashes:
    """Return where 64-bit hashes turn to the next Poisson(1) weight: exact, from integers."""
    # e, to 200 bits; P(X <= k) = (1/0! + … + 1/k!) / e.
    euler = sum(Fraction(1, math.factorial(term)) for term in range(60))
    total, edges = Fraction(), []
    for term in range(20):
        total += Fraction(1, math.factorial(term))
        edges.append(min((1 << 64) - 1, int(total / euler * (1 << 64))))
    return np.array(edges, dtype=np.uint64)


_EDGES = _thresholds()


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """One statistic per replicate, of rows weighted by their clusters' hashes."""

    seed: int
    replicates: tuple[AnyStatistic, ...]

    @classmethod
    def from_chunk(
        cls,
        chunk: ClassificationChunk | RegressionChunk,
        clusters: Hashes,
        *,
        replicates: int = REPLICATES,
        seed: int = 0,
    ) -> Bootstrap:
        """Take one chunk in; `clusters` are (n,) 64-bit hashes that name what is resampled."""
        if not 2 <= replicates <= MOST_REPLICATES:
            raise ValueError(f"{replicates} replicates; from 2 to {MOST_REPLICATES} are supported")
        if clusters.shape != (chunk.rows,) or clusters.dtype != np.uint64:
            raise ValueError(f"clusters are {chunk.rows} uint64 hashes")
        resampled = Resampled.of(chunk, replicates)
        for start in range(0, chunk.rows, BLOCK):
            block = clusters[start : start + BLOCK]
            times = [poisson_weights(block, each, seed) for each in range(replicates)]
            resampled.add(start, np.array(times, dtype=np.float64))
        return cls(seed=seed, replicates=resampled.statistics())

    @classmethod
    def merge_all(cls, parts: Sequence[Bootstrap]) -> Bootstrap:
        """Merge replicate by replicate. Raises ValueError when seeds or numbers differ."""
        first = parts[0]
        shape = (first.seed, len(first.replicates))
        if any((part.seed, len(part.replicates)) != shape for part in parts):
            raise ValueError("bootstraps of other seeds or numbers of replicates do not merge")
        columns = zip(*(part.replicates for part in parts), strict=True)
        merged = tuple(merge_statistics(column) for column in columns)
        return cls(seed=first.seed, replicates=merged)

    def values(self, spec: MetricSpec) -> list[Mapping[str, float]]:
        """Return the live metrics of every replicate."""
        return [live(replicate, spec).metrics for replicate in self.replicates]

    @classmethod
    def of_cells(
        cls, confusion: ConfusionCounts, *, replicates: int = REPLICATES, seed: int = 0
    ) -> Bootstrap:
        """Resample the cells of a confusion matrix of fixed labels: rows that are all alike.

        A cell of n rows counts, in each replicate, as often as the Poisson(n) quantile of a hash
        of (cell, replicate, seed) says: as many Poisson(1) rows do together. Time and memory are
        those of the cells, of which there are at most MOST_CELLS; ValueError beyond it.
        """
        sparse = confusion.sparse
        if len(sparse.cells) > MOST_CELLS:
            raise ValueError(f"{len(sparse.cells)} cells; at most {MOST_CELLS} are resampled")
        statistics: list[AnyStatistic] = []
        for drawn in _redrawn(sparse, replicates, seed):
            counts = ConfusionCounts(labels=confusion.labels, fixed=True, sparse=drawn)
            statistics.append(
                ClassificationStatistic(rows=int(drawn.counts.sum()), accumulators=(counts,))
            )
        return cls(seed=seed, replicates=tuple(statistics))


def paired_cells(
    joint: SparseCounts, labels: tuple[str, ...], *, replicates: int = REPLICATES, seed: int = 0
) -> tuple[Bootstrap, Bootstrap]:
    """Resample rows counted over true * k² + first * k + second of k labels, as `of_cells` does.

    Returns the bootstraps of the first and of the second run. ValueError beyond MOST_CELLS.
    """
    if len(joint.cells) > MOST_CELLS:
        raise ValueError(f"{len(joint.cells)} cells; at most {MOST_CELLS} are resampled")
    k = len(labels)
    result: tuple[list[AnyStatistic], list[AnyStatistic]] = ([], [])
    for drawn in _redrawn(joint, replicates, seed):
        true, first, second = drawn.cells // k**2, drawn.cells // k % k, drawn.cells % k
        for statistics, predicted in zip(result, (first, second), strict=True):
            sparse = SparseCounts.of_pairs(k * k, true * k + predicted, drawn.counts)
            counts = ConfusionCounts(labels=labels, fixed=True, sparse=sparse)
            statistics.append(ClassificationStatistic(rows=counts.rows, accumulators=(counts,)))
    first_run, second_run = (Bootstrap(seed=seed, replicates=tuple(each)) for each in result)
    return first_run, second_run


def bootstrap_intervals(
    bootstrap: Bootstrap, spec: MetricSpec, level: float = 0.95
) -> dict[str, Interval]:
    """Return the percentile interval of every metric that all replicates define."""
    values = bootstrap.values(spec)
    names = [name for name in values[0] if all(name in each for each in values)]
    return {name: _percentiles([each[name] for each in values], level) for name in names}


def paired_intervals(
    first: Bootstrap, second: Bootstrap, spec: MetricSpec, level: float = 0.95
) -> dict[str, Interval]:
    """Return the interval of first - second per metric, for two runs on the same clusters."""
    if (first.seed, len(first.replicates)) != (second.seed, len(second.replicates)):
        raise ValueError("paired bootstraps have the same seed and number of replicates")
    pairs = list(zip(first.values(spec), second.values(spec), strict=True))
    names = [name for name in pairs[0][0] if all(name in a and name in b for a, b in pairs)]
    return {name: _percentiles([a[name] - b[name] for a, b in pairs], level) for name in names}


def _percentiles(values: list[float], level: float) -> Interval:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not at {level}")
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail]).tolist()
    return Interval(low=low, high=high, level=level, method="bootstrap")


def poisson_weights(clusters: Hashes, replicate: int, seed: int) -> NDArray[np.int64]:
    """Return (n,) Poisson(1) weights: a function of cluster, replicate and seed alone."""
    weights: NDArray[np.int64] = np.searchsorted(
        _EDGES, _hashes(clusters, replicate, seed), side="right"
    )
    return weights


def row_clusters(first_row: int, rows: int) -> Hashes:
    """Return clusters of rows that have none: each row is its own, named by its number."""
    return mix(np.arange(first_row, first_row + rows, dtype=np.uint64))


def _redrawn(sparse: SparseCounts, replicates: int, seed: int) -> Iterator[SparseCounts]:
    """Yield the counts of each replicate, without cells that have none in it."""
    cells = mix(sparse.cells.astype(np.uint64))
    for replicate in range(replicates):
        counts = _poisson_of(sparse.counts, cells, replicate, seed)
        yield SparseCounts(size=sparse.size, cells=sparse.cells, counts=counts).positive()


def _poisson_of(
    rows: NDArray[np.int64], cells: Hashes, replicate: int, seed: int
) -> NDArray[np.int64]:
    """Return (n,) Poisson(rows) counts of cells: quantiles of their hashes."""
    share = (_hashes(cells, replicate, seed) >> np.uint64(11)).astype(np.float64)
    share = (share + 0.5) / 2.0**53
    above = np.ceil(special.pdtrik(share, rows))
    below = np.maximum(above - 1, 0)  # the inverse may lie a step too high
    drawn: NDArray[np.int64] = np.where(special.pdtr(below, rows) >= share, below, above).astype(
        np.int64
    )
    return drawn


def _hashes(clusters: Hashes, replicate: int, seed: int) -> Hashes:
    salt = mix(mix(np.array([seed % (1 << 64)], dtype=np.uint64)) + np.uint64(replicate))
    return mix(clusters ^ salt)


def mix(words: Hashes) -> Hashes:
    """Return splitmix64 of each word: one to one, and far from linear."""
    words = words + _STEP
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    mixed: Hashes = words ^ (words >> np.uint64(31))
    return mixed
