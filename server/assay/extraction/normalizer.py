"""The normalizers of fields: what a raw value means to one, compiled once per leaf.

Two values of a field are the same if their readings have equal keys and, for money, currencies
that do not contradict each other. Nothing here raises, whatever the value is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final, NamedTuple

from assay.extraction.currencies import Currencies, currencies_of
from assay.extraction.dates import DateRules, Order, compiled_format, order_of, read_date
from assay.extraction.numbers import Point, decimal_point, read_money, read_number
from assay.extraction.schema import Field, FieldType
from assay.extraction.text import (
    has_other_digits,
    is_blank,
    normal_choice,
    normal_code,
    normal_text,
    without_footnote,
)
from assay.extraction.values import JSON, MISSING, canonical_text, decimal_of, is_list, number_text
from assay.extraction.words import truth_of

_KEPT = 1024  # readings that a reader remembers
_SHORT = 64  # code points of a text that is worth remembering


class NormalizedValue(NamedTuple):
    """What a value means. `key` None is the absence of a value."""

    key: Hashable
    currencies: Currencies | None = None
    ambiguous: bool = False
    short_year: bool = False  # a date whose hundred years nothing declares


ABSENT: Final = NormalizedValue(None)

Normalizer = Callable[[JSON], NormalizedValue]
_OfText = Callable[[str], NormalizedValue]


def same_reading(one: NormalizedValue, other: NormalizedValue) -> bool:
    """Return whether two readings of one field, both of values, are of the same value."""
    if one.key != other.key:
        return False
    mine, theirs = one.currencies, other.currencies
    return mine is theirs or mine is None or theirs is None or not mine.isdisjoint(theirs)


def another_century(one: NormalizedValue, other: NormalizedValue) -> bool:
    """Return whether two days differ in the hundred years that two digits were read as alone."""
    mine, theirs = one.key, other.key
    if not isinstance(mine, date) or not isinstance(theirs, date):
        return False
    apart = mine.year - theirs.year
    same = mine.month == theirs.month and mine.day == theirs.day
    return same and apart != 0 and apart % 100 == 0 and (one.short_year or other.short_year)


def state_of(value: JSON) -> str | None:
    """Return "missing", "null" or "empty" for what may count as no value; None for a value."""
    if value is None:
        return "null"
    if value is MISSING:
        return "missing"
    if isinstance(value, str):
        return "empty" if is_blank(value) else None
    if isinstance(value, Mapping) or is_list(value):
        return None if value else "empty"
    return None


def compile_normalizer(field: Field, distinct_empties: tuple[str, ...]) -> Normalizer:
    """Return the function that reads values of a leaf field."""
    blanks = _blanks(distinct_empties)
    of_text, of_number = _of_text(field), _OF_NUMBER.get(field.type, _number_as_text)
    remembered = _remembered(of_text, frozenset(map(normal_text, field.absent)), blanks)

    def read(value: JSON) -> NormalizedValue:
        kind = type(value)
        if kind is str:
            return remembered(value)
        if kind is float or kind is int or kind is Decimal:
            return of_number(value, of_text)
        state = state_of(value)
        if state is not None:
            return blanks[state]
        if isinstance(value, bool):
            return of_text("true" if value else "false")
        if isinstance(value, str):
            return remembered(str(value))
        if field.type is FieldType.MONEY and isinstance(value, Mapping):
            return _money_of_mapping(value, read) or NormalizedValue(
                normal_text(canonical_text(value))
            )
        return NormalizedValue(normal_text(canonical_text(value)))

    return read


def _remembered(
    of_text: _OfText, absent: frozenset[str], blanks: Mapping[str, NormalizedValue]
) -> _OfText:
    """Return a reader of any text, which remembers short ones."""
    known: dict[str, NormalizedValue] = {}

    def remembered(text: str) -> NormalizedValue:
        result = known.get(text)
        if result is None:
            if is_blank(text):
                result = blanks["empty"]
            elif absent and normal_text(text) in absent:
                result = blanks["null"]
            else:
                result = of_text(text)
            if len(text) <= _SHORT:
                if len(known) >= _KEPT:
                    known.clear()
                known[text] = result
        return result

    return remembered


def _blanks(distinct_empties: tuple[str, ...]) -> Mapping[str, NormalizedValue]:
    """Return what each kind of empty is: nothing, or a value that is unlike every text.

    What collapses with a missing field is nothing; what does not is a value of its own.
    """
    blanks: dict[str, NormalizedValue] = {"missing": ABSENT}
    for state in ("null", "empty"):
        apart = state in distinct_empties
        if apart or "missing" in distinct_empties:
            blanks[state] = NormalizedValue(("blank", state if apart else "any"))
        else:
            blanks[state] = ABSENT
    return blanks


def _of_text(field: Field) -> _OfText:
    """Return the reader of a field's texts, which are not blank."""
    if field.type is FieldType.NUMBER or field.type is FieldType.MONEY:
        return _amounts(field)
    if field.type is FieldType.DATE:
        return _dates(field)
    if field.type is FieldType.BOOLEAN:
        return _boolean
    if field.type is FieldType.ENUM:
        return lambda text: NormalizedValue(normal_choice(text) or normal_text(text))
    if field.type is FieldType.CODE:
        return lambda text: NormalizedValue(normal_code(text) or normal_text(text))
    return lambda text: NormalizedValue(normal_text(text))


