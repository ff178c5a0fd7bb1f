"""The results of a benchmark's documents, in blobs of which a reader decodes what it needs.

A blob is a document in sections (domain.sections): `head` says of each document what filters and
comparisons look at, and one section a document holds its comparisons. A value is a text as it is,
0 where it is missing, and else a list with its JSON text, which keeps the digits of numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO
from uuid import UUID, uuid5

from assay.domain.sections import Index, write_sections
from assay.extraction.compare import DocumentComparison
from assay.extraction.outcome import Outcome
from assay.extraction.values import MISSING

HEAD = "head"
OUTCOMES = tuple(Outcome)
WRONG = "wrong"  # in filters: any outcome that is not right
ANY = "any"

_BIT = {outcome: 1 << number for number, outcome in enumerate(OUTCOMES)}
_CODE = {outcome: number for number, outcome in enumerate(OUTCOMES)}
_WRONG_BITS = sum(bit for outcome, bit in _BIT.items() if not outcome.right)
_ALL_BITS = sum(_BIT.values())


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
class Head:
    """What is known of one document without reading its comparisons."""

    entry_id: str
    document_id: str
    right: int
    comparisons: int
    cells: tuple[tuple[str, int, int, int], ...]  # path, right, comparisons, bits of outcomes


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
        wanted = _ALL_BITS if self.outcome is None else _BIT[self.outcome]
        return wanted & _WRONG_BITS if self.wrong else wanted

    @property
    def key(self) -> str:
        """The name under which documents are counted for it."""
        if self.outcome is not None:
            return self.outcome.value
        return WRONG if self.wrong else ANY

    def takes_document(self, head: Head) -> bool:
        """Return whether a document has a comparison that is wanted."""
        bits = self.bits
        return self.is_empty or any(
            mask & bits and self.field in ("", path) for path, _, _, mask in head.cells
        )

    def takes(self, one: FieldResult) -> bool:
        """Return whether a comparison is wanted."""
        return self.field in ("", one.path) and bool(_BIT[one.outcome] & self.bits)

    def count(self, counts: Mapping[str, Mapping[str, int]]) -> int:
        """Return how many documents have what is wanted, of `filter_counts`."""
        if self.wrong and self.outcome is not None and self.outcome.right:
            return 0
        return counts.get(self.field, {}).get(self.key, 0)


def result_id(benchmark_id: str, document_id: str) -> str:
    """Return the UUID of one document's result."""
    return str(uuid5(UUID(benchmark_id), document_id))


def write_results(
    documents: Sequence[tuple[str, str, DocumentComparison]],
) -> tuple[bytes, tuple[Head, ...]]:
    """Return the blob of (entry id, document id, comparison)s, and their heads."""
    codes: dict[str, int] = {}
    sections: dict[str, Any] = {}
    heads = []
    for number, (entry_id, document_id, found) in enumerate(documents):
        rows, cells = _rows(found, codes)
        sections[_name(number)] = [rows, list(found.unexpected)]
        heads.append(
            Head(
                entry_id=entry_id,
                document_id=document_id,
                right=sum(right for _, right, _, _ in cells),
                comparisons=len(rows),
                cells=cells,
            )
        )
    sections[HEAD] = {
        "paths": list(codes),
        "documents": [
            [one.entry_id, one.document_id, one.right, one.comparisons]
            + [[codes[path], *numbers] for path, *numbers in one.cells]
            for one in heads
        ],
    }
    return write_sections(sections), tuple(heads)


def filter_counts(heads: Iterable[Head]) -> dict[str, dict[str, int]]:
    """Return how many documents each filter takes: by field, "" being any, and by key."""
    counts: dict[str, dict[str, int]] = {"": {ANY: 0, WRONG: 0}}
    for head in heads:
        whole = 0
        for path, _, _, mask in head.cells:
            whole |= mask
            _count(counts.setdefault(path, {}), mask)
        counts[""][ANY] += not whole  # a document without comparisons is one of all
        _count(counts[""], whole)
    return counts


class ResultBlob:
    """One blob of results, open for reading."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._index = Index.of(file)
        head = self._index.read(file, HEAD)
        self._paths: list[str] = head["paths"]
        self._documents: list[list[Any]] = head["documents"]

    def heads(self) -> list[Head]:
        """Return the heads of all documents, in their order."""
        return [self._head(values) for values in self._documents]

    def result(self, number: int) -> DocumentResult:
        """Return the result of the document at a place in this blob."""
        entry_id, document_id, right, comparisons = self._documents[number][:4]
        rows, unexpected = self._index.read(self._file, _name(number))
        return DocumentResult(
            entry_id=entry_id,
            document_id=document_id,
            right=right,
            comparisons=comparisons,
            fields=tuple(self._field(row) for row in rows),
            unexpected=tuple(unexpected),
        )

    def size(self, number: int) -> int:
        """Return the bytes of a document's result."""
        return self._index.places[_name(number)][1]

    def _head(self, values: list[Any]) -> Head:
        entry_id, document_id, right, comparisons, *cells = values
        return Head(
            entry_id=entry_id,
            document_id=document_id,
            right=right,
            comparisons=comparisons,
            cells=tuple((self._paths[code], a, b, mask) for code, a, b, mask in cells),
        )

    def _field(self, row: list[Any]) -> FieldResult:
        code, place, outcome, exact, expected, extracted, similarity, confidence = row
        path = self._paths[code]
        return FieldResult(
            path=path,
            place=place or path,
            expected=_text(expected),
            extracted=_text(extracted),
            outcome=OUTCOMES[outcome],
            exact_outcome=OUTCOMES[exact],
            similarity=similarity,
            confidence=confidence,
        )


def _rows(
    found: DocumentComparison, codes: dict[str, int]
) -> tuple[list[list[Any]], tuple[tuple[str, int, int, int], ...]]:
    """Return a document's comparisons as rows, and what its head says of each field."""
    rows = []
    cells: dict[str, list[int]] = {}
    for one in found.comparisons:
        path, outcome = one.path, one.normalised
        place = one.place
        rows.append(
            [
                codes.setdefault(path, len(codes)),
                0 if place == path else place,
                _CODE[outcome],
                _CODE[one.exact],
                _cell(one.expected),
                _cell(one.extracted),
                one.similarity,
                one.confidence,
            ]
        )
        cell = cells.setdefault(path, [0, 0, 0])
        bit = _BIT[outcome]
        cell[0] += not bit & _WRONG_BITS
        cell[1] += 1
        cell[2] |= bit
    return rows, tuple((path, right, all_, mask) for path, (right, all_, mask) in cells.items())


def _count(counts: dict[str, int], mask: int) -> None:
    if mask:
        counts[ANY] = counts.get(ANY, 0) + 1
        counts[WRONG] = counts.get(WRONG, 0) + bool(mask & _WRONG_BITS)
    for outcome, bit in _BIT.items():
        if mask & bit:
            counts[outcome.value] = counts.get(outcome.value, 0) + 1


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
