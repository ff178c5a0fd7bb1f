"""The job kind `comparison`: two evaluations, tested against each other row by row.

One shard reads both sides and lines their rows up, by row id where both have ids and else by
position. Rows whose truths differ are not the same rows, and then there are no tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.domain.comparison import (
    COMPARISON_KIND,
    DIFFERENT_ROWS,
    MAX_ROWS,
    TOO_MANY_ROWS,
    AreasTest,
    ComparisonJob,
    McNemarTest,
    PairedTests,
    Side,
)
from assay.domain.evaluation_details import IntervalDetails
from assay.domain.job import Job, Shard, ShardRecord
from assay.jobs.blobs import JobBlobs
from assay.jobs.evaluating.ingest import rules_of
from assay.jobs.kinds.kind import Ending, JobView, ShardOutput
from assay.metrics.bootstrap import Bootstrap, paired_intervals, row_clusters
from assay.metrics.chunk import ClassificationChunk, RegressionChunk
from assay.metrics.intervals import delong_paired, mcnemar_rows
from assay.metrics.spec import MetricSpec, classification_spec, regression_spec
from assay.storage.columns import Chunk, ClassChunk, read_chunk
from assay.storage.ports import Transaction

PAIR = "pair"

Words = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one side, whole; codes point into the job's labels."""

    true: NDArray[Any]  # (n,) codes, or values of a regression
    pred: NDArray[Any]
    scores: NDArray[np.float64] | None  # (n,) of the positive label
    ids: Words | None  # (n,) hashes of the row ids
    weighted: bool

    def __len__(self) -> int:
        return len(self.true)

    def taken(self, order: NDArray[np.intp]) -> Rows:
        """Return the rows in another order."""
        return Rows(
            true=self.true[order],
            pred=self.pred[order],
            scores=None if self.scores is None else self.scores[order],
            ids=None if self.ids is None else self.ids[order],
            weighted=self.weighted,
        )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Compares two evaluations of the same rows."""

    max_rows: int = MAX_ROWS  # of a side

    @property
    def name(self) -> str:
        """The name in the ledger."""
        return COMPARISON_KIND

    def plan(
        self,
        job: JobView,  # noqa: ARG002 - the signature is Kind's
        finished: Mapping[str, ShardRecord],  # noqa: ARG002 - as above
        blobs: JobBlobs,  # noqa: ARG002 - as above
    ) -> tuple[Shard, ...]:
        """Return the only shard."""
        return (Shard(key=PAIR, payload=b""),)

    def run(
        self,
        job: JobView,
        shard: Shard,  # noqa: ARG002 - the signature is Kind's
        blobs: JobBlobs,
    ) -> ShardOutput:
        """Read both sides and test them."""
        asked = ComparisonJob.from_json(job.spec)
        first = _rows(asked, asked.a, blobs, self.max_rows)
        second = None if first is None else _rows(asked, asked.b, blobs, self.max_rows)
        if first is None or second is None:
            return _output(PairedTests(rows=0, reason=TOO_MANY_ROWS))
        pair = _lined_up(first, second)
        if pair is None:
            return _output(PairedTests(rows=0, reason=DIFFERENT_ROWS))
        return _output(_tests(asked, *pair))

    def reduce(
        self,
        job: JobView,  # noqa: ARG002 - the signature is Kind's
        finished: Mapping[str, ShardRecord],
        blobs: JobBlobs,
    ) -> bytes:
        """Return PairedTests.to_json()."""
        return blobs.partial(finished[PAIR])

    def settle(self, tx: Transaction, job: Job, ending: Ending) -> None:
        """Leave all nouns alone: the job's result is all there is."""


def _output(tests: PairedTests) -> ShardOutput:
    return ShardOutput(partial=tests.to_json())


def _rows(asked: ComparisonJob, side: Side, blobs: JobBlobs, most: int) -> Rows | None:
    """Read a side whole; None when it has more than `most` rows."""
    rules = rules_of(asked.spec)
    blocks: list[Rows] = []
    count = 0
    for blob in side.blobs:
        blocks.append(_block(asked, read_chunk(blobs.read(blob), rules, count)))
        count += len(blocks[-1])
        if count > most:
            return None
    return Rows(
        true=np.concatenate([one.true for one in blocks]),
        pred=np.concatenate([one.pred for one in blocks]),
        scores=_joined([one.scores for one in blocks]),
        ids=_joined([one.ids for one in blocks]),
        weighted=any(one.weighted for one in blocks),
    )


