"""The comparison of extracted with expected fields, one document at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from assay.extraction.alignment import Aligner
from assay.extraction.compiled_schema import (
    ArrayField,
    CompiledFields,
    LeafField,
    ObjectCheck,
    compile_schema,
    rows_at,
)
from assay.extraction.normalizer import another_century, same_reading, state_of
from assay.extraction.outcome import Outcome
from assay.extraction.schema import FieldSchema
from assay.extraction.similarity import anls
from assay.extraction.text import is_blank, normal_text
from assay.extraction.unexpected_fields import unexpected_paths
from assay.extraction.values import JSON, MISSING, Missing, canonical_text, is_list, same_raw

NORMALISER: Final = "assay-normaliser/1"

_PLAIN = frozenset((str, int, float, bool))
_CORRECT, _WRONG, _INVENTED, _MISSED, _EMPTY = Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One leaf of one document, compared.

    `path` is the schema's (`line_items[].amount`), `place` the leaf's own in the document
    (`line_items[2].amount`), unique in it: rows have the number of the expected row, and rows that
    were invented come after those. `extracted_place` is where the extraction has it, None where it
    has no such row. `similarity` is the ANLS of a fuzzy field, `confidence` what the extractor said
    of it, in [0, 1]. `ambiguous` says that the outcome hangs on a number or date that could be read
    in two ways, which a locale, an order or the first year in the schema would settle.
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

    `unexpected` are the paths of extracted values that the schema has no place for: counted, not
    compared. `extracted` is False if there was no extraction.
    """

    comparisons: tuple[Comparison, ...]
    unexpected: tuple[str, ...] = ()
    extracted: bool = True

    @cached_property
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
    `confidence` is by place in the extraction; what is no number in [0, 1] is left out. No value
    raises but a table of too many rows: TooManyRows, which names it.
    """
    shape = compile_schema(schema)
    work = _Work(confidence or {})
    if extracted is None:
        work.missed(shape, expected, "")
    else:
        work.pair(shape, (expected, extracted), "", "")
    return DocumentComparison(
        comparisons=tuple(work.out),
        unexpected=() if extracted is None else unexpected_paths(schema, extracted),
        extracted=extracted is not None,
    )


class _Work:
    """Collects the comparisons of one document."""

    def __init__(self, confidence: Mapping[str, float]) -> None:
        self.out: list[Comparison] = []
        self._confidence: Mapping[str, JSON] = confidence
        self._aligner = Aligner()

    def pair(
        self, shape: CompiledFields, rows: tuple[JSON, JSON], place: str, extracted_place: str
    ) -> None:
        """Compare two rows, an expected and an extracted one, that belong together."""
        expected, extracted = rows
        for member in shape.members:
            here = place + member.suffix
            there = here if place is extracted_place else extracted_place + member.suffix
            one, other = member.keys.get(expected), member.keys.get(extracted)
            if type(member) is LeafField:
                self._leaf(member, (one, other), here, there)
            elif type(member) is ObjectCheck:
                self._guard(member.path, one, other, (here, there))
            elif type(member) is ArrayField:
                if self._guard(member.path, one, other, (here, there), branch=True):
                    continue
                self._align(member, (expected, extracted), here, there)

    def missed(self, shape: CompiledFields, row: JSON, place: str) -> None:
        """Count every value of an expected row that has no counterpart."""
        for member in shape.members:
            value, here = member.keys.get(row), place + member.suffix
            if type(member) is LeafField:
                if member.read(value).key is not None:
                    similarity = 0.0 if member.fuzzy else None
                    self._add(
                        member.path, (here, None), (value, MISSING), _MISSED, similarity=similarity
                    )
            elif type(member) is ObjectCheck:
                self._guard(member.path, value, MISSING, (here, None))
            elif type(member) is ArrayField and not self._guard(
                member.path, value, MISSING, (here, None), branch=True
            ):
                for number, item in enumerate(rows_at(row, member)):
                    self.missed(member.rows, item, f"{here}[{number}]")

    def invented(self, shape: CompiledFields, row: JSON, place: str, extracted_place: str) -> None:
        """Count every value of an extracted row that has no counterpart."""
        for member in shape.members:
            here, there = place + member.suffix, extracted_place + member.suffix
            if type(member) is LeafField:
                value = member.keys.get(row)
                if member.read(value).key is not None:
                    similarity = 0.0 if member.fuzzy else None
                    self._add(
                        member.path,
                        (here, there),
                        (MISSING, value),
                        _INVENTED,
                        similarity=similarity,
                    )
            elif type(member) is ArrayField:
                for number, item in enumerate(rows_at(row, member)):
                    self.invented(member.rows, item, f"{here}[{number}]", f"{there}[{number}]")

    def _align(self, branch: ArrayField, rows: tuple[JSON, JSON], here: str, there: str) -> None:
        expected, extracted = rows_at(rows[0], branch), rows_at(rows[1], branch)
        if not expected and not extracted:
            return
        partner = dict(self._aligner.align(branch, expected, extracted))
        taken = set(partner.values())
        invented = [number for number in range(len(extracted)) if number not in taken]
        for number, row in enumerate(expected):
            place = f"{here}[{number}]"
            other = partner.get(number)
            if other is None:
                self.missed(branch.rows, row, place)
            else:
                result = place if other == number and here is there else f"{there}[{other}]"
                self.pair(branch.rows, (row, extracted[other]), place, result)
        for number, other in enumerate(invented, len(expected)):
            place, result = f"{here}[{number}]", f"{there}[{other}]"
            self.invented(branch.rows, extracted[other], place, result)

    def _guard(
        self,
        path: str,
        expected: JSON,
        extracted: JSON,
        indices: tuple[str, str | None],
        *,
        branch: bool = False,
    ) -> bool:
        """Compare as one value what was expected in another shape than the schema says."""
        if isinstance(expected, Mapping) if not branch else is_list(expected):
            return False
        if state_of(expected) is not None:
            return False
        exact = normalised = _MISSED
        if state_of(extracted) is None:
            one, other = canonical_text(expected), canonical_text(extracted)
            exact = _CORRECT if one == other else _WRONG
            normalised = _CORRECT if normal_text(one) == normal_text(other) else _WRONG
        self._add(path, indices, (expected, extracted), exact, normalised=normalised)
        return True

    def _leaf(self, leaf: LeafField, values: tuple[JSON, JSON], here: str, there: str) -> None:
        one, other = values
        similarity: float | None = None
        ambiguous = False
        kind = type(one)
        plain = kind in _PLAIN and kind is type(other) and one == other
        if plain and (kind is not str or not (leaf.absent or is_blank(one))):
            # Read alike, whatever the field is.
            exact = normalised = _CORRECT
            similarity = 1.0 if leaf.fuzzy else None
        else:
            exact, normalised, similarity, ambiguous = _outcomes(leaf, one, other)
        self.out.append(
            Comparison(
                path=leaf.path,
                place=here,
                extracted_place=there,
                expected=one,
                extracted=other,
                exact=exact,
                normalised=normalised,
                similarity=similarity,
                confidence=self._confident(there) if self._confidence else None,
                ambiguous=ambiguous,
            )
        )

    def _add(
        self,
        path: str,
        indices: tuple[str, str | None],
        values: tuple[JSON, JSON],
        outcome: Outcome,
        *,
        similarity: float | None = None,
        normalised: Outcome | None = None,
    ) -> None:
        self.out.append(
            Comparison(
                path=path,
                place=indices[0],
                extracted_place=indices[1],
                expected=values[0],
                extracted=values[1],
                exact=outcome,
                normalised=normalised or outcome,
                similarity=similarity,
                confidence=self._confident(indices[1]) if self._confidence else None,
            )
        )

    def _confident(self, place: str | None) -> float | None:
        result = self._confidence.get(place) if place is not None else None
        if isinstance(result, bool) or not isinstance(result, int | float):
            return None
        return float(result) if 0 <= result <= 1 else None


def _outcomes(
    leaf: LeafField, expected: JSON, extracted: JSON
) -> tuple[Outcome, Outcome, float | None, bool]:
    """Return the outcomes of both tracks, the similarity, and whether a reading was a guess."""
    one, other = leaf.read(expected), leaf.read(extracted)
    differ = _WRONG
    if one.key is None or other.key is None:
        if one.key is other.key:
            return _EMPTY, _EMPTY, 1.0 if leaf.fuzzy else None, False
        differ = _INVENTED if one.key is None else _MISSED
        if leaf.default_reading is None:
            return differ, differ, 0.0 if leaf.fuzzy else None, False
        if one.key is None:
            one, expected = leaf.default_reading, leaf.default
        else:
            other, extracted = leaf.default_reading, leaf.default
    exact = _CORRECT if same_raw(expected, extracted) else differ
    same: bool = same_reading(one, other)
    similarity: float | None = None
    if leaf.fuzzy:
        similarity = anls(_text(expected), _text(extracted))
        same = same or (similarity is not None and similarity >= leaf.threshold)
    told = one.ambiguous or other.ambiguous or another_century(one, other)
    ambiguous = told and exact is not _CORRECT
    return exact, _CORRECT if same else differ, similarity, ambiguous


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else canonical_text(value)
