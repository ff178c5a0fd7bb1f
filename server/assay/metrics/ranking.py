"""Exact ROC AUC and curves at bounded memory: scores are sorted range by range and counted.

1. Every chunk adds to a RankHistogram.
2. `rank_ranges` cuts each column into score ranges that hold at most `max_rows` rows, and tells
   each how many rows of either kind lie above it.
3. `count_range` re-reads the stored column, keeps the rows of one range as packed integers
   (score bits << 1 | positive), sorts them and counts. A range that is still too full is cut again
   inside, and a single score that many rows share is counted without being kept.
4. Ranges merge; the area is twice-counted wins over twice the pairs, an exact rational.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from assay.metrics.histogram import RankHistogram, RankWeights, bin_edge
from assay.metrics.rank_counts import MICRO, RangeCounts, RankCounts, RankRange, Totals
from assay.metrics.rank_kernels import Groups, Keys, count_groups, count_sorted, group
from assay.metrics.sparse_counts import Counts
from assay.records.predictions import Scores
from assay.records.weights import Weights

__all__ = [
    "MAX_ROWS",
    "MICRO",
    "RangeCounts",
    "RankChunks",
    "RankCounts",
    "RankRange",
    "count_range",
    "rank_ranges",
]

MAX_ROWS = 6_000_000  # 48 MB of packed keys and, at most, 24 MB of places
_WEIGHTED = 5  # rows with weights take as much memory as this many without
_SPLITS = 4096  # parts that a range too full is cut into

Block = tuple[NDArray[np.bool_], Scores] | tuple[NDArray[np.bool_], Scores, Weights]
RankChunks = Callable[[], Iterable[Block]]


def rank_ranges(
    histogram: RankHistogram,
    *,
    max_rows: int = MAX_ROWS,
    micro: bool = False,
    weights: RankWeights | None = None,
) -> tuple[RankRange, ...]:
    """Cut all columns (`micro` adds the pooled one) into ranges to be counted.

    Where rows have weights their histogram belongs to it. A column whose rows are all positive or
    all negative has no ranges. A range holds more rows than `max_rows`, or a fifth of it with
    weights, only where one bin does; `count_range` cuts that further.
    """
    limit = max_rows if weights is None else max(1, max_rows // _WEIGHTED)
    ranges: list[RankRange] = []
    for column in (*range(histogram.columns), *([MICRO] if micro else [])):
        rows = histogram.pooled() if column == MICRO else histogram.column(column)
        if weights is not None:
            heavy = weights.pooled() if column == MICRO else weights.column(column)
            rows = np.concatenate([rows, heavy], axis=1)
        ranges += _cut_column(column, rows, limit)
    return tuple(ranges)


def count_range(read: RankChunks, target: RankRange, *, max_rows: int = MAX_ROWS) -> RankCounts:
    """Count one range, holding at most `max_rows` packed keys.

    `read()` gives the whole column anew each time, as chunks of (n,) booleans (is the truth the
    column's label), (n,) scores in [0, 1], float32 or float64, of one width, and where rows have
    weights (n,) millionths; for MICRO every column's chunks one after another. Raises ValueError
    when the rows are not `target.rows`.
    """
    if target.rows > max_rows:
        return _count_split(read, target, max_rows)
    keys, weights = _collect(read, target)
    if weights is not None:
        counts = count_groups(group(keys, weights), target, weighted=True)
        return RankCounts(ranges=(counts,))
    keys.sort()
    return RankCounts(ranges=(count_sorted(keys, target),))


def _cut_column(column: int, counts: Counts, max_rows: int) -> list[RankRange]:
    """Group neighbouring bins greedily; counts are (BINS, 2 or 4) in the order of Totals."""
    whole = counts.sum(axis=0)
    if not whole[:2].all():
        return []
    rows = counts[:, 0] + counts[:, 1]
    return [
        RankRange(
            column=column,
            low=bin_edge(start),
            high=bin_edge(stop),
            rows=int(rows[start:stop].sum()),
            above=Totals.of(counts[stop:].sum(axis=0).tolist()),
            whole=Totals.of(whole.tolist()),
        )
        for start, stop in _group(rows, max_rows)
    ]


def _rows_inside(read: RankChunks, target: RankRange) -> Iterator[Block]:
    """Read the column once, keeping what lies in the range."""
    for positive, scores, *weights in read():
        if target.low <= 0.0 and target.high > 1.0:  # every score can only be inside
            yield (positive, scores, *weights)  # type: ignore[misc]  # mypy loses a star's length
            continue
        low, high = (_at_least(edge, scores.dtype) for edge in (target.low, target.high))
        mask = scores >= low
        mask &= scores < high
        inside = mask.nonzero()[0]  # few are: gathering by index is three times as fast as by mask
        ours = (each.take(inside) for each in weights)
        yield (positive.take(inside), scores.take(inside), *ours)  # type: ignore[misc]  # as above


def _at_least(edge: float, kind: np.dtype[np.floating]) -> np.floating:
    """Return the smallest float of a width that is not below `edge`."""
    rounded = kind.type(edge)
    return rounded if float(rounded) >= edge else np.nextafter(rounded, kind.type(4.0))


def _collect(read: RankChunks, target: RankRange) -> tuple[Keys, Weights | None]:
    """Read the column once and return the packed keys of a range, unsorted, and the weights."""
    keys: Keys | None = None
    kept: Weights | None = None
    filled = 0
    for positive, scores, *weights in _rows_inside(read, target):
        if keys is None:
            keys = np.empty(target.rows, dtype=f"u{scores.itemsize}")
            kept = np.empty(target.rows, dtype=np.int64) if weights else None
        if keys.itemsize != scores.itemsize:
            raise ValueError("the chunks of one score column have different widths")
        if filled + len(scores) > target.rows:
            raise ValueError(f"{target} holds more rows than its histogram counted")
        packed = keys[filled : filled + len(scores)]
        np.add(scores, 0, out=packed.view(scores.dtype))  # adding zero turns -0.0 into 0.0
        packed <<= 1
        packed |= positive
        if kept is not None:
            kept[filled : filled + len(scores)] = weights[0]
        filled += len(scores)
    if filled != target.rows or keys is None:
        raise ValueError(f"{target} holds {filled} rows, its histogram counted {target.rows}")
    return keys, kept


def _count_split(read: RankChunks, target: RankRange, max_rows: int) -> RankCounts:
    """Cut a range that is too full into equal parts of its key space and count each."""
    first, last = _bits(target.low), _bits(target.high)
    step = max(1, math.ceil((last - first) / _SPLITS))
    counts, weighted = _piece_counts(read, target, first, step)
    rows = counts[:, :2].sum(axis=1)
    over = counts.sum(axis=0) - counts.cumsum(axis=0)
    parts: list[RankCounts] = []
    for start, stop in _group(rows, max_rows):
        higher = Totals.of(over[stop - 1].tolist())
        part = RankRange(
            column=target.column,
            low=_score(first + start * step),
            high=min(_score(first + stop * step), target.high),
            rows=int(rows[start:stop].sum()),
            above=None if target.above is None else target.above + higher,
            whole=target.whole,
        )
        if step == 1 and part.rows > max_rows:  # one score, shared by more rows than may be held
            one = Groups(scores=np.array([part.low]), totals=counts[start : start + 1])
            counted = count_groups(one, part, weighted=weighted)
            parts.append(RankCounts(ranges=(counted,)))
        else:
            parts.append(count_range(read, part, max_rows=max_rows))
    return RankCounts.merge_all(parts)


def _group(rows: Counts, max_rows: int) -> list[tuple[int, int]]:
    """Group neighbouring parts greedily to at most `max_rows`, each group trimmed of empty ends.

    A part that holds more stands alone; so cutting it again always narrows the range.
    """
    groups: list[tuple[int, int]] = []
    held = 0
    pieces = np.flatnonzero(rows)
    if len(pieces) and int(rows.sum()) <= max_rows:
        return [(int(pieces[0]), int(pieces[-1]) + 1)]
    for piece in pieces.tolist():
        size = int(rows[piece])
        if groups and held + size <= max_rows:
            groups[-1] = (groups[-1][0], piece + 1)
            held += size
        else:
            groups.append((piece, piece + 1))
            held = size
    return groups


def _piece_counts(
    read: RankChunks, target: RankRange, first: int, step: int
) -> tuple[Counts, bool]:
    """Return (_SPLITS, 4) totals per part of the key space, and whether rows have weights."""
    rows = np.zeros(2 * _SPLITS, dtype=np.int64)
    heavy = np.zeros(2 * _SPLITS, dtype=np.int64)
    weighted = False
    for positive, scores, *weights in _rows_inside(read, target):
        pieces = (scores.astype(np.float64) + 0.0).view(np.int64) - first
        cells = pieces // step * 2 + positive
        rows += np.bincount(cells, minlength=2 * _SPLITS)
        if weights:
            weighted = True
            np.add.at(heavy, cells, weights[0])
    sides = [rows.reshape(_SPLITS, 2), (heavy if weighted else rows).reshape(_SPLITS, 2)]
    return np.concatenate(sides, axis=1), weighted


def _bits(score: float) -> int:
    return int(np.float64(score).view(np.int64))


def _score(bits: int) -> float:
    return float(np.int64(bits).view(np.float64))
