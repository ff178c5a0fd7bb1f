"""Observations of one field in many documents: counts, which merge in any order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from assay.extraction.dates import DateRules, order_shown, read_date
from assay.extraction.field_path import MAX_NAME
from assay.extraction.normalizer import state_of
from assay.extraction.numbers import read_money, read_number
from assay.extraction.schema import MAX_DEPTH, usable_name
from assay.extraction.text import has_other_digits, normal_text, visible
from assay.extraction.values import JSON, is_list
from assay.extraction.words import BOOLEANS

MAX_DISTINCT: Final = 32  # distinct texts that are told; more are too many for an enum
_LONGEST_CHOICE = 40

_NOTHING_DECLARED = DateRules()
_CODE = re.compile(r"(?=[^0-9]*[0-9])[0-9A-Z][0-9A-Z ./_+#-]{0,39}")
_BARE_DIGITS = re.compile(r"0[0-9]+|[0-9]{16,}")
# Leading zeros, sixteen digits or more in groups, and telephone numbers: no amounts.
_IDENTIFIER = re.compile(
    r"0[0-9][0-9 ]*|(?:[0-9][ _-]?){15,}[0-9]|(?:\+|00)[0-9][0-9 ()/.-]{6,}|\(0[0-9]*\)[0-9 /-]+"
)
_TWO_CAPITALS = re.compile(r"[A-Z]{2}")
_LETTER_AND_DIGITS = re.compile(r"[A-Za-z][A-Za-z/]? ?[0-9]+")  # as Q1 and L 12 are, beside amounts
_SIZES = re.compile(r"[0-9]+ ?x ?[0-9]+.*")


class FieldObservations:
    """The counts of one field.

    `seen` counts kinds: null, boolean, number, list, empty_list, object, other, and of texts
    number, money, date, boolean, code or text, each as `text:…`; beside them what texts show:
    decimal_comma, decimal_point, day_first, month_first, two_readings, yes, no, two_capitals, long.
    `distinct` are the
    first texts by their letters, one more than MAX_DISTINCT at most. `position` sums the numbers
    of the places at which the field stood.
    """

    __slots__ = ("below", "distinct", "items", "position", "seen")

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.position = 0
        self.distinct: set[str] = set()
        self.below: dict[str, FieldObservations] = {}
        self.items: FieldObservations | None = None

    def add(self, value: JSON, depth: int = 1) -> None:
        """Count one value."""
        state = state_of(value)
        if isinstance(value, Mapping) and depth <= MAX_DEPTH:
            self.seen["object" if value else "null"] += 1
            self._fields(value, depth)
        elif is_list(value) and depth <= MAX_DEPTH:
            self.seen["list" if value else "empty_list"] += 1
            for item in value:
                if self.items is None:
                    self.items = FieldObservations()
                self.items.add(item, depth + 1)
        elif state is not None:
            self.seen["null"] += 1
        elif isinstance(value, bool):
            self.seen["boolean"] += 1
        elif isinstance(value, int | float | Decimal):
            self.seen["number"] += 1
        elif isinstance(value, str):
            self._text(value)
        else:
            self.seen["other"] += 1

    def _fields(self, value: Mapping[str, JSON], depth: int) -> None:
        for number, (name, inner) in enumerate(value.items()):
            if not usable_name(name):
                self.seen["unusable"] += 1
                continue
            below = self.below.get(name)
            if below is None:
                below = self.below[name] = FieldObservations()
            below.position += number
            below.seen["there"] += 1
            below.add(inner, depth + 1)

    def _text(self, value: str) -> None:
        normal = normal_text(value)
        kind, shown = _kind_of(value, normal)
        self.seen[f"text:{kind}"] += 1
        if shown:
            self.seen[shown] += 1
        if kind == "boolean" and _TWO_CAPITALS.fullmatch(visible(value).strip()):
            self.seen["two_capitals"] += 1
        if len(value) > _LONGEST_CHOICE:
            self.seen["long"] += 1
            return
        self.distinct.add(value)
        if len(self.distinct) > 4 * MAX_DISTINCT:
            self._trim()

    def _trim(self) -> None:
        self.distinct = set(sorted(self.distinct)[: MAX_DISTINCT + 1])

    def merge(self, other: FieldObservations) -> None:
        """Add what another part saw."""
        self.seen.update(other.seen)
        self.position += other.position
        self.distinct |= other.distinct
        self._trim()
        for name, theirs in other.below.items():
            self.below.setdefault(name, FieldObservations()).merge(theirs)
        if other.items is not None:
            self.items = self.items or FieldObservations()
            self.items.merge(other.items)

    def size(self) -> int:
        """Return the number of fields seen here and below; it never falls as parts are merged."""
        return 1 + sum(inner.size() for inner in self._inner())

    def _inner(self) -> Iterator[FieldObservations]:
        yield from self.below.values()
        if self.items is not None:
            yield self.items

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FieldObservations):
            return NotImplemented
        return self._value() == other._value()

    def _value(self) -> tuple[object, ...]:
        distinct = sorted(self.distinct)[: MAX_DISTINCT + 1]
        return self.seen, self.position, distinct, self.below, self.items


def _kind_of(value: str, normal: str) -> tuple[str, str]:
    """Return what kind of text it is, and what it shows of separators or of order."""
    if len(value) > MAX_NAME:
        return "text", ""
    if len(normal) > 1 or not normal.isalnum():
        truth = BOOLEANS.get(normal)
        if truth is not None:
            return "boolean", "yes" if truth else "no"
    bare = visible(value).strip()
    if _BARE_DIGITS.fullmatch(bare):
        return "code", ""
    if has_other_digits(bare):
        return "text", ""
    identifier = _IDENTIFIER.fullmatch(bare) is not None
    number = None if "e" in normal or identifier else read_number(normal, None)
    if number is not None:
        return "number", "two_readings" if number.ambiguous else _point_shown(bare)
    money = None if identifier or _LETTER_AND_DIGITS.fullmatch(bare) else read_money(normal, None)
    if money is not None:
        return "money", "two_readings" if money.ambiguous else _point_shown(bare)
    day = None if _SIZES.fullmatch(normal) else read_date(normal, _NOTHING_DECLARED)
    if day is not None:
        order = order_shown(normal)
        shown = {"dmy": "day_first", "mdy": "month_first"}.get(order or "", "")
        return "date", "two_readings" if day.ambiguous else shown
    return "code" if identifier or _CODE.fullmatch(bare) else "text", ""


def _point_shown(text: str) -> str:
    """Return which sign a number that has one reading only puts before its decimals, if any."""
    comma, point = text.rfind(","), text.rfind(".")
    if comma == point or text.count(",") > 1 or text.count(".") > 1:
        if text.count(",") > 1:
            return "decimal_point"
        return "decimal_comma" if text.count(".") > 1 else ""
    return "decimal_comma" if comma > point else "decimal_point"
