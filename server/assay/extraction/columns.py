"""One column of two tables that are to be aligned: which of its values are the same."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from assay.extraction.compiled_schema import LeafField
from assay.extraction.normalizer import NormalizedValue, same_reading
from assay.extraction.similarity import MAX_TEXT, TAU, plain
from assay.extraction.text import normal_text
from assay.extraction.values import JSON, MISSING, canonical_text, number_text

MAX_FUZZY: Final = 4_000_000_000
"""Letters × letters of a column beyond which rows are aligned by its equal texts alone."""

MAX_LIKENESS: Final = 200
"""Letters of a cell from its beginning that count for how alike two cells are."""

Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """The cells of one leaf, expected and extracted.

    `digests` are texts that are equal exactly for equal raw values; `readings` what they mean.
    """

    leaf: LeafField
    cells: tuple[list[JSON], list[JSON]]
    digests: tuple[list[str], list[str]]
    readings: tuple[list[NormalizedValue], list[NormalizedValue]]

    @classmethod
    def of(cls, leaf: LeafField, expected: list[JSON], extracted: list[JSON]) -> Column:
        """Read the cells of both sides."""
        return cls(
            leaf=leaf,
            cells=(expected, extracted),
            digests=([digest(cell) for cell in expected], [digest(cell) for cell in extracted]),
            readings=([leaf.read(c) for c in expected], [leaf.read(c) for c in extracted]),
        )

    @property
    def by_key(self) -> bool:
        """Whether equal keys are all there is to sameness, which makes it transitive."""
        leaf = self.leaf
        if leaf.fuzzy or leaf.default_reading is not None:
            return False
        if not leaf.money:
            return True
        named = {cell.currencies for side in self.readings for cell in side if cell.key is not None}
        return len(named) <= 1

    def keys(self, rows: Sequence[int], others: Sequence[int]) -> tuple[Codes, Codes]:
        """Return numbers that are equal where normalised values are; none is for two absences."""
        one, other = self.readings
        return codes([one[row].key for row in rows], [other[row].key for row in others], -1, -2)

    def raw(self, rows: Sequence[int], others: Sequence[int]) -> tuple[Codes, Codes]:
        """Return numbers that are equal where the exact track is right, for two absences too."""
        default = self.leaf.default
        instead = None if default is None else digest(default)
        sides: list[list[Hashable]] = []
        for side, chosen in enumerate((rows, others)):
            digests, readings = self.digests[side], self.readings[side]
            sides.append([instead if readings[r].key is None else digests[r] for r in chosen])
        return codes(sides[0], sides[1], -1, -1)

    def correct(self, rows: Sequence[int], others: Sequence[int]) -> NDArray[np.bool_]:
        """Return (rows × others) whether each pair is correct, for any relation of sameness."""
        instead = self.leaf.default_reading
        one, other = self.readings
        absent = (
            np.array([one[row].key is None for row in rows]),
            np.array([other[row].key is None for row in others]),
        )
        if instead is None:
            mine, theirs = [one[row] for row in rows], [other[row] for row in others]
        else:
            mine = [instead if one[row].key is None else one[row] for row in rows]
            theirs = [instead if other[row].key is None else other[row] for row in others]
        same = _same(mine, theirs)
        if self.leaf.fuzzy:
            same |= self._similar(rows, others)
        neither: NDArray[np.bool_] = absent[0][:, None] & absent[1][None, :]
        return np.asarray(same & ~neither, dtype=bool)

    @property
    def worded(self) -> bool:
        """Whether the cells are words, which are not alike by chance as numbers and dates are."""
        return self.leaf.worded

    def edits(self, rows: Sequence[int], others: Sequence[int]) -> tuple[Codes, Codes]:
        """Return (rows × others) the edits between two cells' texts, and the longer one's length.

        Both are 0 for a column with more letters than MAX_FUZZY.
        """
        texts = [
            [self._letters(side, row) for row in chosen]
            for side, chosen in enumerate((rows, others))
        ]
        distinct = [sorted(set(side)) for side in texts]
        place = [{text: n for n, text in enumerate(side)} for side in distinct]
        one, other = ([place[side][text] for text in texts[side]] for side in (0, 1))
        lengths = [np.array([len(text) for text in side], dtype=np.int64) for side in distinct]
        if int(lengths[0].sum()) * int(lengths[1].sum()) > MAX_FUZZY:
            nothing = np.zeros((len(rows), len(others)), dtype=np.int64)
            return nothing, nothing
        distance = cdist(*distinct, scorer=Levenshtein.distance, dtype=np.int64)
        longer = np.maximum(lengths[0][:, None], lengths[1][None, :])
        at = np.ix_(one, other)
        return np.asarray(distance[at]), np.asarray(longer[at])

    def _letters(self, side: int, row: int) -> str:
        """Return what counts of a cell's text, "" where there is no value."""
        if self.readings[side][row].key is None:
            return ""
        value: JSON = self.cells[side][row]
        text = value if isinstance(value, str) else canonical_text(value)
        return normal_text(text[:MAX_LIKENESS])

    def _similar(self, rows: Sequence[int], others: Sequence[int]) -> NDArray[np.bool_]:
        """Return whether the ANLS of each pair of values reaches the threshold."""
        texts = [
            [self._plain(side, row) for row in chosen] for side, chosen in enumerate((rows, others))
        ]
        distinct = [sorted(set(side)) for side in texts]
        place = [{text: n for n, text in enumerate(side)} for side in distinct]
        at = [[place[side][text] for text in texts[side]] for side in (0, 1)]
        letters = [sum(map(len, side)) for side in distinct]
        if letters[0] * letters[1] > MAX_FUZZY:
            return np.zeros((len(rows), len(others)), dtype=bool)
        reached = _anls_reached(distinct[0], distinct[1], self.leaf.threshold)
        return np.asarray(reached[np.ix_(at[0], at[1])], dtype=bool)

    def _plain(self, side: int, row: int) -> str:
        """Return a cell's plain text, "" where there is none or too much of it."""
        value: JSON = self.cells[side][row]
        if self.readings[side][row].key is None:
            value = self.leaf.default
            if value is None:
                return ""
        text = plain(value if isinstance(value, str) else canonical_text(value))
        return text if len(text) <= MAX_TEXT else ""


