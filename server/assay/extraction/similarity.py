"""ANLS, the average normalised Levenshtein similarity of Biten et al. (ICCV 2019), of two texts.

To the bit the score of the published package `anls` with its default threshold τ = 0.5.
"""

from __future__ import annotations

from typing import Final

from rapidfuzz.distance import Levenshtein

TAU: Final = 0.5
MAX_TEXT: Final = 20_000
"""Longer texts are 1 if they are equal and 0 if not: the distance takes quadratic time."""


def plain(text: str) -> str:
    """Return the form in which ANLS compares: lower case, single spaces."""
    return " ".join(text.strip().lower().split())


def anls(expected: str, extracted: str) -> float:
    """Return 1 - d/n, or 0 where d/n is 0.5 or more: d edits, n the longer text's length."""
    return plain_anls(plain(expected), plain(extracted))


def plain_anls(one: str, other: str) -> float:
    """Return the ANLS of texts that are plain already."""
    if one == other:
        return 1.0
    if not one or not other or len(one) > MAX_TEXT or len(other) > MAX_TEXT:
        return 0.0
    # The package measures the length in upper case, in which ß has two letters.
    length = max(len(one.upper()), len(other.upper()))
    limit = length // 2
    distance = Levenshtein.distance(one, other, score_cutoff=limit)
    share = distance / length
    return 1 - share if distance <= limit and share < TAU else 0.0
