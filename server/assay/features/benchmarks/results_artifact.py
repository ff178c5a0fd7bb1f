"""The results of a benchmark's documents, in blobs of which a reader decodes what it needs.

A blob is JSON in columns, one item a document: the outcomes of its comparisons as digits, by a
layout that documents with the same places share, and where its line is in the snapshot. The values
that were compared stay in the snapshot, which is kept as long as the results; `ResultBlob.result`
reads them there by their places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from assay.extraction.comparison import DocumentComparison
from assay.extraction.field_path import FieldPath
from assay.extraction.outcome import Outcome
from assay.extraction.values import MISSING
from assay.features.benchmarks.snapshot_artifact import Document
from assay.records import Record, decode, encode, encode_text

OUTCOMES = tuple(Outcome)
WRONG = "wrong"  # in filters: any outcome that is not right
ANY = "any"

_BITS = {outcome: 1 << number for number, outcome in enumerate(OUTCOMES)}
_DIGITS = {outcome: str(number) for number, outcome in enumerate(OUTCOMES)}
_WRONG_BITS = sum(bit for outcome, bit in _BITS.items() if not outcome.right)
_ALL_BITS = sum(_BITS.values())
_BIT_OF = np.array([_BITS[outcome] for outcome in OUTCOMES], dtype=np.uint8)
RIGHT = np.array([outcome.right for outcome in OUTCOMES])

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]


class FieldResult(Record):
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


class DocumentResult(Record):
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
    """The documents of one layout: d of them, with comparisons of p paths."""

    documents: Ints  # (d,) their places in the blob
    paths: tuple[str, ...]  # (p,) each once, sorted
    comparisons: Ints  # (p,) of each path in each of these documents
    right: Ints  # (d, p) of them that are right
    outcomes: Bytes  # (d, p) bits of the outcomes that occur


class Layout(Record, array_like=True, dict=True):
    """Which comparisons a document has, in their order."""

    paths: tuple[str, ...]
    places: tuple[str, ...]

    @cached_property
    def codes(self) -> tuple[tuple[str, ...], Ints]:
        """The paths, each once and sorted, and which of them each comparison has."""
        paths = tuple(sorted(set(self.paths)))
        code = {path: number for number, path in enumerate(paths)}
        return paths, np.array([code[path] for path in self.paths], dtype=np.int64)


class DocumentOutcomes(Record, dict=True):
    """The outcomes of all comparisons of a blob's documents, in their order."""

    documents: tuple[tuple[str, str], ...]  # entry id, document id
    layouts: tuple[Layout, ...]
    layout_of: tuple[int, ...]  # of each document
    texts: tuple[str, ...]  # of each document: a digit a comparison, on the normalised track

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The documents by their layouts; a layout without comparisons has no paths."""
        pairs = zip(self.layouts, self.members(), strict=True)
        return tuple(self._group(layout, members) for layout, members in pairs)

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
        return np.array([len(text) for text in self.texts], dtype=np.int64)

    def members(self) -> list[list[int]]:
        """Return the numbers of the documents of each layout."""
        members: list[list[int]] = [[] for _ in self.layouts]
        for number, layout in enumerate(self.layout_of):
            members[layout].append(number)
        return members

    def digits(self, members: Sequence[int]) -> Bytes:
        """Return (all comparisons of `members`,) numbers of their OUTCOMES."""
        text = "".join(self.texts[number] for number in members).encode()
        return np.frombuffer(text, dtype=np.uint8) - ord("0")

    def _group(self, layout: Layout, members: list[int]) -> Group:
        paths, codes = layout.codes
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        digits = self.digits(members).reshape(len(members), len(codes))[:, order]
        right, bits = RIGHT[digits].astype(np.int64), _BIT_OF[digits]
        return Group(
            documents=np.array(members, dtype=np.int64),
            paths=paths,
            comparisons=np.bincount(codes, minlength=len(paths)).astype(np.int64),
            right=np.add.reduceat(right, starts, axis=1) if paths else right,
            outcomes=np.bitwise_or.reduceat(bits, starts, axis=1) if paths else bits,
        )


class ResultFilter(Record):
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

    def taken(self, outcomes: DocumentOutcomes) -> NDArray[np.bool_]:
        """Return (documents,) whether a document has a comparison that is wanted."""
        found = np.full(len(outcomes.documents), self.is_empty)
        for group in outcomes.groups:
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


def filter_counts(outcomes: DocumentOutcomes) -> dict[str, dict[str, int]]:
    """Return how many documents each filter takes: by field, "" being any, and by key."""
    counts: dict[str, dict[str, int]] = {}
    wholes = np.zeros(len(outcomes.documents), dtype=np.uint8)
    for group in outcomes.groups:
        for column, path in enumerate(group.paths):
            _count(counts.setdefault(path, {}), group.outcomes[:, column])
        wholes[group.documents] = np.bitwise_or.reduce(group.outcomes, axis=1)
    _count(counts.setdefault("", {}), wholes)
    return counts


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One document of a snapshot and its comparison."""

    source: int  # which blob of the snapshot it is in, of those that are written together
    document: Document
    found: DocumentComparison


