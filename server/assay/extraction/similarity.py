"""ANLS, the average normalised Levenshtein similarity of Biten et al. (ICCV 2019), of two texts.

To the bit the score of the published package `anls` with its default threshold τ = 0.5.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from rapidfuzz.distance import Levenshtein

TAU: Final = 0.5
MAX_TEXT: Final = 20_000
"""Characters between what two texts begin and end with alike; beyond, the ANLS is not known.

The distance takes time that is quadratic in them.
"""


def plain(text: str) -> str:
    """Return the form in which ANLS compares: lower case, single spaces."""
    return " ".join(text.strip().lower().split())


def anls(expected: str, extracted: str) -> float | None:
    """Return 1 - d/n, or 0 where d/n is 0.5 or more: d edits, n the longer text's length.

    None where the texts differ in more than MAX_TEXT characters at a stretch.
    """
    return plain_anls(plain(expected), plain(extracted))


def plain_anls(one: str, other: str) -> float | None:
    """Return the ANLS of texts that are plain already; None where it is not known."""
    if one == other:
        return 1.0
    if not one or not other:
        return 0.0
    # The package measures the length in upper case, in which ß has two letters.
    length = max(len(one.upper()), len(other.upper()))
    limit = length // 2
    if max(len(one), len(other)) > MAX_TEXT:
        one, other = _middles(one, other)
        if max(len(one), len(other)) > MAX_TEXT:
            return None
    distance = Levenshtein.distance(one, other, score_cutoff=limit)
    share = distance / length
    return 1 - share if distance <= limit and share < TAU else 0.0


def _middles(one: str, other: str) -> tuple[str, str]:
    """Return the texts without what both begin and both end with: their distance is the same."""
    shorter = min(len(one), len(other))
    start = bisect_left(range(1, shorter + 1), True, key=lambda n: one[:n] != other[:n])
    one, other = one[start:], other[start:]
    shorter = min(len(one), len(other))
    end = bisect_left(
        range(1, shorter + 1), True, key=lambda n: one[len(one) - n :] != other[len(other) - n :]
    )
    return one[: len(one) - end], other[: len(other) - end]
