"""Schema inference: the schema that documents seem to have, which merges and is to be edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from assay.extraction.field_observations import MAX_DISTINCT, FieldObservations
from assay.extraction.field_path import join
from assay.extraction.schema import (
    ITEM,
    MAX_LEAVES,
    Field,
    FieldSchema,
    FieldType,
    SchemaError,
)
from assay.extraction.text import normal_choice
from assay.extraction.values import JSON

_MAX_SEEN: Final = 2 * MAX_LEAVES  # fields of all levels; more are not held
_COMMA_LOCALE: Final = "de_DE"


@dataclass(frozen=True, kw_only=True)
class SchemaInference:
    """What was seen in documents; inferences of parts merge to that of the whole.

    `documents` counts them. `too_wide` says that there were more fields than a schema may have:
    then nothing else is held.
    """

    documents: int = 0
    too_wide: bool = False
    root: FieldObservations

    @classmethod
    def of(cls, documents: Iterable[Mapping[str, JSON]]) -> SchemaInference:
        """Return the inference from documents, reading each once."""
        root, number, too_wide = FieldObservations(), 0, False
        for document in documents:
            number += 1
            if not too_wide:
                root.add(document)
                too_wide = root.size() > _MAX_SEEN
        return cls(
            documents=number, too_wide=too_wide, root=FieldObservations() if too_wide else root
        )

    def merge(self, other: SchemaInference) -> SchemaInference:
        """Return the inference from both's documents."""
        return SchemaInference.merge_all((self, other))

    @classmethod
    def merge_all(cls, guesses: Iterable[SchemaInference]) -> SchemaInference:
        """Return the inference from the documents of all."""
        root, number, too_wide = FieldObservations(), 0, False
        for guess in guesses:
            number += guess.documents
            if not too_wide:
                root.merge(guess.root)
                too_wide = guess.too_wide or root.size() > _MAX_SEEN
        return cls(
            documents=number, too_wide=too_wide, root=FieldObservations() if too_wide else root
        )

    def schema(self, *, enums: bool = False) -> FieldSchema:
        """Return the schema that fits what was seen.

        `enums` makes an enum of a text that is one of few values again and again. Raises
        SchemaError if no field was seen, or more than a schema may have.
        """
        return FieldSchema(fields=tuple(inferred.field for inferred in self._inferred(enums=enums)))

    def reasons(self, *, enums: bool = False) -> Mapping[str, str]:
        """Return why each field has its type, by path, in words."""
        out: dict[str, str] = {}
        for inferred in self._inferred(enums=enums):
            inferred.collect(join("", inferred.field.name), out)
        unusable = self.root.seen["unusable"]
        if unusable:
            out[""] = f"{unusable} values left out: their field names cannot be used"
        return out

    def _inferred(self, *, enums: bool) -> tuple[_InferredField, ...]:
        if self.too_wide:
            raise SchemaError("", f"has more than {MAX_LEAVES} fields, which is the most allowed")
        return _fields(self.root, enums=enums)


@dataclass(frozen=True, kw_only=True)
class _InferredField:
    """A field that was guessed, why, and those below it."""

    field: Field
    reason: str
    below: tuple[_InferredField, ...] = ()

    def collect(self, path: str, out: dict[str, str]) -> None:
        """Put the reasons of this field and those below it into `out`, by path."""
        out[path] = self.reason
        rows = self.field.type in {FieldType.TABLE, FieldType.LIST}
        for inferred in self.below:
            inside = f"{path}[]" if rows else path
            is_item = self.field.type is FieldType.LIST
            inferred.collect(inside if is_item else join(inside, inferred.field.name), out)


def _fields(evidence: FieldObservations, *, enums: bool) -> tuple[_InferredField, ...]:
    """Return the fields below, ordered by where they stood on average, then by name."""

    def place(name: str) -> tuple[Fraction, str]:
        below = evidence.below[name]
        return Fraction(below.position, below.seen["there"]), name

    names = sorted(evidence.below, key=place)
    return tuple(_inferred(name, evidence.below[name], enums=enums) for name in names)


def _inferred(name: str, seen: FieldObservations, *, enums: bool) -> _InferredField:
    counts = seen.seen
    texts = sum(number for kind, number in counts.items() if kind.startswith("text:"))
    plain = counts["boolean"] + counts["number"] + texts + counts["other"]
    branches = counts["list"] + counts["object"]
    if not plain and branches == counts["object"] and seen.below:
        reason = f"{branches} values are objects"
        return _branch(name, FieldType.OBJECT, reason, _fields(seen, enums=enums))
    if not plain and branches == counts["list"] and branches + counts["empty_list"]:
        return _list(name, seen, enums=enums)
    if branches:
        reason = (
            f"{counts['object']} objects, {counts['list']} arrays and {plain} plain values mixed"
        )
        return _InferredField(field=Field(name=name, type=FieldType.TEXT), reason=reason)
    if not plain:
        return _InferredField(
            field=Field(name=name, type=FieldType.TEXT), reason="no value was seen"
        )
    return _leaf(name, seen, plain, enums=enums)


