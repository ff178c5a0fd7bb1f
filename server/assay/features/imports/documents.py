"""The values of a document: JSON objects whose numbers keep every digit that was sent.

They are read from text alone, never by way of a float, and rest as canonical text: sorted
keys, no spaces, numbers as they were written. One value has limits, so that whatever was
stored can be compared, printed and sent.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from assay.kernel.errors import BadDocument, Violation, clip
from assay.records import decode as decode_record
from assay.records import encode

MAX_BYTES = 1024 * 1024  # canonical text of one object
MAX_FIELDS = 10_000  # values at any depth: members of objects and items of lists
MAX_DEPTH = 32  # objects and lists inside each other
MAX_KEY = 200  # characters of a field's name
MAX_DIGITS = 400  # characters of a number
_TINIEST = -400  # decimal exponent of the smallest number
_NUMBERS = f"numbers from 1e{_TINIEST} to 1e308 of at most {MAX_DIGITS} digits"

# As in a field schema's names: nobody could see what is wrong with such a name.
_NO_KEY = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Refused(ValueError):
    """The text is no value that is kept; the message says why, for people."""


def parse(field: str, text: str) -> dict[str, Any]:
    """Return the JSON object `text`, its fractions as Decimal; numbers keep their digits.

    Raises:
        BadDocument: it is no JSON object or over a limit; the message names `field`.
    """
    return check(field, decode(field, text))


def decode(field: str, text: str) -> Any:
    """Return any JSON value, its fractions as Decimal; `check` has not seen it.

    Raises:
        BadDocument: it is no JSON, has a key twice in one object, or NaN or Infinity.
    """
    try:
        return _DECODER.decode(text)
    except _Refused as error:
        raise bad_document(field, str(error)) from error
    except RecursionError as error:
        raise bad_document(field, _too_deep()) from error
    except json.JSONDecodeError as error:
        says = str(error).splitlines()[0][:100]
        raise bad_document(field, f"cannot be read as JSON ({says})") from error
    except ValueError as error:
        # Python reads whole numbers of 4 300 digits at most, and says so in words of its own.
        said = f"a number of thousands of digits was sent; {_NUMBERS} are allowed"
        raise bad_document(field, said) from error


def check(field: str, value: object) -> dict[str, Any]:
    """Return `value`, made of JSON's types and Decimal, when it is an object that is kept.

    Raises:
        BadDocument: it is no object or over a limit; the message names `field`.
    """
    if not isinstance(value, dict):
        shown = "a list" if isinstance(value, list) else clip(json.dumps(value, default=str), 40)
        raise bad_document(field, f"{shown} was sent; a JSON object is allowed")
    try:
        _check_all(value)
    except _Refused as error:
        raise bad_document(field, str(error)) from error
    return value


def text_of(field: str, value: dict[str, Any]) -> str:
    """Return an object that `parse` or `check` returned as canonical text.

    Raises:
        BadDocument: it is larger than MAX_BYTES.
    """
    data = encode(value)
    size = len(data)
    if size > MAX_BYTES:
        raise bad_document(field, f"{size} bytes were sent; at most {MAX_BYTES} are allowed")
    return data.decode()


def read(text: str) -> dict[str, Any]:
    """Return the object whose canonical text is `text`, its fractions as Decimal."""
    return decode_record(dict[str, Any], text, exact=True)


def parse_confidence(field: str, value: object) -> dict[str, Any] | None:
    """Return a map from a place in a document to a number from 0 to 1; None for null.

    Raises:
        BadDocument: it is anything else.
    """
    if value is None:
        return None
    checked = check(field, value)
    for place, number in checked.items():
        is_number = isinstance(number, int | float | Decimal) and not isinstance(number, bool)
        if not is_number or not 0 <= number <= 1:
            shown = number if is_number else _kind(number)
            raise bad_document(
                field,
                f"'{clip(place, 40)}' has {clip(shown, 40)}; a number from 0 to 1 is allowed. "
                "Name nested fields by their place, such as 'vendor.name' or 'items[0].amount'",
            )
    return checked


def bad_document(field: str, description: str) -> BadDocument:
    """Return the refusal of a document's values."""
    return BadDocument(
        f"{field}: {description}.",
        metadata={"field": field},
        violations=(Violation(field=field, description=description),),
    )


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text) if len(text) <= MAX_DIGITS else _refuse_number(text)
    except InvalidOperation:
        return _refuse_number(text)


def _constant(text: str) -> object:
    raise _Refused(f"{text} was sent; finite numbers are allowed")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        times = Counter(key for key, _ in pairs)
        twice = next(key for key, count in times.items() if count > 1)
        raise _Refused(f"the key '{clip(twice, 40)}' is given twice in one object")
    return made


_DECODER = json.JSONDecoder(
    parse_float=_decimal, parse_constant=_constant, object_pairs_hook=_object
)


def _check_all(value: dict[str, Any]) -> None:
    """Check every value inside, level by level, so that no depth is too much for Python."""
    level: list[Any] = [value]
    fields = 0
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise _Refused(_too_deep())
        inside = [item for holder in level for item in _items(holder)]
        fields += len(inside)
        if fields > MAX_FIELDS:
            raise _Refused(f"more than {MAX_FIELDS} fields were sent, which are allowed")
        level = [item for item in inside if not _is_scalar(item)]


def _items(holder: dict[str, Any] | list[Any]) -> Iterator[Any]:
    if isinstance(holder, list):
        return iter(holder)
    for key in holder:
        if not 0 < len(key) <= MAX_KEY or not key.strip() or _NO_KEY.search(key):
            raise _Refused(
                f"'{clip(ascii(key)[1:-1], 40)}' names a field; 1 to {MAX_KEY} characters that "
                "are seen are allowed, without control characters"
            )
    return iter(holder.values())


def _is_scalar(value: Any) -> bool:
    kind = type(value)
    if kind is str:
        if not value.isascii() and _SURROGATE.search(value):
            raise _Refused("a text holds half of a surrogate pair, which is no character")
        return True
    if kind is dict or kind is list:
        return False
    if kind is int:
        if value.bit_length() > 1000 and not _has_double(value):
            _refuse_number(value)
    elif kind is Decimal or kind is float:
        _check_fraction(value)
    elif value is not None and kind is not bool:
        raise TypeError(f"{kind} is no type of JSON")
    return True


def _check_fraction(value: Decimal | float) -> None:
    if not math.isfinite(value):
        _constant(str(value))
    if isinstance(value, Decimal) and (
        math.isinf(float(value)) or (value and value.adjusted() < _TINIEST)
    ):
        _refuse_number(value)


def _has_double(value: int) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _refuse_number(value: object) -> Decimal:
    raise _Refused(f"the number {clip(value, 20)} was sent; {_NUMBERS} are allowed")


def _too_deep() -> str:
    return f"is nested deeper than {MAX_DEPTH} levels, which are allowed"


def _kind(value: object) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "a boolean"}.get(
        type(value), "null"
    )