def _amounts(field: Field) -> _OfText:
    point: Point | None = decimal_point(field.locale) if field.locale else None
    read = read_money if field.type is FieldType.MONEY else partial(read_number, unit=field.unit)

    def amount(text: str) -> NormalizedValue:
        bare = without_footnote(text)
        result = None if has_other_digits(bare) else read(normal_text(bare), point)
        if result is None:
            return NormalizedValue(normal_text(text))
        return NormalizedValue(result.value, result.currencies, result.ambiguous)

    return amount


def _dates(field: Field) -> _OfText:
    order: Order | None = order_of(field.locale) if field.locale else None
    if field.day_first is not None:
        order = "dmy" if field.day_first else "mdy"
    rules = DateRules(
        order, tuple(map(compiled_format, field.date_formats)), field.locale, field.first_year
    )

    def day(text: str) -> NormalizedValue:
        result = read_date(normal_text(without_footnote(text)), rules)
        if result is None:
            return NormalizedValue(normal_text(text))
        return NormalizedValue(result.day, None, result.ambiguous, result.short_year)

    return day


def _boolean(text: str) -> NormalizedValue:
    normal = normal_text(text)
    return NormalizedValue(truth_of(normal, normal))


def _number_as_text(value: float | Decimal, of_text: _OfText) -> NormalizedValue:
    return of_text(number_text(value))


def _number(value: float | Decimal, of_text: _OfText) -> NormalizedValue:
    number = decimal_of(value)
    return of_text(number_text(value)) if number is None else NormalizedValue(number)


_OF_NUMBER = {FieldType.NUMBER: _number, FieldType.MONEY: _number}


def _money_of_mapping(value: Mapping[str, JSON], read: Normalizer) -> NormalizedValue | None:
    """Read money that came as an object: an amount or value, and a currency."""
    if len(value) > 2:
        return None
    amount = value.get("amount", value.get("value", MISSING))
    currency = value.get("currency", value.get("currency_code", MISSING))
    if (
        amount is MISSING
        or isinstance(amount, Mapping)
        or len(value) != 1 + (currency is not MISSING)
    ):
        return None
    named_text = currency if isinstance(currency, str) and isinstance(amount, str) else ""
    result = read(f"{amount} {named_text}" if named_text else amount)
    if not isinstance(result.key, Decimal) or state_of(currency) is not None:
        return result if isinstance(result.key, Decimal) else None
    named = currencies_of(normal_text(currency)) if isinstance(currency, str) else None
    if named is None or (result.currencies is not None and result.currencies.isdisjoint(named)):
        return None
    return NormalizedValue(result.key, named, result.ambiguous)
