"""Streams of rows for the metric tests, and the way a service would measure them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from assay.metrics.order_statistics import (
    ResidualCounts,
    ResidualRange,
    count_residuals,
    residual_ranges,
)
from assay.metrics.ranking import MICRO, RankCounts, RankRange, count_range, rank_ranges
from assay.metrics.registry import Measures, evaluate
from assay.metrics.spec import MetricSpec, classification_spec, regression_spec
from assay.metrics.statistics import ClassificationStatistic, RegressionStatistic
from assay.records.arrays import decode, encode
from assay.records.predictions import ClassificationChunk, RegressionChunk

Statistic = ClassificationStatistic | RegressionStatistic


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of one stream. Codes (or numbers) of truth and prediction; (columns, n) scores."""

    spec: MetricSpec
    true: np.ndarray
    predicted: np.ndarray
    scores: np.ndarray | None = None
    weights: np.ndarray | None = None  # millionths

    def __len__(self) -> int:
        return len(self.true)

    @property
    def lone(self) -> bool:
        return self.scores is not None and len(self.scores) == 1

    def take(self, index: Any) -> Rows:
        scores = None if self.scores is None else np.ascontiguousarray(self.scores[:, index])
        weights = None if self.weights is None else self.weights[index]
        ours = {"true": self.true[index], "predicted": self.predicted[index]}
        return replace(self, **ours, scores=scores, weights=weights)

    def statistic(self) -> Statistic:
        """The partial of these rows as one chunk."""
        if not self.spec.labels:
            return regression_of(true=self.true, predicted=self.predicted, weights=self.weights)
        return classification_of(
            labels=self.spec.labels,
            true=self.true,
            predicted=self.predicted,
            scores=self.scores,
            positive_label=self.spec.positive_label,
            weights=self.weights,
        )

    def column(self, column: int) -> Iterator[tuple[np.ndarray, ...]]:
        """The stored score column, in chunks of 100 rows."""
        assert self.scores is not None
        for each in range(len(self.scores)) if column == MICRO else [column]:
            code = self.spec.labels.index(self.spec.positive_label) if self.lone else each
            for start in range(0, len(self), 100):
                part = slice(start, start + 100)
                block = self.true[part] == code, self.scores[each, part]
                yield block if self.weights is None else (*block, self.weights[part])

    def count(self, ranges: Sequence[RankRange], max_rows: int) -> RankCounts:
        """Count ranges one by one and merge them, each through its bytes."""
        parts = [
            count_range(lambda r=r: self.column(r.column), r, max_rows=max_rows) for r in ranges
        ]
        return RankCounts.merge_all(decode(RankCounts, encode(part)) for part in parts)

    def pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The stored rows of a regression, in chunks of 100."""
        for start in range(0, len(self), 100):
            yield self.true[start : start + 100], self.predicted[start : start + 100]

    def count_residuals(self, statistic: RegressionStatistic, max_rows: int) -> ResidualCounts:
        """Look for the wanted ranks, each reading through its JSON values and bytes."""
        ranges = residual_ranges(statistic.residuals, max_rows=max_rows)
        carried = [
            msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(r))), ResidualRange)
            for r in ranges
        ]
        parts = [count_residuals(self.pairs, each, max_rows=max_rows) for each in carried]
        return ResidualCounts.merge_all(
            decode(ResidualCounts, encode(part)) for part in parts[::-1]
        )


def classification_of(
    *,
    labels: Sequence[str],
    true: np.ndarray,
    predicted: np.ndarray,
    scores: np.ndarray | Sequence[np.ndarray] | None = None,
    positive_label: str | None = None,
    labels_fixed: bool = True,
    weights: np.ndarray | None = None,
) -> ClassificationStatistic:
    """The statistic of one chunk; a lone score column is the positive label's probability."""
    table, score_labels = tuple(labels), ()
    if scores is not None:
        scores = scores if isinstance(scores, np.ndarray) else np.stack(scores)
        score_labels = table if len(scores) > 1 else (positive_label,)
    return ClassificationStatistic.from_chunk(
        ClassificationChunk(
            labels=table,
            fixed=labels_fixed,
            true=np.asarray(true),
            predicted=np.asarray(predicted),
            scores=scores,
            score_labels=score_labels,
            weights=weights,
        )
    )


