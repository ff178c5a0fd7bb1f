"""Exact order statistics of residuals at bounded memory, and their histogram: the second phase.

1. Every chunk adds to Residuals.
2. `residual_ranges` names the bins that hold a wanted rank, in as few readings as memory allows.
3. `count_residuals` reads the stored rows once, keeps what lies in those bins and picks the ranks;
   a bin that is too full is cut within until it fits.
4. ResidualCounts merge; `summarize` interpolates the quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from assay.metrics.residuals import (
    Floats,
    Residuals,
    bin_keys,
    ordered_keys,
    residuals_of,
    value_of,
)

QUANTILES = ("0.01", "0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95", "0.99")
HISTOGRAM_BINS = 50
MAX_ROWS = 6_000_000  # 48 MB of keys
_SPLITS = 4096  # buckets that a bin too full is cut into

ResidualChunks = Callable[[], Iterable[tuple[Floats, Floats]]]
Ranked = tuple[bool, int]  # (of magnitudes, rank from 0)


@dataclass(frozen=True, kw_only=True)
class ResidualBucket:
    """Values whose keys lie in [low, high), and the ranks wanted among them."""

    absolute: bool  # of magnitudes instead of residuals
    low: int
    high: int
    rows: int
    below: int  # rows with lower keys
    ranks: tuple[int, ...]  # from 0, among all rows


@dataclass(frozen=True, kw_only=True)
class ResidualRange:
    """What one reading of the stored rows looks for."""

    buckets: tuple[ResidualBucket, ...]
    edges: tuple[float, ...] = ()  # of the histogram, in one reading alone


@dataclass(frozen=True, kw_only=True)
class ResidualCounts:
    """Values at ranks, and the histogram's counts once they are counted."""

    values: Mapping[Ranked, float]
    histogram: tuple[int, ...] = ()

    @classmethod
    def merge_all(cls, parts: Iterable[ResidualCounts]) -> ResidualCounts:
        """Unite. Raises ValueError when two readings differ about a rank or the histogram."""
        values: dict[Ranked, float] = {}
        histogram: tuple[int, ...] = ()
        for part in parts:
            for rank, value in part.values.items():
                if values.setdefault(rank, value) != value:
                    raise ValueError(f"rank {rank} was found to be {values[rank]} and {value}")
            if histogram and part.histogram not in {(), histogram}:
                raise ValueError("the histogram of residuals was counted twice, differently")
            histogram = histogram or part.histogram
        return cls(values=dict(sorted(values.items())), histogram=histogram)


@dataclass(frozen=True, kw_only=True)
class ResidualSummary:
    """How residuals y - p are spread; every row counts once."""

    quantiles: Mapping[str, float]  # by QUANTILES, interpolated linearly as numpy does
    minimum: float
    maximum: float
    edges: tuple[float, ...]  # 51 of 50 bins of equal width, [low, high), the last closed
    counts: tuple[int, ...]


def residual_ranges(
    residuals: Residuals | None, *, max_rows: int = MAX_ROWS
) -> tuple[ResidualRange, ...]:
    """Name what must be read again; nothing without rows."""
    if residuals is None or not residuals.bins.total:
        return ()
    buckets = _buckets(residuals)
    groups: list[list[ResidualBucket]] = [[]]
    for bucket in buckets:
        if groups[-1] and sum(each.rows for each in groups[-1]) + bucket.rows > max_rows:
            groups.append([])
        groups[-1].append(bucket)
    return tuple(
        ResidualRange(buckets=tuple(group), edges=() if index else _edges(residuals))
        for index, group in enumerate(groups)
    )


def count_residuals(
    read: ResidualChunks, target: ResidualRange, *, max_rows: int = MAX_ROWS
) -> ResidualCounts:
    """Find the wanted ranks, holding at most `max_rows` keys at once.

    `read()` gives all rows anew each time, as chunks of (n,) truth and (n,) prediction. Raises
    ValueError when the rows are not those that were planned for.
    """
    fitting = [bucket for bucket in target.buckets if bucket.rows <= max_rows]
    kept: list[list[NDArray[np.int64]]] = [[] for _ in fitting]
    inner = np.array(target.edges[1:-1])
    histogram = np.zeros(max(0, len(target.edges) - 1), dtype=np.int64)
    for true, predicted in read():
        residuals = residuals_of(true, predicted)
        keys = {flag: _keys(residuals, absolute=flag) for flag in {p.absolute for p in fitting}}
        for held, bucket in zip(kept, fitting, strict=True):
            ours = keys[bucket.absolute]
            held.append(ours[(ours >= bucket.low) & (ours < bucket.high)])
        if len(histogram):
            indices = np.searchsorted(inner, residuals, side="right")
            histogram += np.bincount(indices, minlength=len(histogram))
    values: dict[Ranked, float] = {}
    for bucket, held in zip(fitting, kept, strict=True):
        values |= _pick(bucket, np.concatenate(held) if held else np.empty(0, dtype=np.int64))
    for bucket in target.buckets:
        if bucket.rows > max_rows:
            values |= _cut(read, bucket, max_rows)
    return ResidualCounts(values=values, histogram=tuple(histogram.tolist()))


def median_error(residuals: Residuals, counts: ResidualCounts) -> float:
    """Return the median of |y - p|. Raises ValueError where its ranks were not counted."""
    rows = residuals.bins.total
    return _between(counts, Fraction(rows - 1, 2), absolute=True)


