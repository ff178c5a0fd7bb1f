"""Exact counts of compared documents, which merge: any sharding, in any order, gives the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from assay.extraction.comparison import DocumentComparison
from assay.extraction.outcome import Outcome

OUTCOMES: Final = tuple(Outcome)
KEPT_UNEXPECTED: Final = 200
"""Paths of unexpected fields that are counted each by itself: the first ones by their letters."""

_INDEX = {outcome: number for number, outcome in enumerate(OUTCOMES)}
_UNIT = 1 << 53  # an ANLS is 0 or in [0.5, 1], so it is a whole number of these
_WIDTH = 2 * len(OUTCOMES) + 5  # numbers kept for one path
_SIMILAR, _COMPARED, _AMBIGUOUS, _DOCUMENTS, _PERFECT = range(2 * len(OUTCOMES), _WIDTH)


@dataclass(frozen=True, kw_only=True)
class FieldCounts:
    """The counts of one field.

    `exact` and `normalised` are numbers of comparisons in the order of Outcome. `similarity` is
    the exact sum of the similarities of `compared_similarity` comparisons, in units of 2⁻⁵³.
    `ambiguous` counts the comparisons that hung on a text with two readings. `documents` are
    those in which the field was compared, `perfect_documents` those in which all of it was right.
    """

    exact: tuple[int, ...]
    normalised: tuple[int, ...]
    similarity: int
    compared_similarity: int
    ambiguous: int
    documents: int
    perfect_documents: int

    def count(self, track: str, outcome: Outcome) -> int:
        """Return how often `outcome` came on `track`, "exact" or "normalised"."""
        return (self.exact if track == "exact" else self.normalised)[_INDEX[outcome]]

    @property
    def comparisons(self) -> int:
        """The number of comparisons."""
        return sum(self.normalised)

    @property
    def mean_similarity(self) -> float | None:
        """The mean ANLS, correctly rounded; None if the field is not fuzzy."""
        if not self.compared_similarity:
            return None
        return self.similarity / (self.compared_similarity * _UNIT)


@dataclass(frozen=True, kw_only=True)
class ComparisonCounts:
    """Counts over documents; merging is associative and commutative to the bit.

    `counts` holds, for each path, the numbers of FieldCounts in its order. `unexpected` counts the
    first KEPT_UNEXPECTED paths by their letters, `unexpected_total` all of them.
    """

    documents: int = 0
    extracted_documents: int = 0
    perfect_documents: int = 0
    unexpected_total: int = 0
    unexpected: Mapping[str, int]
    counts: Mapping[str, tuple[int, ...]]

    @classmethod
    def empty(cls) -> ComparisonCounts:
        """Return the counts of no document: merging it changes nothing."""
        return cls(unexpected={}, counts={})

    @classmethod
    def of(cls, document: DocumentComparison) -> ComparisonCounts:
        """Return the counts of one document."""
        return cls.of_all((document,))

    @classmethod
    def of_all(cls, documents: Iterable[DocumentComparison]) -> ComparisonCounts:
        """Return the counts of documents, reading each once."""
        number = extracted = perfect = total = 0
        counts: dict[str, list[int]] = {}
        unexpected: dict[str, int] = {}
        for document in documents:
            number += 1
            extracted += document.extracted
            perfect += _add(counts, document)
            total += len(document.unexpected)
            for path in document.unexpected:
                unexpected[path] = unexpected.get(path, 0) + 1
            if len(unexpected) > 4 * KEPT_UNEXPECTED:
                unexpected = _first(unexpected)
        return cls(
            documents=number,
            extracted_documents=extracted,
            perfect_documents=perfect,
            unexpected_total=total,
            unexpected=_first(unexpected),
            counts={path: tuple(counts[path]) for path in sorted(counts)},
        )

    def merge(self, other: ComparisonCounts) -> ComparisonCounts:
        """Return the counts of both's documents."""
        return ComparisonCounts.merge_all((self, other))

    @classmethod
    def merge_all(cls, parts: Iterable[ComparisonCounts]) -> ComparisonCounts:
        """Return the counts of the documents of all."""
        heads = [0, 0, 0, 0]
        counts: dict[str, list[int]] = {}
        unexpected: dict[str, int] = {}
        for counted in parts:
            heads = [a + b for a, b in zip(heads, counted._heads, strict=True)]
            for path, numbers in counted.counts.items():
                mine = counts.get(path)
                counts[path] = (
                    list(numbers)
                    if mine is None
                    else [a + b for a, b in zip(mine, numbers, strict=True)]
                )
            for path, number in counted.unexpected.items():
                unexpected[path] = unexpected.get(path, 0) + number
            unexpected = _first(unexpected)
        return cls(
            documents=heads[0],
            extracted_documents=heads[1],
            perfect_documents=heads[2],
            unexpected_total=heads[3],
            unexpected=unexpected,
            counts={path: tuple(counts[path]) for path in sorted(counts)},
        )

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that were compared, sorted."""
        return tuple(self.counts)

    def field(self, path: str) -> FieldCounts:
        """Return the counts of one field; KeyError if it was never compared."""
        return _named(self.counts[path])

    @property
    def overall(self) -> FieldCounts:
        """The counts of all fields together; its documents are all of these."""
        columns = zip(*self.counts.values(), strict=True) if self.counts else [(0,)] * _WIDTH
        numbers = [sum(column) for column in columns]
        numbers[_DOCUMENTS], numbers[_PERFECT] = self.documents, self.perfect_documents
        return _named(tuple(numbers))

    @property
    def _heads(self) -> tuple[int, int, int, int]:
        return (
            self.documents,
            self.extracted_documents,
            self.perfect_documents,
            self.unexpected_total,
        )


def _add(counts: dict[str, list[int]], document: DocumentComparison) -> bool:
    """Add one document to `counts` and return whether it is perfect."""
    seen: dict[str, bool] = {}
    offset = len(OUTCOMES)
    for comparison in document.comparisons:
        path, outcome = comparison.path, comparison.normalised
        numbers = counts.get(path)
        if numbers is None:
            numbers = counts[path] = [0] * _WIDTH
        numbers[_INDEX[comparison.exact]] += 1
        numbers[offset + _INDEX[outcome]] += 1
        if comparison.similarity is not None:
            numbers[_SIMILAR] += int(comparison.similarity * _UNIT)
            numbers[_COMPARED] += 1
        if comparison.ambiguous:
            numbers[_AMBIGUOUS] += 1
        right = outcome is Outcome.CORRECT or outcome is Outcome.EMPTY
        seen[path] = right and seen.get(path, True)
    for path, perfect in seen.items():
        counts[path][_DOCUMENTS] += 1
        counts[path][_PERFECT] += perfect
    return all(seen.values())


def _first(unexpected: dict[str, int]) -> dict[str, int]:
    """Return the first paths in the order of their letters, which merges exactly.

    A path among the first of the whole is among the first of every part that has it.
    """
    return {path: unexpected[path] for path in sorted(unexpected)[:KEPT_UNEXPECTED]}


def _named(numbers: tuple[int, ...]) -> FieldCounts:
    width = len(OUTCOMES)
    return FieldCounts(
        exact=numbers[:width],
        normalised=numbers[width : 2 * width],
        similarity=numbers[_SIMILAR],
        compared_similarity=numbers[_COMPARED],
        ambiguous=numbers[_AMBIGUOUS],
        documents=numbers[_DOCUMENTS],
        perfect_documents=numbers[_PERFECT],
    )
