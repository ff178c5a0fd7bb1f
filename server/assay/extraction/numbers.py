"""Numbers and money as texts write them: Decimal values, never floats, and no silent guess.

What is read is `normal_text`: NFKC, case folded, single spaces. docs/extraction.md has the rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from babel import Locale

from assay.extraction.currencies import Currencies, currencies_of

Point = Literal[".", ","]

MAX_TEXT: Final = 100
"""A longer text is no number: nobody writes one, and reading it would only cost time."""

_GROUP = r"(?P<group>[{other} '’ʼ_])"
_SHAPE = (
    r"(?:\d+|\d{{1,3}}" + _GROUP + r"\d{{3}}(?:(?P=group)\d{{3}})*"
    r"|\d{{1,2}}(?P<pair>[, ])(?:\d{{2}}(?P=pair))*\d{{2}}(?P=pair)\d{{3}})(?:{point}(?P<rest>\d+))?"
)
_POINT: Mapping[Point, re.Pattern[str]] = {
    ".": re.compile(_SHAPE.format(other=",", point=r"\."), re.ASCII),
    ",": re.compile(_SHAPE.format(other=".", point=","), re.ASCII),
}
_MACHINE = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]{1,2})?")  # has one reading only, in any locale
_EXPONENT = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?e[+-]?[0-9]{1,3}")
_THOUSAND = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
_DIGITS = re.compile(r"[0-9]")
_NOT_DIGITS = re.compile(r"[^0-9]")
_NO_CENTS = re.compile(r"[.,](?:-{1,2}|=)")
_ODD = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "‐": "-", "\u2011": "-", "٫": ".", "٬": "'"}
    | dict.fromkeys("\u200e\u200f\u061c", "")
)


class Amount(NamedTuple):
    """A number that was read. `currencies` is None where the text names none."""

    value: Decimal
    currencies: Currencies | None
    ambiguous: bool  # another reading was possible, and nothing declared which one is meant


@lru_cache(maxsize=256)
def decimal_point(locale: str) -> Point:
    """Return the sign before the decimals in the locale `locale`, such as de_DE."""
    parsed = Locale.parse(locale.replace("-", "_"))
    symbols = parsed.number_symbols[parsed.default_numbering_system]
    return "," if symbols["decimal"] == "," else "."


def read_number(text: str, point: Point | None) -> Amount | None:
    """Return the number that a normal text says; None if it says none, or more than one.

    `point` is the locale's decimal sign, None where no locale is declared.
    """
    if len(text) > MAX_TEXT:
        return None
    if _PLAIN.fullmatch(text):
        return Amount(Decimal(text), None, ambiguous=False)
    if _EXPONENT.fullmatch(text):
        return Amount(Decimal(text), None, ambiguous=False)
    parts = _parts(text)
    if parts is None:
        return None
    head, body, tail, negative = parts
    if head or tail.strip() not in {"", "%"}:
        return None
    result = _body(body, point, marked=False)
    return _signed(result, None, negative=negative)


def read_money(text: str, point: Point | None) -> Amount | None:
    """Return the amount and the currencies that a normal text may mean, or None."""
    if len(text) > MAX_TEXT:
        return None
    if _PLAIN.fullmatch(text):
        return Amount(Decimal(text), None, ambiguous=False)
    parts = _parts(text)
    if parts is None:
        return None
    head, body, tail, negative = parts
    currencies: Currencies | None = None
    for word in f"{head} {tail}".split():
        named = currencies_of(word)
        if named is None:
            return None
        currencies = named if currencies is None else currencies & named
    if currencies is not None and not currencies:  # two that contradict each other
        return None
    result = _body(body, point, marked=currencies is not None)
    return _signed(result, currencies, negative=negative)


def ascii_digits(text: str) -> str:
    """Return the text with every decimal digit of Unicode as one of 0 to 9, and plain signs."""
    if text.isascii():
        return text
    text = text.translate(_ODD)
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(sign)) if sign > "\x7f" and sign.isdecimal() else sign
        for sign in text
    )


def _parts(text: str) -> tuple[str, str, str, bool] | None:
    """Return what stands before the digits, the digits, what stands after, and the sign."""
    text = ascii_digits(text)
    first = _DIGITS.search(text)
    if first is None:
        return None
    start, end = first.start(), len(text)
    while not "0" <= text[end - 1] <= "9":
        end -= 1
    head, body, tail = text[:start], text[start:end], _NO_CENTS.sub("", text[end:], count=1)
    if head.endswith((".", ",")) and not head[:-1].strip("+-( "):
        head, body = head[:-1], "." + body
    brackets = head.count("(") + tail.count(")")
    minus = head.count("-") + tail.count("-")
    if brackets not in {0, 2} or minus + head.count("+") + brackets // 2 > 1:
        return None
    if brackets:
        head, tail = head.replace("(", " ", 1), tail.replace(")", " ", 1)
    if minus or "+" in head:
        head, tail = head.replace("-", " ").replace("+", " "), tail.replace("-", " ")
    return head.strip(), body, tail.strip(), bool(minus or brackets)


def _body(body: str, point: Point | None, *, marked: bool) -> tuple[Decimal, bool] | None:
    """Return the value of digits and separators, and whether it could be read otherwise."""
    if body.isascii() and body.isdigit():
        return Decimal(body), False
    ambiguous = point is None and _THOUSAND.fullmatch(body) is not None
    sign = point or _guess(body, grouped=ambiguous and (marked or "," in body))
    result = _POINT[sign].fullmatch(body)
    if result is None:  # what a machine wrote is read in every locale
        return (Decimal(body), False) if _MACHINE.fullmatch(body) else None
    rest = result["rest"]
    whole = body[: -len(rest) - 1] if rest else body
    return Decimal(f"{_NOT_DIGITS.sub('', whole)}.{rest or 0}"), ambiguous


def _guess(body: str, *, grouped: bool) -> Point:
    """Return the decimal sign of digits whose locale nobody declared."""
    points, commas = body.count("."), body.count(",")
    if points and commas:
        return "." if body.rfind(".") > body.rfind(",") else ","
    if points > 1 or (points and grouped):
        return ","
    if commas > 1 or (commas and grouped):
        return "."
    return "," if commas else "."


def _signed(
    result: tuple[Decimal, bool] | None, currencies: Currencies | None, *, negative: bool
) -> Amount | None:
    if result is None:
        return None
    value, ambiguous = result
    return Amount(value.copy_negate() if negative else value, currencies, ambiguous)