def write_results(
    sources: Sequence[str], documents: Sequence[Compared]
) -> tuple[bytes, DocumentOutcomes]:
    """Return the blob of some documents' results, and their outcomes.

    `sources` are the addresses of the blobs of the snapshot that they are in.
    """
    numbers: dict[tuple[str, ...], int] = {}
    layouts: list[Layout] = []
    layout_of: list[int] = []
    texts: list[str] = []
    for one in documents:
        compared = one.found.comparisons
        places = tuple([each.place for each in compared])
        number = numbers.setdefault(places, len(numbers))
        if number == len(layouts):
            layouts.append(Layout(paths=tuple(each.path for each in compared), places=places))
        layout_of.append(number)
        texts.append("".join([_DIGITS[each.normalised] for each in compared]))
    outcomes = DocumentOutcomes(
        documents=tuple((one.document.entry_id, one.document.document_id) for one in documents),
        layouts=tuple(layouts),
        layout_of=tuple(layout_of),
        texts=tuple(texts),
    )
    columns = _Columns(
        outcomes=outcomes,
        sources=tuple(sources),
        lines=tuple((one.source, one.document.offset, one.document.size) for one in documents),
        rest=tuple(_rest(one.found) for one in documents),
    )
    return encode(columns), outcomes


class _Rest(Record, array_like=True):
    """What else is kept of a document; `at` counts its comparisons."""

    exact: str  # outcomes on the exact track, as digits
    elsewhere: tuple[tuple[int, str | None], ...]  # at, place of the extracted value; None: none
    similarity: tuple[float | None, ...]  # of each comparison; empty: of none
    ambiguous: tuple[int, ...]  # at
    unexpected: tuple[str, ...]


class _Columns(Record):
    """A blob of results, one item a document."""

    outcomes: DocumentOutcomes
    sources: tuple[str, ...]  # addresses of blobs of the snapshot
    lines: tuple[tuple[int, int, int], ...]  # number of the source, offset, size
    rest: tuple[_Rest, ...]


class Line(Record):
    """Where a document's line is."""

    blob: str  # address of a blob of the snapshot
    offset: int  # bytes
    size: int  # bytes


class ResultBlob:
    """One blob of results."""

    def __init__(self, file: BinaryIO) -> None:
        self._columns = decode(_Columns, file.read())
        self.outcomes = self._columns.outcomes

    def line(self, number: int) -> Line:
        """Return where the values of the document at a place in this blob are."""
        source, offset, size = self._columns.lines[number]
        return Line(blob=self._columns.sources[source], offset=offset, size=size)

    def result(self, number: int, document: Document) -> DocumentResult:
        """Return the result of the document at a place in this blob; `document` is its line."""
        rest = self._columns.rest[number]
        layout = self.outcomes.layouts[self.outcomes.layout_of[number]]
        elsewhere = dict(rest.elsewhere)
        confidence = document.confidence or {}
        fields = []
        columns = zip(
            layout.paths, layout.places, self.outcomes.texts[number], rest.exact, strict=True
        )
        for at, (path, place, outcome, exact_outcome) in enumerate(columns):
            there = elsewhere.get(at, place)
            found = MISSING if there is None else FieldPath.parse(there).get(document.extracted)
            fields.append(
                FieldResult(
                    path=path,
                    place=place,
                    expected=_text(FieldPath.parse(place).get(document.expected)),
                    extracted=_text(found),
                    outcome=OUTCOMES[int(outcome)],
                    exact_outcome=OUTCOMES[int(exact_outcome)],
                    similarity=rest.similarity[at] if rest.similarity else None,
                    confidence=None if there is None else _sure(confidence.get(there)),
                    ambiguous=at in rest.ambiguous,
                )
            )
        return DocumentResult(
            entry_id=document.entry_id,
            document_id=document.document_id,
            right=sum(one.outcome.right for one in fields),
            comparisons=len(fields),
            fields=tuple(fields),
            unexpected=rest.unexpected,
        )


def _rest(found: DocumentComparison) -> _Rest:
    compared = found.comparisons
    similarity = tuple([one.similarity for one in compared])
    elsewhere = [
        (at, one.extracted_place)
        for at, one in enumerate(compared)
        if one.extracted_place is not one.place and one.extracted_place != one.place
    ]
    return _Rest(
        exact="".join([_DIGITS[one.exact] for one in compared]),
        elsewhere=tuple(elsewhere),
        similarity=() if similarity.count(None) == len(similarity) else similarity,
        ambiguous=tuple([at for at, one in enumerate(compared) if one.ambiguous]),
        unexpected=tuple(found.unexpected),
    )


def _sure(told: float | None) -> float | None:
    """Return a confidence, if it is one; see extraction.compare."""
    return told if told is not None and 0 <= told <= 1 else None


def _count(counts: dict[str, int], masks: Bytes) -> None:
    """Add (documents,) bits of outcomes; for any, documents without comparisons count too."""
    sums = {ANY: len(masks), WRONG: int(np.count_nonzero(masks & _WRONG_BITS))}
    sums |= {outcome.value: int(np.count_nonzero(masks & bit)) for outcome, bit in _BITS.items()}
    for key, number in sums.items():
        counts[key] = counts.get(key, 0) + number


def _text(value: Any) -> str | None:
    return None if value is MISSING else encode_text(value)