def regression_of(
    *, true: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> RegressionStatistic:
    """The statistic of one chunk of numbers."""
    numbers = (np.asarray(each).astype(np.float64) for each in (true, predicted))
    chunk = RegressionChunk(
        **dict(zip(("true", "predicted"), numbers, strict=True)), weights=weights
    )
    return RegressionStatistic.from_chunk(chunk)


def chunk_of(rows: Rows) -> ClassificationChunk | RegressionChunk:
    """The rows as the parts of a statistic see them."""
    if not rows.spec.labels:
        return RegressionChunk(true=rows.true, predicted=rows.predicted, weights=rows.weights)
    return ClassificationChunk(
        labels=rows.spec.labels,
        fixed=True,
        true=rows.true,
        predicted=rows.predicted,
        scores=rows.scores,
        weights=rows.weights,
        score_labels=(() if rows.scores is None else ("1",) if rows.lone else rows.spec.labels),
    )


def cut_into_chunks(rows: Rows, rng: np.random.Generator | None) -> list[Rows]:
    """One chunk, or with `rng` the rows permuted and cut into up to six uneven chunks."""
    if rng is None:
        return [rows]
    order = rng.permutation(len(rows))
    cuts = np.sort(rng.integers(0, len(rows) + 1, rng.integers(0, 6)))
    return [rows.take(part) for part in np.split(order, cuts)]


def merged(rows: Rows, rng: np.random.Generator | None = None) -> Statistic:
    """The statistic of the rows, merged from chunks that went through their bytes."""
    parts = [chunk.statistic() for chunk in cut_into_chunks(rows, rng)]
    kind = type(parts[0])
    decoded = [decode(kind, encode(part)) for part in parts]
    if rng is not None:
        rng.shuffle(decoded)
    return kind.merge_all(decoded)


def measure(rows: Rows, rng: np.random.Generator | None = None) -> Measures:
    """Evaluate the rows as the service does: chunks, bytes, merge, ranges, counts."""
    statistic = merged(rows, rng)
    counts = None
    if isinstance(statistic, ClassificationStatistic) and statistic.histogram is not None:
        limit = 10**6 if rng is None else int(rng.integers(1, 200))
        ranges = rank_ranges(
            statistic.histogram, max_rows=limit, micro=True, weights=statistic.rank_weights
        )
        counts = rows.count(ranges, limit)
    residuals = None
    if isinstance(statistic, RegressionStatistic):
        limit = 10**6 if rng is None else int(rng.integers(1, 200))
        residuals = rows.count_residuals(statistic, limit)
    return evaluate(statistic, counts, rows.spec, residual_counts=residuals)


def multiclass(rng: np.random.Generator, n: int, k: int = 4, digits: int | None = None) -> Rows:
    """A decent classifier of k classes, with one float64 score column per class."""
    true = rng.integers(0, k, n).astype(np.uint8)
    logits = rng.normal(size=(k, n)) * 2
    logits[true, np.arange(n)] += 1.5
    scores = np.exp(logits)
    scores /= scores.sum(axis=0)
    predicted = scores.argmax(axis=0).astype(np.uint8)
    if digits is not None:
        scores = np.round(scores, digits)
    labels = tuple(f"class {place}" for place in range(k))
    return Rows(
        spec=classification_spec(declared=labels), true=true, predicted=predicted, scores=scores
    )


def binary(rng: np.random.Generator, n: int, digits: int | None = None) -> Rows:
    """A decent detector with a lone score column of the positive label "1"."""
    true = (rng.random(n) < 0.3).astype(np.uint8)
    scores = 1 / (1 + np.exp(-(rng.normal(size=n) + 2.0 * true - 1.0)))
    if digits is not None:
        scores = np.round(scores, digits)
    return Rows(
        spec=classification_spec(declared=("0", "1"), lone_score=True),
        true=true,
        predicted=(scores > 0.5).astype(np.uint8),
        scores=scores[np.newaxis],
    )


def labels_only(rng: np.random.Generator, n: int) -> Rows:
    """Predictions without scores."""
    return replace(multiclass(rng, n, 7), scores=None)


def regression(rng: np.random.Generator, n: int, offset: float = 0.0) -> Rows:
    """Numbers and guesses half as far off as they are spread."""
    true = rng.normal(size=n) + offset
    return Rows(spec=regression_spec(), true=true, predicted=true + rng.normal(size=n) * 0.5)


def weighted(rows: Rows, rng: np.random.Generator, places: int = 6) -> Rows:
    """The rows with random decimal weights, some of them zero."""
    step = 10 ** (6 - places)
    weights = rng.integers(0, 3 * 10**places, len(rows)) * step
    weights[rng.random(len(rows)) < 0.05] = 0
    return replace(rows, weights=weights)


UNWEIGHTED = {
    "multiclass": multiclass,
    "multiclass_tied": lambda rng, n: multiclass(rng, n, 3, digits=1),
    "binary": binary,
    "binary_tied": lambda rng, n: binary(rng, n, digits=1),
    "labels_only": labels_only,
    "regression": regression,
    "regression_offset": lambda rng, n: regression(rng, n, 1e9),
}

STREAMS = UNWEIGHTED | {
    "multiclass_weighted": lambda rng, n: weighted(multiclass(rng, n, digits=2), rng),
    "binary_weighted": lambda rng, n: weighted(binary(rng, n), rng, 2),
    "labels_weighted": lambda rng, n: weighted(labels_only(rng, n), rng),
    "regression_weighted": lambda rng, n: weighted(regression(rng, n), rng),
}
