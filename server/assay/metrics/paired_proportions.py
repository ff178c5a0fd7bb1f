"""Paired proportions of right answers: two runs of the same clusters against each other.

A cluster, such as a document, has a number of right answers and of all answers in each of some
columns. The bootstrap is that of metrics.bootstrap: a cluster's weight in a replicate is a hash of
its name, so that an interval does not depend on the order or the sharding of clusters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assay.metrics.intervals import Interval
from assay.metrics.resampling.bootstrap import REPLICATES, poisson_weights

Counts = NDArray[np.int64]
Sums = NDArray[np.float64]  # whole numbers below 2**53, which float64 adds exactly


@dataclass(kw_only=True)
class PairedShares:
    """Sums over clusters, one row a replicate; the first row is the clusters as they are."""

    columns: int
    replicates: int = REPLICATES
    seed: int = 0
    sums: Sums = field(init=False)  # (4, 1 + replicates, columns): right and all of either side

    def __post_init__(self) -> None:
        self.sums = np.zeros((4, 1 + self.replicates, self.columns))

    def add(
        self,
        clusters: NDArray[np.uint64],
        first: tuple[Counts, Counts],
        second: tuple[Counts, Counts],
    ) -> None:
        """Take in n clusters; each side is (right, all), both (n, columns)."""
        weights = np.ones((1 + self.replicates, len(clusters)))
        for replicate in range(self.replicates):
            weights[1 + replicate] = poisson_weights(clusters, replicate, self.seed)
        for index, counts in enumerate((*first, *second)):
            self.sums[index] += weights @ counts.astype(np.float64)

    def differences(self, level: float = 0.95) -> list[Interval | None]:
        """Return per column the interval of first less second share.

        None where a replicate, or the whole, has nothing in that column on one of the sides.
        """
        if not 0 < level < 1:
            raise ValueError(f"a confidence level lies between 0 and 1, not at {level}")
        tail = (1 - level) / 2
        result: list[Interval | None] = []
        for right_a, all_a, right_b, all_b in self.sums.transpose(2, 0, 1):
            if not (all_a.all() and all_b.all()):
                result.append(None)
                continue
            values = (right_a / all_a - right_b / all_b)[1:]
            low, high = np.quantile(values, [tail, 1 - tail]).tolist()
            result.append(Interval(low=low, high=high, level=level, method="bootstrap"))
        return result