def digest(value: JSON) -> str:
    """Return a text that two raw values share exactly if they are the same JSON value."""
    if isinstance(value, str):
        return f"s{value}"
    if value is MISSING:
        return ""
    kind = type(value)
    if kind is float or kind is int:
        return number_text(value)
    return canonical_text(value)


def codes(
    one: Sequence[Hashable], other: Sequence[Hashable], a: int, b: int
) -> tuple[Codes, Codes]:
    """Return numbers for two sequences, equal for equal values; None is `a` in one, `b` in other."""
    known: dict[Hashable, int] = {}
    number = known.setdefault
    return (
        np.array([a if v is None else number(v, len(known)) for v in one], dtype=np.int64),
        np.array([b if v is None else number(v, len(known)) for v in other], dtype=np.int64),
    )


def _same(one: list[NormalizedValue], other: list[NormalizedValue]) -> NDArray[np.bool_]:
    """Return whether readings are the same, of which most have different keys."""
    by_key: dict[Hashable, list[int]] = {}
    for number, reading in enumerate(other):
        if reading.key is not None:
            by_key.setdefault(reading.key, []).append(number)
    same = np.zeros((len(one), len(other)), dtype=bool)
    for row, reading in enumerate(one):
        for number in by_key.get(reading.key, ()):
            if same_reading(reading, other[number]):
                same[row, number] = True
    return same


def _anls_reached(one: list[str], other: list[str], threshold: float) -> NDArray[np.bool_]:
    """Return (one × other) whether the ANLS of plain texts, none of them empty, is `threshold`."""
    distance = cdist(one, other, scorer=Levenshtein.distance, dtype=np.int64)
    mine, theirs = (np.array([len(text.upper()) for text in side]) for side in (one, other))
    share = distance / np.maximum(np.maximum(mine[:, None], theirs[None, :]), 1)
    filled = np.array([bool(text) for text in one])[:, None] & np.array([bool(t) for t in other])
    return np.asarray((share < TAU) & (1 - share >= threshold) & filled, dtype=bool)