def summarize(residuals: Residuals, counts: ResidualCounts) -> ResidualSummary | None:
    """Return the summary; None where a residual is beyond float64."""
    rows = residuals.bins.total
    if max(residuals.high, -residuals.low) == np.inf:
        return None
    quantiles = {
        name: _between(counts, (rows - 1) * Fraction(name), absolute=False) for name in QUANTILES
    }
    edges = _edges(residuals)
    if sum(counts.histogram) != rows or len(counts.histogram) != len(edges) - 1:
        raise ValueError(f"the histogram counted {sum(counts.histogram)} of {rows} residuals")
    return ResidualSummary(
        quantiles=quantiles,
        minimum=residuals.low,
        maximum=residuals.high,
        edges=edges,
        counts=counts.histogram,
    )


def _buckets(residuals: Residuals) -> list[ResidualBucket]:
    """Return the bins that hold wanted ranks, each once."""
    rows = residuals.bins.total
    quantiles = [(rows - 1) * Fraction(name) for name in QUANTILES]
    wanted = {False: _neighbours(quantiles), True: _neighbours([Fraction(rows - 1, 2)])}
    buckets: list[ResidualBucket] = []
    for absolute, ranks in wanted.items():
        counts = residuals.counts(absolute=absolute)
        ends = np.cumsum(counts)
        indices = np.searchsorted(ends, ranks, side="right")
        for index in np.unique(indices).tolist():
            low, high = bin_keys(index)
            ours = [rank for rank, at in zip(ranks, indices.tolist(), strict=True) if at == index]
            buckets.append(
                ResidualBucket(
                    absolute=absolute,
                    low=low,
                    high=high,
                    rows=int(counts[index]),
                    below=int(ends[index] - counts[index]),
                    ranks=tuple(ours),
                )
            )
    return buckets


def _neighbours(indices: Iterable[Fraction]) -> list[int]:
    """Return the ranks on both sides of each position."""
    return sorted({rank for index in indices for rank in (int(index), -int(-index // 1))})


def _between(counts: ResidualCounts, index: Fraction, *, absolute: bool) -> float:
    low, high = _neighbours([index])[0], _neighbours([index])[-1]
    try:
        below, above = counts.values[absolute, low], counts.values[absolute, high]
    except KeyError as error:
        raise ValueError(f"the residual of rank {error} was not counted") from error
    if np.inf in {abs(below), abs(above)}:
        raise OverflowError("a residual is beyond float64")
    return float(Fraction(below) + (Fraction(above) - Fraction(below)) * (index - low))


def _edges(residuals: Residuals) -> tuple[float, ...]:
    low, high = residuals.low, residuals.high
    if max(high, -low) == np.inf:
        return ()
    bins = HISTOGRAM_BINS if low < high else 1
    width = (Fraction(high) - Fraction(low)) / bins
    return tuple(float(Fraction(low) + index * width) for index in range(bins + 1))


def _keys(residuals: Floats, *, absolute: bool) -> NDArray[np.int64]:
    return ordered_keys(np.abs(residuals) if absolute else residuals)


def _pick(bucket: ResidualBucket, keys: NDArray[np.int64]) -> dict[Ranked, float]:
    """Sort a bucket's keys and return the values at its ranks."""
    if len(keys) != bucket.rows:
        raise ValueError(f"{bucket} holds {len(keys)} rows, its histogram counted {bucket.rows}")
    keys.sort()
    indices = np.array(bucket.ranks) - bucket.below
    values = (value_of(key) for key in keys[indices].tolist())
    return {(bucket.absolute, rank): v for rank, v in zip(bucket.ranks, values, strict=True)}


def _cut(read: ResidualChunks, bucket: ResidualBucket, max_rows: int) -> dict[Ranked, float]:
    """Cut a bucket that is too full into equal ones of its key space, and count in those."""
    step = max(1, -(-(bucket.high - bucket.low) // _SPLITS))
    rows = np.zeros(_SPLITS, dtype=np.int64)
    for true, predicted in read():
        keys = _keys(residuals_of(true, predicted), absolute=bucket.absolute)
        keys = keys[(keys >= bucket.low) & (keys < bucket.high)]
        rows += np.bincount((keys - bucket.low) // step, minlength=_SPLITS)
    if int(rows.sum()) != bucket.rows:
        raise ValueError(f"{bucket} holds {rows.sum()} rows, its histogram counted {bucket.rows}")
    ends = np.cumsum(rows) + bucket.below
    indices = np.searchsorted(ends, bucket.ranks, side="right").tolist()
    values: dict[Ranked, float] = {}
    for index in sorted(set(indices)):
        ours = tuple(rank for rank, at in zip(bucket.ranks, indices, strict=True) if at == index)
        low = bucket.low + index * step
        if step == 1:  # one value, shared by all of its rows
            values |= {(bucket.absolute, rank): value_of(low) for rank in ours}
            continue
        inner = ResidualBucket(
            absolute=bucket.absolute,
            low=low,
            high=min(low + step, bucket.high),
            rows=int(rows[index]),
            below=int(ends[index] - rows[index]),
            ranks=ours,
        )
        result = count_residuals(read, ResidualRange(buckets=(inner,)), max_rows=max_rows)
        values |= result.values
    return values
