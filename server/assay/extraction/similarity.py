"""ANLS, the average normalised Levenshtein similarity of Biten et al. (ICCV 2019), of two texts.

To the bit the score of the published package `anls` with its default threshold τ = 0.5.
"""

from __future__ import annotations

from typing import Final

from rapidfuzz.distance import Levenshtein

TAU: Final = 0.5
MAX_TEXT: Final = 20_000
"""Letters of a cell that a column of a table weighs; a longer cell is aligned by equality."""
MAX_EDITS: Final = 5_000_000_000
"""Letters × edits of two texts beyond which the ANLS is not known: 50 000 edits of 100 000 letters.

The distance takes time in proportion to both.
"""


def plain(text: str) -> str:
    """Return the form in which ANLS compares: lower case, single spaces."""
    return " ".join(text.strip().lower().split())


def anls(expected: str, extracted: str) -> float | None:
    """Return 1 - d/n, or 0 where d/n is 0.5 or more: d edits, n the longer text's length.

    None where the texts are longer than 100 000 letters and more edits lie between them than
    MAX_EDITS allows.
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
    within = min(limit, MAX_EDITS // length)
    distance = Levenshtein.distance(one, other, score_cutoff=within, score_hint=within // 8)
    if distance > within:
        return 0.0 if within == limit else None
    share = distance / length
    return 1 - share if share < TAU else 0.0
