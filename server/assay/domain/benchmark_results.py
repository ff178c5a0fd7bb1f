"""The results of a benchmark's documents, in blobs of which a reader decodes what it needs.

A blob is a document in sections (domain.sections). `head` has the outcomes of every comparison,
by shape: documents with the same places in the same order share one. One section a document holds
the values that were compared: a text as it is, 0 where it is missing, 1 for an extracted text
that is the expected one, and else a list with its JSON text, which keeps the digits of numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, BinaryIO
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from assay.domain.sections import Index, write_sections
from assay.extraction.compare import DocumentComparison
from assay.extraction.outcome import Outcome
from assay.extraction.values import MISSING

HEAD = "head"
OUTCOMES = tuple(Outcome)
WRONG = "wrong"  # in filters: any outcome that is not right
ANY = "any"
SAME = 1  # an extracted text that is the expected one

_BITS = {outcome: 1 << number for number, outcome in enumerate(OUTCOMES)}
_DIGITS = {outcome: str(number) for number, outcome in enumerate(OUTCOMES)}
_WRONG_BITS = sum(bit for outcome, bit in _BITS.items() if not outcome.right)
_ALL_BITS = sum(_BITS.values())
_BIT_OF = np.array([_BITS[outcome] for outcome in OUTCOMES], dtype=np.uint8)
_RIGHT = np.array([outcome.right for outcome in OUTCOMES])

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class FieldResult:
    """One comparison of one document."""

    path: str  # of the field: line_items[].amount
    place: str  # in this document: line_items[2].amount
    expected: str | None  # JSON text; None: missing
    extracted: str | None  # JSON text; None: missing
    outcome: Outcome  # on the normalised track, which decides accuracy
    exact_outcome: Outcome
    similarity: float | None  # ANLS of fuzzy fields
    confidence: float | None  # what the extractor said
    ambiguous: bool  # it hangs on a text with two readings


@dataclass(frozen=True, kw_only=True)
class DocumentResult:
    """What came of one document."""

    entry_id: str
    document_id: str
    right: int
    comparisons: int
    fields: tuple[FieldResult, ...]  # in the schema's order, or those that a filter left
    unexpected: tuple[str, ...]  # extracted fields that the schema does not know

    @property
    def accuracy(self) -> float | None:
        """Right comparisons over all of them; None when there are none."""
        return self.right / self.comparisons if self.comparisons else None


@dataclass(frozen=True, kw_only=True)
class Group:
    """The documents of one shape: d of them, with comparisons of p paths."""

    documents: Ints  # (d,) their places in the blob
    paths: tuple[str, ...]  # (p,) each once, sorted
    comparisons: Ints  # (p,) of each path in each of these documents
    right: Ints  # (d, p) of them that are right
    outcomes: Bytes  # (d, p) bits of the outcomes that occur


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Which comparisons a document has, in their order."""

    paths: tuple[str, ...]
    places: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Heads:
    """The outcomes of all comparisons of a blob's documents, in their order."""

    documents: tuple[tuple[str, str], ...]  # entry id, document id
    shapes: tuple[Shape, ...]
    shape_of: tuple[int, ...]  # of each document
    outcomes: tuple[str, ...]  # of each document: a digit a comparison, on the normalised track

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The documents by their shapes; a shape without comparisons has no paths."""
        members: list[list[int]] = [[] for _ in self.shapes]
        for place, shape in enumerate(self.shape_of):
            members[shape].append(place)
        return tuple(
            self._group(shape, places) for shape, places in zip(self.shapes, members, strict=True)
        )

    @cached_property
    def right(self) -> Ints:
        """(documents,) right comparisons."""
        found = np.zeros(len(self.documents), dtype=np.int64)
        for group in self.groups:
            found[group.documents] = group.right.sum(axis=1)
        return found

    @cached_property
    def comparisons(self) -> Ints:
        """(documents,) all comparisons."""
        return np.array([len(text) for text in self.outcomes], dtype=np.int64)

    def _group(self, shape: Shape, places: list[int]) -> Group:
        paths = sorted(set(shape.paths))
        code = {path: number for number, path in enumerate(paths)}
        codes = np.array([code[path] for path in shape.paths], dtype=np.int64)
        text = "".join(self.outcomes[place] for place in places).encode()
        digits = (np.frombuffer(text, dtype=np.uint8) - ord("0")).reshape(len(places), len(codes))
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        digits = digits[:, order]
        empty = np.zeros((len(places), 0))
        return Group(
            documents=np.array(places, dtype=np.int64),
            paths=tuple(paths),
            comparisons=np.bincount(codes, minlength=len(paths)).astype(np.int64),
            right=np.add.reduceat(_RIGHT[digits].astype(np.int64), starts, axis=1)
            if paths
            else empty.astype(np.int64),
            outcomes=np.bitwise_or.reduceat(_BIT_OF[digits], starts, axis=1)
            if paths
            else empty.astype(np.uint8),
        )


@dataclass(frozen=True, kw_only=True)
class ResultFilter:
    """Which comparisons are wanted: those that are all that is said here."""

    field: str = ""  # of this path; "" is of any
    outcome: Outcome | None = None  # with this outcome
    wrong: bool = False  # that are not right

    @property
    def is_empty(self) -> bool:
        """Whether everything is wanted."""
        return not self.field and self.outcome is None and not self.wrong

    @property
    def bits(self) -> int:
        """The outcomes that are wanted, as bits of a cell."""
        wanted = _ALL_BITS if self.outcome is None else _BITS[self.outcome]
        return wanted & _WRONG_BITS if self.wrong else wanted

    @property
    def key(self) -> str:
        """The name under which documents are counted for it."""
        if self.outcome is not None:
            return self.outcome.value
        return WRONG if self.wrong else ANY

    def taken(self, heads: Heads) -> NDArray[np.bool_]:
        """Return (documents,) whether a document has a comparison that is wanted."""
        found = np.full(len(heads.documents), self.is_empty)
        for group in heads.groups:
            wanted = (group.outcomes & self.bits) != 0
            if self.field:
                wanted = wanted[:, [path == self.field for path in group.paths]]
            found[group.documents] |= wanted.any(axis=1)
        return found

    def takes(self, one: FieldResult) -> bool:
        """Return whether a comparison is wanted."""
        return self.field in ("", one.path) and bool(_BITS[one.outcome] & self.bits)

    def count(self, counts: Mapping[str, Mapping[str, int]]) -> int:
        """Return how many documents have what is wanted, of `filter_counts`."""
        if self.wrong and self.outcome is not None and self.outcome.right:
            return 0
        return counts.get(self.field, {}).get(self.key, 0)


def result_id(benchmark_id: str, document_id: str) -> str:
    """Return the UUID of one document's result."""
    return str(uuid5(UUID(benchmark_id), document_id))


