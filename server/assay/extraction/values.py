"""JSON values as they are met here, the absence of one, and equality of raw values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Final

JSON = Any
"""None, bool, int, float, Decimal, str, a sequence or a mapping of these; numbers may come as any
of int, float and Decimal, and mean the decimal that their shortest text shows."""


class Missing(Enum):
    """The type of MISSING, which is neither null nor an empty text."""

    MISSING = "missing"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing.MISSING

_ODD_FLOAT = re.compile("[en]")  # an exponent, nan or inf
_MAX_BITS = 1 << 16
_PLAIN_DIGITS = 400  # a number that is longer in plain notation is written with an exponent


def is_list(value: object) -> bool:
    """Return whether `value` is an array of JSON."""
    if type(value) is list:
        return True
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)


def decimal_of(value: float | Decimal) -> Decimal | None:
    """Return the decimal that a JSON number's shortest text shows.

    None for NaN, infinities and integers so large that turning them over would take long.
    """
    if type(value) is float:
        return Decimal(repr(value)) if math.isfinite(value) else None
    if type(value) is int and value.bit_length() > _MAX_BITS:
        return None
    number = Decimal(value)
    return number if number.is_finite() else None


def number_text(value: float | Decimal) -> str:
    """Return a JSON number as plain text: no exponent, no trailing zeros after the point.

    So the text does not depend on whether the number came as 12, 12.0 or Decimal("12.00").
    """
    if type(value) is float:
        shortest = repr(value)
        if not _ODD_FLOAT.search(shortest):
            return shortest.removesuffix(".0") if value else "0"
    number = decimal_of(value)
    if number is None:
        return hex(value) if isinstance(value, int) else str(value)
    if not number:
        return "0"
    exponent = number.as_tuple().exponent
    if abs(number.adjusted()) > _PLAIN_DIGITS or abs(int(exponent)) > _PLAIN_DIGITS:
        return str(number)
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def scalar_text(value: JSON) -> str:
    """Return a scalar as text: strings as they are, numbers plain, booleans true and false."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return number_text(value)
    return str(value)


def canonical_text(value: JSON) -> str:
    """Return one text for one JSON value: keys sorted, numbers plain; of any depth.

    It walks without recursion, since a hostile value may be nested deeper than Python's stack.
    """
    out: list[str] = []
    todo: list[tuple[bool, JSON]] = [(False, value)]
    while todo:
        written, item = todo.pop()
        if written:
            out.append(item)
        elif isinstance(item, Mapping):
            todo.append((True, "}"))
            for number, key in enumerate(sorted(item, key=str, reverse=True)):
                todo.extend(((True, "," if number else ""), (False, item[key])))
                todo.append((True, json.dumps(str(key)) + ":"))
            todo.append((True, "{"))
        elif is_list(item):
            todo.append((True, "]"))
            for number in range(len(item) - 1, -1, -1):
                todo.extend(((False, item[number]), (True, "," if number else "")))
            todo.append((True, "["))
        else:
            out.append(json.dumps(item) if isinstance(item, str) else scalar_text(item))
    return "".join(out)


def same_raw(a: JSON, b: JSON) -> bool:
    """Return whether two JSON values are the same: strings by code points, numbers by value.

    JSON has one type of numbers, so 1, 1.0 and 1.00 are the same, and none is "1" or true.
    """
    kind, other = type(a), type(b)
    if kind is other and (kind is str or kind is int or kind is bool):
        return bool(a == b)
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    if a is None or b is None or isinstance(a, bool | Missing) or isinstance(b, bool | Missing):
        return a is b
    if isinstance(a, int | float | Decimal):
        return isinstance(b, int | float | Decimal) and _same_number(a, b)
    if isinstance(b, int | float | Decimal) or is_list(a) is not is_list(b):
        return False
    return canonical_text(a) == canonical_text(b)


def _same_number(a: float | Decimal, b: float | Decimal) -> bool:
    one, other = decimal_of(a), decimal_of(b)
    if one is None or other is None:
        return number_text(a) == number_text(b)
    return one == other
