"""Top-k accuracy: how often the truth is among the labels with the highest scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.metrics.sparse_counts import SparseCounts
from assay.metrics.weighted import count_cells
from assay.records.predictions import ClassificationChunk

TOPS = (1, 3, 5)
_CELLS = max(TOPS) + 1  # ranks 0 to 4, and all that come after


@dataclass(frozen=True, kw_only=True)
class TopRanks:
    """How many rows (or what weights) have their true label at each rank of the scores.

    Of equal scores the label that comes first in the label order ranks first, as for argmax.
    """

    TAG: ClassVar[str] = "top_ranks"

    sparse: SparseCounts

    @classmethod
    def from_chunk(cls, chunk: ClassificationChunk) -> TopRanks | None:
        """Count one chunk; None without a score column per label."""
        if chunk.scores is None or chunk.lone:
            return None
        ranks = np.minimum(chunk.truth_ranks, _CELLS - 1)
        return cls(sparse=SparseCounts.of_dense(count_cells(ranks, _CELLS, chunk.weights)))

    @classmethod
    def merge_all(cls, parts: Sequence[TopRanks]) -> TopRanks:
        """Add counts."""
        return cls(sparse=SparseCounts.merge_all([part.sparse for part in parts]))

    def among(self, first: int) -> int:
        """Return how many rows have their true label among the first 1 to 5."""
        return int(self.sparse.dense()[:first].sum())
