"""The errors that a classifier was most sure of: 500 of each pair of labels, and how many there are.

Equally confident errors are ordered by a hash of the row, then by its number, so that what is kept
depends on the rows alone, not on their order or chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.metrics.counts import ConfusionCounts
from assay.metrics.sparse_counts import SparseCounts
from assay.records.predictions import ClassificationChunk

KEPT = 500  # of each pair of true and predicted label

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Misclassifications:
    """Kept errors by cell (true * labels + predicted), most confident first, and all counted."""

    totals: ConfusionCounts  # of errors alone: no diagonal
    cells: NDArray[np.int64]  # (m,) ascending
    confidence: NDArray[np.float64]  # (m,) falling within a cell
    scored: bool  # False: there are no scores, and `confidence` is zero
    keys: Hashes  # (m,) hashes of rows
    rows: NDArray[np.int64]  # (m,) numbers of rows

    @classmethod
    def from_chunk(
        cls, chunk: ClassificationChunk, rows: NDArray[np.int64], keys: Hashes
    ) -> Misclassifications:
        """Take one chunk in: (n,) numbers and 64-bit hashes of its rows."""
        if rows.shape != (chunk.rows,) or keys.shape != (chunk.rows,):
            raise ValueError(f"rows and keys are {chunk.rows} numbers and hashes")
        k = len(chunk.labels)
        wrong = np.flatnonzero(chunk.true != chunk.predicted)
        cells = chunk.true[wrong].astype(np.int64) * k + chunk.predicted[wrong]
        sparse = SparseCounts.of_indices(cells, k * k)
        return cls(
            totals=ConfusionCounts(labels=chunk.labels, fixed=chunk.fixed, sparse=sparse),
            cells=cells,
            confidence=_confidence(chunk, wrong),
            scored=chunk.scores is not None,
            keys=keys[wrong].astype(np.uint64),
            rows=rows[wrong].astype(np.int64),
        )._settled()

    @classmethod
    def merge_all(cls, parts: Sequence[Misclassifications]) -> Misclassifications:
        """Unite, keeping 500 a cell. Raises ValueError when labels or scores do not fit."""
        if len({part.scored for part in parts}) > 1:
            raise ValueError("some chunks have scores and others do not")
        totals = ConfusionCounts.merge_all([part.totals for part in parts])
        moved = [part._onto(totals.labels) for part in parts]
        return cls(
            totals=totals,
            cells=np.concatenate([part.cells for part in moved]),
            confidence=np.concatenate([part.confidence for part in moved]),
            scored=parts[0].scored,
            keys=np.concatenate([part.keys for part in moved]),
            rows=np.concatenate([part.rows for part in moved]),
        )._kept()

    def _settled(self) -> Misclassifications:
        """Return the observed labels alone where labels are not fixed."""
        totals = self.totals if self.totals.fixed else self.totals.observed()
        return self._onto(totals.labels)._kept()

    def _onto(self, labels: tuple[str, ...]) -> Misclassifications:
        """Return the same errors over other labels, among which are all that occur."""
        if labels == self.totals.labels:
            return self
        indices = {label: place for place, label in enumerate(labels)}
        moved = np.array([indices.get(label, 0) for label in self.totals.labels], dtype=np.int64)
        k = max(1, len(self.totals.labels))
        cells = moved[self.cells // k] * len(labels) + moved[self.cells % k]
        return self._of(self.totals.onto(labels), cells, slice(None))

    def _kept(self) -> Misclassifications:
        """Return the first 500 of each cell, in their order."""
        order = np.lexsort((self.rows, self.keys, -self.confidence, self.cells))
        cells = self.cells[order]
        starts = np.searchsorted(cells, cells, side="left")
        order = order[np.arange(len(cells)) - starts < KEPT]
        return self._of(self.totals, self.cells[order], order)

    def _of(
        self,
        totals: ConfusionCounts,
        cells: NDArray[np.int64],
        chosen: NDArray[np.intp] | slice,
    ) -> Misclassifications:
        return Misclassifications(
            totals=totals,
            cells=cells,
            confidence=self.confidence[chosen],
            scored=self.scored,
            keys=self.keys[chosen],
            rows=self.rows[chosen],
        )


def _confidence(chunk: ClassificationChunk, wrong: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the scores of the predicted labels of some rows; zero without scores."""
    scores, predicted = chunk.scores, chunk.predicted[wrong]
    if scores is None:
        return np.zeros(len(wrong))
    if not chunk.lone:
        return scores[predicted, wrong].astype(np.float64) + 0.0
    positive = chunk.score_labels[0]
    code = chunk.labels.index(positive) if positive in chunk.labels else -1
    ours = scores[0, wrong].astype(np.float64) + 0.0
    result: NDArray[np.float64] = np.where(predicted.astype(np.int64) == code, ours, 1.0 - ours)
    return result
