"""The counts of one sorted score range: wins, squares, precisions and curve points.

Keys are packed integers, score bits << 1 | positive, so among equal scores negatives stand first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.metrics.arithmetic.exact_sum import sum_row_products, sum_rows
from assay.metrics.arithmetic.integer_dot import exact_dot
from assay.metrics.curves import CurvePoint, Points, targets
from assay.metrics.rank_counts import RangeCounts, RangeCurve, RankRange, Totals
from assay.metrics.sparse_counts import Counts
from assay.records.weights import Weights

Keys = NDArray[np.unsignedinteger]

_BLOCK = 1 << 18


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """Rows of equal score, groups ascending: their score and their rows or weight of each kind."""

    scores: NDArray[np.float64]
    totals: Counts  # (groups, 4) in the order of Totals


class _Tracer:
    """Gathers the precision sum and the best threshold of groups that hold positives."""

    def __init__(self, above: Totals, whole: Totals) -> None:
        self.above, self.whole = above, whole
        self.precision = 0
        self._best: tuple[float, float, int, int] | None = None

    def add(self, scores: NDArray[np.float64], own: Counts, hits: Counts, every: Counts) -> None:
        """Take in groups: own positive weight, and positive and whole weight from there up."""
        if not len(scores):
            return
        precision = hits / every
        rows = precision[np.newaxis]
        if int(own.max()) > 1:
            self.precision += sum_row_products(own.astype(np.float64)[np.newaxis], rows)[0]
        else:  # every group is one row
            self.precision += sum_rows(rows)[0]
        f1_scores = 2 * hits / (every + self.whole.positive_weight)
        index = int(np.flatnonzero(f1_scores == f1_scores.max())[-1])  # of equal ones the highest
        result = (float(f1_scores[index]), float(scores[index]))
        if self._best is None or result >= self._best[:2]:
            tp = int(hits[index])
            self._best = (*result, tp, int(every[index]) - tp)

    @property
    def best(self) -> CurvePoint | None:
        """The threshold with the best F1."""
        if self._best is None:
            return None
        _, threshold, hits, wrong = self._best
        return CurvePoint(threshold=threshold, true_positives=hits, false_positives=wrong)


def count_sorted(keys: Keys, target: RankRange) -> RangeCounts:
    """Count rows without weights from their sorted keys."""
    hits = _positions(keys)
    positives, negatives = len(hits), len(keys) - len(hits)
    tracer = None
    if target.above is not None and target.whole is not None:
        tracer = _Tracer(target.above, target.whole)
    twice = positive_squares = negative_squares = passed = 0
    for start in range(0, positives, _BLOCK):
        firsts, sizes, before, tied = _groups(keys, hits, start)
        from_here = positives - firsts  # positives of the group and above it
        doubled = 2 * before - tied
        between = before - tied - np.concatenate([[passed], before[:-1]])
        twice += exact_dot(sizes, doubled)
        positive_squares += exact_dot(sizes, doubled * doubled)
        negative_squares += 4 * exact_dot(between, from_here * from_here)
        some = np.flatnonzero(tied)
        level = 2 * from_here[some] - sizes[some]
        negative_squares += exact_dot(tied[some], level * level)
        passed = int(before[-1]) if len(before) else passed
        if tracer is not None:
            over = tracer.above
            ranks = len(keys) - (firsts + before - tied) + over.negatives + over.positives
            scores = _scores(keys[firsts + before])
            tracer.add(scores, sizes, from_here + over.positives, ranks)
    return RangeCounts(
        column=target.column,
        low=target.low,
        high=target.high,
        positives=positives,
        negatives=negatives,
        twice_wins=twice,
        positive_squares=positive_squares,
        negative_squares=negative_squares,
        trace=None if tracer is None else _trace(tracer, _points(keys, hits, tracer)),
    )


def count_groups(groups: Groups, target: RankRange, *, weighted: bool) -> RangeCounts:
    """Count any rows from their groups of equal score."""
    negatives, positives, negative_weight, positive_weight = groups.totals.T
    below = np.cumsum(negative_weight) - negative_weight
    twice = 2 * exact_dot(positive_weight, below) + exact_dot(positive_weight, negative_weight)
    under = 2 * (np.cumsum(negatives) - negatives) + negatives
    over = 2 * (positives.sum() - np.cumsum(positives)) + positives
    sums = groups.totals.sum(axis=0).tolist()
    return RangeCounts(
        column=target.column,
        low=target.low,
        high=target.high,
        positives=sums[1],
        negatives=sums[0],
        twice_wins=twice,
        positive_weight=sums[3] if weighted else None,
        negative_weight=sums[2] if weighted else None,
        positive_squares=0 if weighted else exact_dot(positives, under * under),
        negative_squares=0 if weighted else exact_dot(negatives, over * over),
        trace=_trace_groups(groups, target),
    )


def group(keys: Keys, weights: Weights) -> Groups:
    """Sort keys with their weights and add up those of equal score."""
    order = np.argsort(keys, kind="stable")
    keys, weights = keys[order], weights[order]
    starts = np.flatnonzero(np.diff(keys >> 1, prepend=(keys[:1] >> 1) ^ 1))
    hits = (keys & 1).astype(np.int64)
    columns = (1 - hits, hits, (1 - hits) * weights, hits * weights)
    totals = [np.add.reduceat(column, starts) for column in columns] if len(starts) else [hits] * 4
    return Groups(scores=_scores(keys[starts]), totals=np.stack(totals, axis=1))


def _positions(keys: Keys) -> NDArray[np.integer]:
    """Return the places of the positives, ascending."""
    if len(keys) <= _BLOCK:
        return np.flatnonzero(keys & 1).astype(np.uint32)
    count = sum(
        int(np.count_nonzero(keys[start : start + _BLOCK] & 1))
        for start in range(0, len(keys), _BLOCK)
    )
    kind = np.uint32 if len(keys) < 1 << 32 else np.int64
    hits: NDArray[np.integer] = np.empty(count, dtype=kind)
    filled = 0
    for start in range(0, len(keys), _BLOCK):
        result = np.flatnonzero(keys[start : start + _BLOCK] & 1)
        hits[filled : filled + len(result)] = result + start
        filled += len(result)
    return hits


def _groups(
    keys: Keys, hits: NDArray[np.integer], start: int
) -> tuple[Counts, Counts, Counts, Counts]:
    """Return the groups whose first positive is among `_BLOCK` positives from `start`.

    Four arrays: the first positive's number, the positives, the negatives at or below, and the
    negatives of the same score.
    """
    numbers = np.arange(start, min(start + _BLOCK, len(hits)))
    at = hits[start : start + _BLOCK].astype(np.int64)
    ours = keys[at]
    former = keys[np.maximum(at - 1, 0)]
    fresh = (ours != former) | (at == 0)
    numbers, at, ours, former = numbers[fresh], at[fresh], ours[fresh], former[fresh]
    sizes = np.diff(numbers, append=numbers[-1:] + 1)
    if len(numbers):  # the last group may go on beyond the block
        end = int(np.searchsorted(keys, ours[-1], side="right"))
        sizes[-1] = end - at[-1]
    tied = np.zeros(len(numbers), dtype=np.int64)
    some = np.flatnonzero((ours ^ former == 1) & (at > 0))
    tied[some] = at[some] - np.searchsorted(keys, former[some], side="left")
    return numbers, sizes, at - numbers, tied


def _points(keys: Keys, hits: NDArray[np.integer], tracer: _Tracer) -> Points:
    """Return the kept points of sorted keys, thresholds falling."""
    above, whole = tracer.above, tracer.whole
    positives, negatives = len(hits), len(keys) - len(hits)
    ups = targets(whole.positives, above.positives, positives)
    downs = targets(whole.negatives, above.negatives, negatives)
    # The i-th negative stands after the positives that have at most i negatives before them.
    order = negatives - 1 - downs
    indices = order + _passed(hits, order)
    indices = np.concatenate([indices, hits[positives - 1 - ups].astype(np.int64)])
    starts = np.searchsorted(keys, np.sort(keys[indices] & ~keys.dtype.type(1)), side="left")
    starts = starts[np.diff(starts, prepend=-1) > 0]
    tp = positives - np.searchsorted(hits, starts.astype(hits.dtype), side="left") + above.positives
    fp = len(keys) - starts + above.positives + above.negatives - tp
    return _curve_points(_scores(keys[starts]), tp, fp)


def _passed(hits: NDArray[np.integer], order: Counts) -> Counts:
    """Return how many positives have at most as many negatives before them as each of `order`.

    Of many positives by bisection: an array of what stands before each would double the memory.
    """
    if len(hits) <= _BLOCK:
        return np.searchsorted(hits - np.arange(len(hits)), order, side="right")
    low, high = np.zeros_like(order), np.full_like(order, len(hits))
    while (unsettled := low < high).any():
        middle = (low + high) // 2
        at = np.minimum(middle, max(0, len(hits) - 1))
        inside = unsettled & (hits[at].astype(np.int64) - at <= order)
        low = np.where(inside, middle + 1, low)
        high = np.where(unsettled & ~inside, middle, high)
    return low


def _trace_groups(groups: Groups, target: RankRange) -> RangeCurve | None:
    if target.above is None or target.whole is None:
        return None
    tracer = _Tracer(target.above, target.whole)
    upward = groups.totals[::-1].cumsum(axis=0)[::-1]  # each group and those above it
    hits = upward[:, 3] + target.above.positive_weight
    every = upward[:, 2] + target.above.negative_weight + hits
    some = groups.totals[:, 3] > 0
    tracer.add(groups.scores[some], groups.totals[some, 3], hits[some], every[some])
    kept: set[int] = set()
    for kind, (rows, above) in enumerate(
        [
            (target.whole.negatives, target.above.negatives),
            (target.whole.positives, target.above.positives),
        ]
    ):
        wanted = targets(rows, above, int(upward[0, kind]))
        # The highest group that, with those above it, holds more rows than rank higher.
        result = np.searchsorted(upward[::-1, kind], wanted, side="right")
        kept.update((len(groups.scores) - 1 - result).tolist())
    indices = np.array(sorted(kept), dtype=np.int64)
    return _trace(
        tracer, _curve_points(groups.scores[indices], hits[indices], (every - hits)[indices])
    )


def _trace(tracer: _Tracer, points: Points) -> RangeCurve:
    return RangeCurve(
        above=tracer.above,
        whole=tracer.whole,
        precision=tracer.precision,
        best=tracer.best,
        points=points,
    )


def _curve_points(scores: NDArray[np.float64], hits: Counts, wrong: Counts) -> Points:
    """Turn ascending columns into points with falling thresholds."""
    return Points(
        thresholds=tuple(scores[::-1].tolist()),
        true_positives=tuple(hits[::-1].tolist()),
        false_positives=tuple(wrong[::-1].tolist()),
    )


def _scores(keys: Keys) -> NDArray[np.float64]:
    """Unpack the scores of keys."""
    kind = np.float64 if keys.itemsize == 8 else np.float32
    return (keys >> 1).view(kind).astype(np.float64)
