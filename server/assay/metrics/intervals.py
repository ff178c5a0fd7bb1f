"""Confidence intervals of proportions and areas, and tests of two runs on the same rows.

Wilson: Wilson, J. Am. Stat. Assoc. 22 (1927). DeLong: DeLong, DeLong and Clarke-Pearson,
Biometrics 44 (1988), from exact sums of placements. McNemar: the exact binomial form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy import special

from assay.metrics.arithmetic.integer_dot import exact_dot
from assay.metrics.rank_counts import Placements, RankCounts

_EXACT_TRIALS = 2000  # binomial tails of up to so many trials are summed as integers


@dataclass(frozen=True, kw_only=True)
class Interval:
    """low <= value <= high at a confidence level such as 0.95."""

    low: float
    high: float
    level: float
    method: str  # "wilson", "delong" or "bootstrap"


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Whether two classifiers err equally often on the same rows."""

    only_first: int  # rows that the first alone has right
    only_second: int
    p_value: float  # two-sided and exact; 1 when the two never differ


@dataclass(frozen=True, kw_only=True)
class PairedAreas:
    """Two ROC AUCs of the same rows, and their difference with its interval and p-value."""

    first: float
    second: float
    difference: float  # first - second
    interval: Interval | None  # None and p_value None: fewer than two rows of either class
    p_value: float | None  # two-sided; 1 where the areas never differ


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval | None:
    """Return the score interval of a proportion; None without trials."""
    z = _quantile(level)
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    if not trials:
        return None
    share, z2 = successes / trials, z * z / trials
    middle = share + z2 / 2
    half = z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials))
    return Interval(
        low=max(0.0, (middle - half) / (1 + z2)) if successes else 0.0,
        high=min(1.0, (middle + half) / (1 + z2)) if successes < trials else 1.0,
        level=level,
        method="wilson",
    )


def delong(counts: RankCounts, column: int, level: float = 0.95) -> Interval | None:
    """Return the interval of a column's ROC AUC, cut at 0 and 1.

    None where rows have weights, or either class has fewer than two rows.
    """
    z = _quantile(level)
    placements, area = counts.placements(column), counts.auc(column)
    variance = None if placements is None else area_variance(placements)
    if variance is None or area is None:
        return None
    return _around(float(area), math.sqrt(variance), z, level, low=0.0)


def area_variance(placements: Placements) -> Fraction | None:
    """Return DeLong's variance of an area, exactly; None below two rows of either class."""
    m, n, wins = placements.positives, placements.negatives, placements.twice_wins
    if min(m, n) < 2:
        return None
    # Placements are v / (2n) of positives and v / (2m) of negatives; wins are the sum of either.
    positive = (placements.positive_squares - Fraction(wins**2, m)) / (4 * n * n * (m - 1) * m)
    negative = (placements.negative_squares - Fraction(wins**2, n)) / (4 * m * m * (n - 1) * n)
    return positive + negative


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Test the rows on which exactly one of two classifiers is right."""
    if min(only_first, only_second) < 0:
        raise ValueError("numbers of rows are not negative")
    return McNemar(
        only_first=only_first,
        only_second=only_second,
        p_value=_two_sided(min(only_first, only_second), only_first + only_second),
    )


def delong_paired(
    positive: NDArray[np.bool_],
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    level: float = 0.95,
) -> PairedAreas | None:
    """Compare the areas of two (n,) score columns of the same rows; None with one class alone.

    Memory is a few words a row. Placements are integers, so only the last steps round.
    """
    z = _quantile(level)
    if not positive.shape == first.shape == second.shape:
        raise ValueError(f"shapes {positive.shape}, {first.shape} and {second.shape} differ")
    m = int(np.count_nonzero(positive))
    n = len(positive) - m
    if not m or not n:
        return None
    wins, losses = zip(*(_placements(positive, scores) for scores in (first, second)), strict=True)
    areas = [Fraction(int(each.sum()), 2 * m * n) for each in wins]
    difference = areas[0] - areas[1]
    interval = p_value = None
    if min(m, n) >= 2:
        variance = _spread(wins) / (4 * n * n * m) + _spread(losses) / (4 * m * m * n)
        deviation = math.sqrt(variance)
        interval = _around(float(difference), deviation, z, level, low=-1.0)
        p_value = _normal_tails(float(difference), deviation)
    return PairedAreas(
        first=float(areas[0]),
        second=float(areas[1]),
        difference=float(difference),
        interval=interval,
        p_value=p_value,
    )


def _quantile(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not at {level}")
    return float(special.ndtri(0.5 + level / 2))


def _around(value: float, deviation: float, z: float, level: float, *, low: float) -> Interval:
    return Interval(
        low=max(low, value - z * deviation),
        high=min(1.0, value + z * deviation),
        level=level,
        method="delong",
    )


def _normal_tails(value: float, deviation: float) -> float:
    if deviation == 0.0:
        return 1.0 if value == 0.0 else 0.0
    return float(2 * special.ndtr(-abs(value) / deviation))


def _two_sided(fewer: int, trials: int) -> float:
    """Return the chance of a split at least as uneven, of fair coins."""
    if 2 * fewer >= trials:
        return 1.0
    if trials > _EXACT_TRIALS:
        return min(1.0, 2 * float(special.bdtr(fewer, trials, 0.5)))
    ways = term = 1
    for index in range(fewer):
        term = term * (trials - index) // (index + 1)
        ways += term
    return min(1.0, 2 * ways / (1 << trials))


def _placements(
    positive: NDArray[np.bool_], scores: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return per positive 2 · below + tied negatives, and per negative 2 · above + tied positives."""
    above, below = scores[positive], scores[~positive]
    ups, downs = np.sort(above), np.sort(below)
    wins = np.searchsorted(downs, above, side="left") + np.searchsorted(downs, above, side="right")
    under = np.searchsorted(ups, below, side="left") + np.searchsorted(ups, below, side="right")
    return wins, 2 * len(ups) - under


def _spread(placements: tuple[NDArray[np.int64], ...]) -> Fraction:
    """Return the sample variance of the differences of two runs' placements."""
    difference = placements[0] - placements[1]
    rows, size = len(difference), np.abs(difference)
    squares = exact_dot(size, size)
    return (squares - Fraction(int(difference.sum()) ** 2, rows)) / (rows - 1)
