"""Rows of two evaluations are read, lined up and counted: what paired tests are made of.

Rows are matched by their ids where both sides have ids, and else by their position. Ids are
compared by 128 bits of hash, so that no two ids of any number of rows are taken for each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.features.comparisons.model import ComparisonJob, Side
from assay.features.evaluations.ingest import rules_of
from assay.kernel.jobs.blobs import JobBlobs
from assay.metrics.sparse_counts import SparseCounts
from assay.records.predictions import ClassificationChunk
from assay.tabular.chunk import Chunk
from assay.tabular.row_ids import RowIds, row_ids_of
from assay.tabular.stored import stored_side

Words = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One of the equal parts that the rows of a comparison are cut into."""

    number: int  # from 0
    of: int

    def range(self, whole: int) -> tuple[int, int]:
        """Return where the part begins and ends, of `whole` that begin at 0."""
        return whole * self.number // self.of, whole * (self.number + 1) // self.of


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Some rows of one side; codes point into the job's labels."""

    true: NDArray[Any]  # (n,) codes, or values of a regression
    pred: NDArray[Any]
    scores: NDArray[np.float64] | None = None  # (n,) of the positive label; None: not read
    ids: tuple[Words, Words] | None = None  # (n,) two hashes of each row id
    clusters: Words | None = None  # (n,) hashes of the clusters
    weights: NDArray[np.int64] | None = None  # (n,) millionths

    def __len__(self) -> int:
        return len(self.true)

    def taken(self, order: NDArray[np.intp]) -> Rows:
        """Return the rows in another order, or some of them."""

        def some(values: NDArray[Any] | None) -> Any:
            return None if values is None else values[order]

        return Rows(
            true=self.true[order],
            pred=self.pred[order],
            scores=some(self.scores),
            ids=None if self.ids is None else (self.ids[0][order], self.ids[1][order]),
            clusters=some(self.clusters),
            weights=some(self.weights),
        )


@dataclass(frozen=True, kw_only=True)
class PairCounts:
    """The counts of one partition: mergeable, and the same however rows are partitioned."""

    same: bool  # False: these are not the same rows, and nothing else counts
    rows: int = 0
    weighted: bool = False
    clustered: bool = False
    joint: SparseCounts | None = None  # over true * k² + a * k + b; None: a regression
    tests: bytes = b""  # what only whole rows can tell, from a comparison of one partition


def read_side(asked: ComparisonJob, side: Side, partition: Partition, blobs: JobBlobs) -> Rows:
    """Read a partition of a side; scores are read only where there is one partition."""
    blocks = list(_blocks(asked, side, partition, blobs))
    hashes = [
        _joined([None if one.ids is None else one.ids[at] for one in blocks]) for at in (0, 1)
    ]
    return Rows(
        true=np.concatenate([one.true for one in blocks]),
        pred=np.concatenate([one.pred for one in blocks]),
        scores=_joined([one.scores for one in blocks]),
        ids=None if hashes[0] is None or hashes[1] is None else (hashes[0], hashes[1]),
        clusters=_joined([one.clusters for one in blocks]),
        weights=_joined([one.weights for one in blocks]),
    )


def lined_up(first: Rows, second: Rows) -> tuple[Rows, Rows] | None:
    """Return both sides in one order; None when they are not the same rows.

    The same rows have the same ids, truths and weights, and clusters where both sides have any.
    """
    if len(first) != len(second) or (first.ids is None) != (second.ids is None):
        return None
    if first.ids is not None and second.ids is not None:
        orders = [np.lexsort(ids[::-1]) for ids in (first.ids, second.ids)]
        first, second = first.taken(orders[0]), second.taken(orders[1])
        pairs = zip(first.ids or (), second.ids or (), strict=True)
        if not all(np.array_equal(ours, theirs) for ours, theirs in pairs):
            return None
    if not np.array_equal(first.true, second.true) or not _agree(first.weights, second.weights):
        return None
    if first.clusters is not None and second.clusters is not None:
        return (first, second) if np.array_equal(first.clusters, second.clusters) else None
    return first, second


def _agree(ours: NDArray[Any] | None, theirs: NDArray[Any] | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return np.array_equal(ours, theirs)


def joint_counts(asked: ComparisonJob, first: Rows, second: Rows) -> SparseCounts:
    """Count the rows by truth and both predictions."""
    k = len(asked.labels)
    cells = (first.true.astype(np.int64) * k + first.pred) * k + second.pred
    present, counts = np.unique(cells, return_counts=True)
    return SparseCounts(size=k**3, cells=present, counts=counts.astype(np.int64))


def _blocks(
    asked: ComparisonJob, side: Side, partition: Partition, blobs: JobBlobs
) -> Iterator[Rows]:
    rules = rules_of(asked.spec)
    start = 0
    first, end = partition.range(side.total)
    for blob, rows in zip(side.blobs, side.rows, strict=True):
        data = blobs.view(blob)
        chunk, ids = stored_side(data, rules, start, scores=partition.of == 1)
        if ids is not None:
            low, high = partition.range(1 << 64)
            # `high` may be 2**64, which a uint64 does not hold.
            inside = (ids.hashes >= np.uint64(low)) & (ids.hashes <= np.uint64(high - 1))
        else:
            numbers = np.arange(start, start + rows)
            inside = (numbers >= first) & (numbers < end)
        block = _block(asked, chunk, ids)
        yield block if inside.all() else block.taken(np.flatnonzero(inside))
        start += rows


def _joined(parts: list[Any]) -> Any:
    """Return parts as one array; None unless all are there."""
    whole = [part for part in parts if part is not None]
    return np.concatenate(whole) if len(whole) == len(parts) else None


def _block(asked: ComparisonJob, chunk: Chunk, ids: RowIds | None) -> Rows:
    predictions = chunk.predictions
    beside: dict[str, Any] = {
        "ids": None if ids is None else (ids.hashes, ids.second_hashes),
        "clusters": row_ids_of(chunk.extras["cluster_id"]).hashes
        if "cluster_id" in chunk.extras
        else None,
        "weights": predictions.weights,
    }
    if not isinstance(predictions, ClassificationChunk):
        return Rows(true=predictions.true, pred=predictions.predicted, **beside)
    table = np.array([asked.labels.index(label) for label in predictions.labels], dtype=np.int32)
    return Rows(
        true=table[predictions.true],
        pred=table[predictions.predicted],
        scores=_positive_scores(asked, predictions),
        **beside,
    )


def _positive_scores(
    asked: ComparisonJob, predictions: ClassificationChunk
) -> NDArray[np.float64] | None:
    scores = predictions.scores
    if asked.positive_label is None or scores is None:
        return None
    column = 0 if predictions.lone else predictions.labels.index(asked.positive_label)
    ours: NDArray[np.float64] = scores[column].astype(np.float64, copy=False)
    return ours