def filter_counts(heads: Heads) -> dict[str, dict[str, int]]:
    """Return how many documents each filter takes: by field, "" being any, and by key."""
    counts: dict[str, dict[str, int]] = {}
    wholes = np.zeros(len(heads.documents), dtype=np.uint8)
    for group in heads.groups:
        for column, path in enumerate(group.paths):
            _count(counts.setdefault(path, {}), group.outcomes[:, column])
        wholes[group.documents] = np.bitwise_or.reduce(group.outcomes, axis=1)
    _count(counts.setdefault("", {}), wholes)
    return counts


def write_results(documents: Sequence[tuple[str, str, DocumentComparison]]) -> tuple[bytes, Heads]:
    """Return the blob of (entry id, document id, comparison)s, and their heads."""
    shapes: dict[tuple[str, ...], int] = {}
    paths: list[tuple[str, ...]] = []
    sections: dict[str, Any] = {}
    shape_of, outcomes = [], []
    for number, (_, _, found) in enumerate(documents):
        compared = found.comparisons
        places = tuple([one.place for one in compared])
        shape = shapes.setdefault(places, len(shapes))
        if shape == len(paths):
            paths.append(tuple(one.path for one in compared))
        shape_of.append(shape)
        outcomes.append("".join([_DIGITS[one.normalised] for one in compared]))
        sections[_name(number)] = _values(found)
    heads = Heads(
        documents=tuple((entry_id, document_id) for entry_id, document_id, _ in documents),
        shapes=tuple(
            Shape(paths=paths[number], places=places) for places, number in shapes.items()
        ),
        shape_of=tuple(shape_of),
        outcomes=tuple(outcomes),
    )
    sections[HEAD] = {
        "documents": heads.documents,
        "shapes": [_packed(shape) for shape in heads.shapes],
        "shape_of": heads.shape_of,
        "outcomes": heads.outcomes,
    }
    return write_sections(sections), heads