def _list(name: str, seen: FieldObservations, *, enums: bool) -> _InferredField:
    items = seen.items
    if items is None:
        field = Field(name=name, type=FieldType.LIST)
        return _InferredField(
            field=field, reason=f"{seen.seen['empty_list']} values are empty arrays"
        )
    item = _inferred(ITEM, items, enums=enums)
    arrays = f"{seen.seen['list']} values are arrays"
    if item.field.type is FieldType.OBJECT:
        return _branch(name, FieldType.TABLE, f"{arrays} of objects", item.below)
    field = Field(name=name, type=FieldType.LIST, item=item.field)
    return _InferredField(field=field, reason=arrays, below=(item,))


def _branch(
    name: str, kind: FieldType, reason: str, below: tuple[_InferredField, ...]
) -> _InferredField:
    field = Field(name=name, type=kind, fields=tuple(inferred.field for inferred in below))
    return _InferredField(field=field, reason=reason, below=below)


def _leaf(name: str, evidence: FieldObservations, total: int, *, enums: bool) -> _InferredField:
    """Return the narrowest type that every value fits."""
    seen = evidence.seen
    numbers = seen["number"] + seen["text:number"]
    money, codes = seen["text:money"], seen["text:code"]
    field = Field(name=name, type=FieldType.TEXT)
    if seen["boolean"] + seen["text:boolean"] == total and _safely_boolean(evidence):
        return _InferredField(
            field=replace(field, type=FieldType.BOOLEAN),
            reason=f"{total} of {total} values are booleans or words for yes and no",
        )
    if numbers == total:
        return _amount(
            replace(field, type=FieldType.NUMBER), evidence, f"{total} values are numbers"
        )
    if money and money + numbers == total:
        reason = f"{total} values are amounts, {money} of them with a currency"
        return _amount(replace(field, type=FieldType.MONEY), evidence, reason)
    if seen["text:date"] == total:
        return _date(field, evidence, total)
    if codes and codes + seen["text:number"] == total:
        reason = f"{total} values are of capitals, digits and separators"
        return _InferredField(field=replace(field, type=FieldType.CODE), reason=reason)
    return _text(field, evidence, total, enums=enums)


def _safely_boolean(evidence: FieldObservations) -> bool:
    """Return whether words for yes and no are likely to be nothing else, as NO and NE may be."""
    seen = evidence.seen
    texts = seen["text:boolean"]
    if not texts:
        return True
    both = (seen["yes"] and seen["no"]) or seen["boolean"]
    return bool(both) and seen["two_capitals"] < texts


def _amount(field: Field, evidence: FieldObservations, reason: str) -> _InferredField:
    seen = evidence.seen
    comma, point, two = seen["decimal_comma"], seen["decimal_point"], seen["two_readings"]
    if comma and not point:
        reason += f"; {comma} have a decimal comma and none a point, so the locale {_COMMA_LOCALE}"
        return _InferredField(field=replace(field, locale=_COMMA_LOCALE), reason=reason)
    if comma:
        reason += f"; {comma} have a decimal comma and {point} a point"
    if two:
        reason += f"; {two} such as 1,234 could be read in two ways: declare a locale"
    return _InferredField(field=field, reason=reason)


def _date(field: Field, evidence: FieldObservations, total: int) -> _InferredField:
    day, month, two = (evidence.seen[k] for k in ("day_first", "month_first", "two_readings"))
    reason = f"{total} values are dates"
    order: bool | None = None
    if bool(day) is not bool(month):
        order = bool(day)
        reason += f"; {day or month} show that the {'day' if order else 'month'} comes first"
    elif day:
        reason += f"; {day} have the day first and {month} the month: they do not agree"
    if two and order is None:
        reason += f"; {two} such as 03/04/2024 could be two days: declare day_first"
    return _InferredField(field=replace(field, type=FieldType.DATE, day_first=order), reason=reason)


def _text(field: Field, evidence: FieldObservations, total: int, *, enums: bool) -> _InferredField:
    seen, distinct = evidence.seen, sorted(evidence.distinct)
    texts = total - seen["boolean"] - seen["number"] - seen["other"]
    few = len(distinct) <= MAX_DISTINCT and not seen["long"] and texts == total
    if few and total >= 5 * len(distinct):
        reason = f"{total} values are {len(distinct)} different texts"
        if enums:
            values = {normal_choice(value): value for value in reversed(distinct)}
            whole = tuple(sorted(values.values()))
            return _InferredField(
                field=replace(field, type=FieldType.ENUM, values=whole), reason=reason
            )
        return _InferredField(field=field, reason=f"{reason}; it could be an enum")
    return _InferredField(field=field, reason=f"{total} values, of no narrower type in common")
