"""Extracted against expected fields, one document at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assay.extraction.outcome import Outcome
from assay.extraction.schema import Field, FieldSchema, FieldType, join
from assay.extraction.values import JSON, MISSING, Missing, is_list, same_raw, scalar_text

NORMALISER = "assay-normaliser/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One leaf of one document, compared.

    `path` is the schema's (`line_items[].amount`), `place` the leaf's own in the document
    (`line_items[2].amount`): the expected row's number, and rows that were invented come after
    those. `extracted_place` is where the extraction has it, None where it has no such row.
    `similarity` is the ANLS of fuzzy fields, `confidence` what the extractor said, in [0, 1].
    """

    path: str
    place: str
    extracted_place: str | None
    expected: JSON | Missing
    extracted: JSON | Missing
    exact: Outcome
    normalised: Outcome
    similarity: float | None = None
    confidence: float | None = None
    ambiguous: bool = False


@dataclass(frozen=True, kw_only=True)
class DocumentComparison:
    """Every comparison of one document, in the schema's order.

    `unexpected` are the paths of extracted fields that the schema does not know: counted, not
    compared. `extracted` is False if there was no extraction.
    """

    comparisons: tuple[Comparison, ...]
    unexpected: tuple[str, ...] = ()
    extracted: bool = True

    @property
    def right(self) -> int:
        """The number of comparisons that are right on the normalised track."""
        return sum(comparison.normalised.right for comparison in self.comparisons)

    @property
    def accuracy(self) -> float | None:
        """Right comparisons / all comparisons, on the normalised track; None if there are none."""
        return self.right / len(self.comparisons) if self.comparisons else None

    @property
    def perfect(self) -> bool:
        """Whether every comparison is right on the normalised track."""
        return self.right == len(self.comparisons)


def compare(
    schema: FieldSchema,
    expected: Mapping[str, JSON],
    extracted: Mapping[str, JSON] | None,
    confidence: Mapping[str, float] | None = None,
) -> DocumentComparison:
    """Compare one document's extraction with what was expected of it.

    `extracted` None means that there is no extraction: every expected value is missed.
    `confidence` is by place in the extraction. Values never raise.
    """
    found = tuple(_fields(schema.fields, (expected, extracted or {}), "", "", confidence or {}))
    known = {field.name for field in schema.fields}
    unexpected = tuple(join("", key) for key in extracted or {} if key not in known)
    return DocumentComparison(
        comparisons=found, unexpected=unexpected, extracted=extracted is not None
    )


def _fields(
    fields: tuple[Field, ...],
    pair: tuple[JSON, JSON],
    path: str,
    place: str,
    confidence: Mapping[str, float],
) -> Iterator[Comparison]:
    one, other = (side if isinstance(side, Mapping) else {} for side in pair)
    for field in fields:
        yield from _field(
            field,
            (one.get(field.name, MISSING), other.get(field.name, MISSING)),
            join(path, field.name),
            join(place, field.name),
            confidence,
        )


def _field(
    field: Field,
    pair: tuple[JSON, JSON],
    path: str,
    place: str,
    confidence: Mapping[str, float],
) -> Iterator[Comparison]:
    if field.type.leaf:
        yield _leaf(*pair, path, place, confidence)
    elif field.type is FieldType.OBJECT:
        yield from _fields(field.fields, pair, path, place, confidence)
    else:
        rows, others = (list(side) if is_list(side) else [] for side in pair)
        for number in range(max(len(rows), len(others))):
            one = rows[number] if number < len(rows) else MISSING
            other = others[number] if number < len(others) else MISSING
            at = (f"{path}[]", f"{place}[{number}]", confidence)
            if field.item is not None:
                yield from _field(field.item, (one, other), *at)
            else:
                yield from _fields(field.fields, (one, other), *at)


def _leaf(
    expected: JSON, extracted: JSON, path: str, place: str, confidence: Mapping[str, float]
) -> Comparison:
    one, other = _text(expected), _text(extracted)
    same = one == other
    return Comparison(
        path=path,
        place=place,
        extracted_place=place,
        expected=expected,
        extracted=extracted,
        exact=_outcome(one, other, same=same_raw(expected, extracted)),
        normalised=_outcome(one, other, same=same),
        confidence=confidence.get(place),
    )


def _text(value: JSON) -> str:
    return "" if value is MISSING or value is None else scalar_text(value).strip().casefold()


def _outcome(expected: str, extracted: str, *, same: bool) -> Outcome:
    if not expected:
        return Outcome.INVENTED if extracted else Outcome.EMPTY
    if not extracted:
        return Outcome.MISSED
    return Outcome.CORRECT if same else Outcome.WRONG