class ResultBlob:
    """One blob of results, open for reading."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._index = Index.of(file)
        head = self._index.read(file, HEAD)
        self.heads = Heads(
            documents=tuple((entry_id, document_id) for entry_id, document_id in head["documents"]),
            shapes=tuple(
                Shape(
                    paths=tuple(paths),
                    places=tuple(place or path for path, place in zip(paths, places, strict=True)),
                )
                for paths, places in head["shapes"]
            ),
            shape_of=tuple(head["shape_of"]),
            outcomes=tuple(head["outcomes"]),
        )

    def result(self, number: int) -> DocumentResult:
        """Return the result of the document at a place in this blob."""
        entry_id, document_id = self.heads.documents[number]
        exact, expected, extracted, similar, sure, ambiguous, unexpected = self._index.read(
            self._file, _name(number)
        )
        rows = self._rows(number, exact, expected, extracted)
        fields = tuple(
            FieldResult(
                **row,
                similarity=similar[place] if similar else None,
                confidence=sure[place] if sure else None,
                ambiguous=place in ambiguous,
            )
            for place, row in enumerate(rows)
        )
        return DocumentResult(
            entry_id=entry_id,
            document_id=document_id,
            right=sum(one.outcome.right for one in fields),
            comparisons=len(fields),
            fields=fields,
            unexpected=tuple(unexpected),
        )

    def size(self, number: int) -> int:
        """Return the bytes of a document's result."""
        return self._index.places[_name(number)][1]

    def _rows(
        self, number: int, exact: str, expected: list[Any], extracted: list[Any]
    ) -> Iterator[dict[str, Any]]:
        shape = self.heads.shapes[self.heads.shape_of[number]]
        columns = (
            shape.paths, shape.places, self.heads.outcomes[number], exact, expected, extracted
        )  # fmt: skip  # columns
        for path, place, outcome, exact_outcome, one, other in zip(*columns, strict=True):
            yield {
                "path": path,
                "place": place,
                "outcome": OUTCOMES[int(outcome)],
                "exact_outcome": OUTCOMES[int(exact_outcome)],
                "expected": _text(one),
                "extracted": _text(one if other == SAME else other),
            }


def _packed(shape: Shape) -> list[list[Any]]:
    """Return a shape's paths and places, 0 for a place that is the path."""
    pairs = zip(shape.paths, shape.places, strict=True)
    return [list(shape.paths), [0 if path == place else place for path, place in pairs]]


def _values(found: DocumentComparison) -> list[Any]:
    """Return what a document's section holds."""
    compared = found.comparisons
    return [
        "".join([_DIGITS[one.exact] for one in compared]),
        [one.expected if type(one.expected) is str else _cell(one.expected) for one in compared],
        [
            SAME
            if type(one.extracted) is str and one.extracted == one.expected
            else _cell(one.extracted)
            for one in compared
        ],
        _none_or([one.similarity for one in compared]),
        _none_or([one.confidence for one in compared]),
        [place for place, one in enumerate(compared) if one.ambiguous],
        list(found.unexpected),
    ]


def _none_or(values: list[float | None]) -> list[float | None]:
    """Return no values at all where each of them is None."""
    return [] if values.count(None) == len(values) else values


def _count(counts: dict[str, int], masks: Bytes) -> None:
    """Add (documents,) bits of outcomes; for any, documents without comparisons count too."""
    sums = {ANY: len(masks), WRONG: int(np.count_nonzero(masks & _WRONG_BITS))}
    sums |= {outcome.value: int(np.count_nonzero(masks & bit)) for outcome, bit in _BITS.items()}
    for key, number in sums.items():
        counts[key] = counts.get(key, 0) + number


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value
    return 0 if value is MISSING else [value_text(value)]


def _text(cell: Any) -> str | None:
    if isinstance(cell, str):
        return json.dumps(cell, ensure_ascii=False)
    return cell[0] if cell else None


def value_text(value: Any) -> str:
    """Return a JSON value as text, Decimals with all of their digits."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        inside = (f"{json.dumps(key)}:{value_text(item)}" for key, item in value.items())
        return "{" + ",".join(inside) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(value_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _name(number: int) -> str:
    return f"{number:06d}"