def _joined(parts: list[NDArray[Any] | None]) -> NDArray[Any] | None:
    whole = [part for part in parts if part is not None]
    return np.concatenate(whole) if len(whole) == len(parts) else None


def _block(asked: ComparisonJob, chunk: Chunk) -> Rows:
    ids = None if chunk.row_ids is None else chunk.row_ids.hashes
    weighted = chunk.weights is not None
    if not isinstance(chunk, ClassChunk):
        return Rows(true=chunk.true, pred=chunk.pred, scores=None, ids=ids, weighted=weighted)
    table = np.array([asked.labels.index(label) for label in chunk.labels], dtype=np.int32)
    return Rows(
        true=table[chunk.true],
        pred=table[chunk.pred],
        scores=_positive_scores(asked, chunk),
        ids=ids,
        weighted=weighted,
    )


def _positive_scores(asked: ComparisonJob, chunk: ClassChunk) -> NDArray[np.float64] | None:
    if asked.positive_label is None or not chunk.scores:
        return None
    if chunk.score_kind == "positive":
        return chunk.scores[0]
    return chunk.scores[chunk.labels.index(asked.positive_label)]


def _lined_up(first: Rows, second: Rows) -> tuple[Rows, Rows] | None:
    """Return both sides in one order; None when they are not the same rows."""
    if len(first) != len(second) or (first.ids is None) != (second.ids is None):
        return None
    if first.ids is not None and second.ids is not None:
        orders = [np.argsort(ids, kind="stable") for ids in (first.ids, second.ids)]
        if not np.array_equal(first.ids[orders[0]], second.ids[orders[1]]):
            return None
        first, second = first.taken(orders[0]), second.taken(orders[1])
    return (first, second) if np.array_equal(first.true, second.true) else None


def _tests(asked: ComparisonJob, first: Rows, second: Rows) -> PairedTests:
    """Test b against a; differences are b - a."""
    return PairedTests(
        rows=len(first),
        mcnemar=_mcnemar(first, second) if asked.labels else None,
        areas=_areas(asked, first, second),
        differences=_differences(asked, first, second),
    )


def _mcnemar(first: Rows, second: Rows) -> McNemarTest:
    found = mcnemar_rows(first.true, first.pred, second.pred)
    return McNemarTest(only_a=found.only_first, only_b=found.only_second, p_value=found.p_value)


def _areas(asked: ComparisonJob, first: Rows, second: Rows) -> AreasTest | None:
    if first.scores is None or second.scores is None or asked.positive_label is None:
        return None
    positive = first.true == asked.labels.index(asked.positive_label)
    found = delong_paired(positive, second.scores, first.scores)
    if found is None:
        return None
    return AreasTest(
        area_a=found.second,
        area_b=found.first,
        difference=found.difference,
        low=None if found.interval is None else found.interval.low,
        high=None if found.interval is None else found.interval.high,
        p_value=found.p_value,
    )


def _differences(asked: ComparisonJob, first: Rows, second: Rows) -> dict[str, IntervalDetails]:
    """Return bootstrap intervals of b - a; none for weighted rows, which it does not resample."""
    if first.weighted or second.weighted:
        return {}
    clusters = row_clusters(0, len(first)) if first.ids is None else first.ids
    spec = _metric_spec(asked)
    a, b = (Bootstrap.of_chunk(_chunk(asked, side), clusters) for side in (first, second))
    return {
        name: IntervalDetails(low=one.low, high=one.high, level=one.level, method=one.method)
        for name, one in paired_intervals(b, a, spec).items()
    }


def _chunk(asked: ComparisonJob, side: Rows) -> ClassificationChunk | RegressionChunk:
    if not asked.labels:
        return RegressionChunk(true=side.true, predicted=side.pred)
    return ClassificationChunk(labels=asked.labels, fixed=True, true=side.true, predicted=side.pred)


def _metric_spec(asked: ComparisonJob) -> MetricSpec:
    if not asked.labels:
        return regression_spec()
    return classification_spec(declared=asked.labels, positive_label=asked.positive_label)
