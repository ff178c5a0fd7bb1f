"""Exact ROC AUC at bounded memory: scores are sorted range by range and counted in integers.

1. Every chunk adds to a RankHistogram.
2. `rank_ranges` cuts each column into score ranges that hold at most `max_rows` rows.
3. `count_range` re-reads the stored column, keeps the rows of one range as packed integers
   (score bits << 1 | positive), sorts them and counts pairs. A range that is still too full is
   cut again inside, and a single score that many rows share is counted without being kept.
4. Ranges merge; the area is twice-counted wins over twice the pairs, an exact rational.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from assay.metrics.chunk import Scores
from assay.metrics.codec import CodecError, Reader, Writer
from assay.metrics.histogram import RankHistogram, bin_edge
from assay.metrics.tally import Counts

KIND = b"R"
MICRO = -1  # the column that pools all columns
MAX_ROWS = 6_000_000  # 48 MB of packed keys
_BLOCK = 1 << 18
_SPLITS = 4096  # pieces that a range too full is cut into

Keys = NDArray[np.unsignedinteger]
RankChunks = Callable[[], Iterable[tuple[NDArray[np.bool_], Scores]]]


@dataclass(frozen=True, kw_only=True, order=True)
class RankRange:
    """The rows of one score column with low <= score < high."""

    column: int  # index of the score column, or MICRO
    low: float
    high: float
    rows: int  # how many the histogram says there are


@dataclass(frozen=True, kw_only=True, order=True)
class RangeCounts:
    """Pairs counted inside one range."""

    column: int
    low: float
    high: float
    positives: int
    negatives: int
    twice_wins: int  # 2 * (pairs ranked right) + (tied pairs)


@dataclass(frozen=True, kw_only=True)
class RankCounts:
    """Counted ranges of any columns; merging is the sorted union of disjoint ranges."""

    ranges: tuple[RangeCounts, ...] = ()

    @classmethod
    def merge_all(cls, parts: Iterable[RankCounts]) -> RankCounts:
        """Unite. Raises ValueError when two ranges of a column overlap."""
        ranges = sorted(entry for part in parts for entry in part.ranges)
        for before, after in pairwise(ranges):
            if before.column == after.column and after.low < before.high:
                raise ValueError(f"score ranges overlap: {before} and {after}")
        return cls(ranges=tuple(ranges))

    def totals(self, column: int) -> tuple[int, int]:
        """Return (positives, negatives) counted in a column."""
        ours = [entry for entry in self.ranges if entry.column == column]
        return sum(entry.positives for entry in ours), sum(entry.negatives for entry in ours)

    def auc(self, column: int) -> Fraction | None:
        """Return the exact area under the ROC curve, ties counted half; None if undefined."""
        below = twice = positives = 0
        for entry in self.ranges:
            if entry.column == column:
                twice += entry.twice_wins + 2 * below * entry.positives
                below += entry.negatives
                positives += entry.positives
        return Fraction(twice, 2 * positives * below) if positives and below else None

    def to_bytes(self) -> bytes:
        """Encode; equal counts give equal bytes."""
        writer = Writer()
        writer.count(len(self.ranges))
        for entry in self.ranges:
            writer.integer(entry.column)
            for edge in (entry.low, entry.high):
                writer.blob(np.float64(edge).tobytes())
            for number in (entry.positives, entry.negatives, entry.twice_wins):
                writer.count(number)
        return writer.seal(KIND)

    @classmethod
    def from_bytes(cls, data: bytes) -> RankCounts:
        """Decode. Raises CodecError."""
        reader = Reader.unseal(data, KIND)
        ranges = tuple(_read_range(reader) for _ in range(reader.count()))
        reader.end()
        try:
            merged = cls.merge_all([cls(ranges=ranges)])
        except ValueError as error:
            raise CodecError(str(error)) from error
        return merged


def rank_ranges(
    histogram: RankHistogram,
    *,
    max_rows: int = MAX_ROWS,
    columns: Sequence[int] | None = None,
    micro: bool = False,
) -> tuple[RankRange, ...]:
    """Cut columns (default: all; `micro` adds the pooled one) into ranges to be counted.

    A column whose rows are all positive or all negative has no ranges. A range holds more
    than `max_rows` rows only where one bin does; `count_range` cuts that further.
    """
    ranges: list[RankRange] = []
    for column in range(histogram.columns) if columns is None else columns:
        ranges += _cut_column(column, histogram.column(column), max_rows)
    if micro:
        ranges += _cut_column(MICRO, histogram.pooled(), max_rows)
    return tuple(ranges)


def count_range(read: RankChunks, target: RankRange, *, max_rows: int = MAX_ROWS) -> RankCounts:
    """Count one range, holding at most `max_rows` packed keys.

    `read()` gives the whole column anew each time, as chunks of (n,) booleans (is the truth the
    column's label) and (n,) scores in [0, 1], float32 or float64, of one width; for MICRO every
    column's chunks one after another. Raises ValueError when the rows are not `target.rows`.
    """
    if target.rows > max_rows:
        return _count_split(read, target, max_rows)
    keys = _collect(read, target)
    keys.sort()
    return RankCounts(ranges=(_count_sorted(keys, target),))


def _cut_column(column: int, counts: Counts, max_rows: int) -> list[RankRange]:
    """Group neighbouring bins greedily."""
    if not counts.sum(axis=0).all():
        return []
    rows = counts.sum(axis=1)
    return [
        RankRange(
            column=column,
            low=bin_edge(start),
            high=bin_edge(stop),
            rows=int(rows[start:stop].sum()),
        )
        for start, stop in _group(rows, max_rows)
    ]


def _inside(scores: Scores, target: RankRange) -> NDArray[np.bool_] | None:
    """Return the mask of rows in the range; None when every score can only be inside."""
    if target.low <= 0.0 and target.high > 1.0:
        return None
    low, high = (_at_least(edge, scores.dtype) for edge in (target.low, target.high))
    mask: NDArray[np.bool_] = (scores >= low) & (scores < high)
    return mask


def _at_least(edge: float, kind: np.dtype[np.floating]) -> np.floating:
    """Return the smallest float of a width that is not below `edge`."""
    rounded = kind.type(edge)
    return rounded if float(rounded) >= edge else np.nextafter(rounded, kind.type(4.0))


def _collect(read: RankChunks, target: RankRange) -> Keys:
    """Read the column once and return the packed keys of a range, unsorted."""
    keys: Keys | None = None
    filled = 0
    for positive, scores in read():
        mask = _inside(scores, target)
        ours, hits = (scores, positive) if mask is None else (scores[mask], positive[mask])
        if keys is None:
            keys = np.empty(target.rows, dtype=f"u{scores.itemsize}")
        if keys.itemsize != scores.itemsize:
            raise ValueError("the chunks of one score column have different widths")
        if filled + len(ours) > target.rows:
            raise ValueError(f"{target} holds more rows than its histogram counted")
        packed = keys[filled : filled + len(ours)]
        np.add(ours, 0, out=packed.view(ours.dtype))  # adding zero turns -0.0 into 0.0
        packed <<= 1
        packed |= hits
        filled += len(ours)
    if filled != target.rows or keys is None:
        raise ValueError(f"{target} holds {filled} rows, its histogram counted {target.rows}")
    return keys


def _count_sorted(keys: Keys, target: RankRange) -> RangeCounts:
    """Count the pairs of sorted packed keys.

    Among equal scores negatives sort first, so a positive at place i, the j-th positive, stands
    above i - j negatives, tied ones included; those pairs are then taken back once.
    """
    places = positives = tied = 0
    for start in range(0, len(keys), _BLOCK):
        block = keys[start : start + _BLOCK + 1]
        hit = np.flatnonzero(block[:_BLOCK] & 1)
        places += int(hit.sum()) + start * len(hit)
        positives += len(hit)
        turns = np.flatnonzero(((block[1:] ^ block[:-1]) == 1) & (block[1:] & 1 == 1))
        if len(turns):
            tied += _tied_pairs(keys, turns + start)
    wins_and_ties = places - positives * (positives - 1) // 2
    return RangeCounts(
        column=target.column,
        low=target.low,
        high=target.high,
        positives=positives,
        negatives=len(keys) - positives,
        twice_wins=2 * wins_and_ties - tied,
    )


def _tied_pairs(keys: Keys, turns: NDArray[np.intp]) -> int:
    """Return the tied pairs at places where a negative is followed by a positive of its score."""
    negatives = turns + 1 - np.searchsorted(keys, keys[turns], side="left")
    positives = np.searchsorted(keys, keys[turns + 1], side="right") - (turns + 1)
    return int((negatives * positives).sum())  # at most n²/4, which int64 holds for n < 6e9


def _count_split(read: RankChunks, target: RankRange, max_rows: int) -> RankCounts:
    """Cut a range that is too full into equal pieces of its key space and count each."""
    first, last = _bits(target.low), _bits(target.high)
    step = max(1, math.ceil((last - first) / _SPLITS))
    counts = _piece_counts(read, target, first, step)
    rows = counts.sum(axis=1)
    parts: list[RankCounts] = []
    for start, stop in _group(rows, max_rows):
        part = RankRange(
            column=target.column,
            low=_score(first + start * step),
            high=min(_score(first + stop * step), target.high),
            rows=int(rows[start:stop].sum()),
        )
        if step == 1 and part.rows > max_rows:  # one score, shared by more rows than may be held
            parts.append(_all_tied(part, counts[start]))
        else:
            parts.append(count_range(read, part, max_rows=max_rows))
    return RankCounts.merge_all(parts)


def _group(rows: Counts, max_rows: int) -> list[tuple[int, int]]:
    """Group neighbouring pieces greedily to at most `max_rows`, each group trimmed of empty ends.

    A piece that holds more stands alone; so cutting it again always narrows the range.
    """
    groups: list[tuple[int, int]] = []
    held = 0
    for piece in np.flatnonzero(rows).tolist():
        size = int(rows[piece])
        if groups and held + size <= max_rows:
            groups[-1] = (groups[-1][0], piece + 1)
            held += size
        else:
            groups.append((piece, piece + 1))
            held = size
    return groups


def _piece_counts(read: RankChunks, target: RankRange, first: int, step: int) -> Counts:
    """Return (_SPLITS, 2) counts of negatives and positives per piece of the key space."""
    counts = np.zeros(2 * _SPLITS, dtype=np.int64)
    for positive, scores in read():
        mask = _inside(scores, target)
        ours, hits = (scores, positive) if mask is None else (scores[mask], positive[mask])
        pieces = (ours.astype(np.float64) + 0.0).view(np.int64) - first
        counts += np.bincount(pieces // step * 2 + hits, minlength=2 * _SPLITS)
    return counts.reshape(_SPLITS, 2)


def _all_tied(target: RankRange, counts: Counts) -> RankCounts:
    """Count a range of one score: every pair is tied."""
    negatives, positives = (int(count) for count in counts)
    entry = RangeCounts(
        column=target.column,
        low=target.low,
        high=target.high,
        positives=positives,
        negatives=negatives,
        twice_wins=positives * negatives,
    )
    return RankCounts(ranges=(entry,))


def _bits(score: float) -> int:
    return int(np.float64(score).view(np.int64))


def _score(bits: int) -> float:
    return float(np.int64(bits).view(np.float64))


def _read_range(reader: Reader) -> RangeCounts:
    column = reader.integer()
    edges = [reader.blob(), reader.blob()]
    if any(len(edge) != 8 for edge in edges):
        raise CodecError("a score range of the statistic is malformed")
    low, high = (float(np.frombuffer(edge, dtype="<f8")[0]) for edge in edges)
    numbers = [reader.count() for _ in range(3)]
    if not low < high or column < MICRO or numbers[2] > 2 * numbers[0] * numbers[1]:
        raise CodecError("a score range of the statistic is malformed")
    return RangeCounts(
        column=column,
        low=low,
        high=high,
        positives=numbers[0],
        negatives=numbers[1],
        twice_wins=numbers[2],
    )
