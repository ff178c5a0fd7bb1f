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

from assay.extraction.currencies import Currencies, currencies_of, decimals_of, is_abbreviation

Point = Literal[".", ","]

MAX_TEXT: Final = 100
"""A longer text is no number: nobody writes one, and reading it would only cost time."""

_GROUP = r"(?P<group>[{other} '’ʼ`_])"
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
_NO_CENTS = re.compile(r"[.,:/](?:-{1,2}|=)")
_ODD = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "‐": "-", "\u2011": "-", "٫": ".", "٬": "'", "،": ","}
    | dict.fromkeys("‘‛′", "'")
    | dict.fromkeys("△▲", "-")  # minus signs of Japanese accounts
)
_ACUTE = " \u0301"  # what NFKC makes of an acute accent of its own
_ASIDE = re.compile(r"[(\[]([^()\[\]0-9]+)[)\]]")  # a currency in brackets, not an amount
_NO_CURRENCY = frozenset(("only", "金", "也"))  # words that close or open an amount
# What account statements write beside an amount, and whether it is a minus. Single letters, of
# Germany and Brazil, stand after it, where those that are currencies too (S, D) stand before.
_CREDIT: Mapping[str, bool] = {"cr": False, "dr": True, "db": True, "haben": False, "soll": True}
_CREDIT_AFTER: Mapping[str, bool] = {"h": False, "s": True, "c": False, "d": True}
_NO_SIGN = str.maketrans("+-", "  ")
_CENTS = re.compile(r"[.,][0-9]{2}$")
_ONLY_BEFORE = frozenset("ekmp")  # single letters that mean something else after a number
_UNIT = re.compile(
    r"(?P<number>.*[0-9)])(?P<unit> ?[^\W\d_](?:[^\W\d_]|[./°'\"·-](?=[^\W\d_]))*[23]?\.?| ?[°'\"]+[a-z]?)"
)
_LONGEST_UNIT = 20
_ARABIC_POINT = "٫"
_THREE = 3
_MULTIPLIERS = (
    "k tsd thousand tausend mille mil mio mln million millions millionen mn mrd bn billion dozen"
    " dutzend hundred lakh lac crore cr 千 万 萬 亿 億 兆 만 억 천"
)


class Amount(NamedTuple):
    """A number that was read. `currencies` is None where the text names none."""

    value: Decimal
    currencies: Currencies | None
    ambiguous: bool  # another reading was possible, and nothing declared which one is meant


@lru_cache(maxsize=256)
def decimal_point(locale: str) -> Point:
    """Return the sign before the decimals in the locale `locale`, such as de_DE.

    It is that of Latin digits: the sign of Arabic ones, ٫, is not used for anything else.
    """
    symbols = Locale.parse(locale.replace("-", "_")).number_symbols
    return "," if symbols.get("latn", {}).get("decimal") == "," else "."


def read_number(text: str, point: Point | None, *, unit: bool = False) -> Amount | None:
    """Return the number that a normal text says; None if it says none, or more than one.

    `point` is the locale's decimal sign, None where no locale is declared. With `unit` a word such
    as kg may follow the number, and is dropped.
    """
    if len(text) > MAX_TEXT:
        return None
    if _PLAIN.fullmatch(text):
        return Amount(Decimal(text), None, ambiguous=False)
    if _EXPONENT.fullmatch(text):
        return Amount(Decimal(text), None, ambiguous=False)
    point = "." if _ARABIC_POINT in text else point
    if unit:
        text = _without_unit(ascii_digits(text))
    parts = None if text.endswith("+") else _parts(text)  # 18+ is 18 or more
    if parts is None or f"{parts.head}{parts.tail}" not in {"", "%", "٪"}:
        return None
    result = _body(parts.body, point, marked=False, whole=parts.whole)
    return _signed(result, None, negative=parts.negative)


def read_money(text: str, point: Point | None) -> Amount | None:
    """Return the amount and the currencies that a normal text may mean, or None."""
    if len(text) > MAX_TEXT:
        return None
    if _PLAIN.fullmatch(text):
        return Amount(Decimal(text), None, ambiguous=False)
    point = "." if _ARABIC_POINT in text else point
    if "(" in text or "[" in text:
        text = _ASIDE.sub(r" \1 ", text)
    parts = _parts(text)
    if parts is None:
        return None
    words = _money_words(parts)
    if words is None:
        return None
    currencies, side = words
    if side is not None and (parts.negative or (currencies and "INR" in currencies)):
        return None  # cr is ten millions too, in India
    result = _money_body(parts, point, currencies)
    closed = parts.closed and currencies is not None and "JPY" in currencies
    negative = (parts.negative and not closed) or side is True
    amount = _signed(result, currencies, negative=negative)
    return amount._replace(ambiguous=True) if amount and (side is not None or closed) else amount


def _money_words(parts: _Parts) -> tuple[Currencies | None, bool | None] | None:
    """Return the currencies beside an amount, and whether a word makes it a minus.

    None where a word is unknown, or two contradict each other.
    """
    if parts.tail in _ONLY_BEFORE:
        return None  # thousands, millions or pence rather than a currency
    currencies: Currencies | None = None
    sides: list[bool] = []
    after = parts.tail.split()
    if after and after[-1] in _CREDIT_AFTER and _CENTS.search(parts.body):
        sides.append(_CREDIT_AFTER[after.pop()])
    for word in (*parts.head.split(), *after):
        named = currencies_of(word)
        if named is not None:
            currencies = named if currencies is None else currencies & named
        elif word.rstrip(".") in _CREDIT:
            sides.append(_CREDIT[word.rstrip(".")])
        elif word not in _NO_CURRENCY:
            return None
    if len(sides) > 1 or (currencies is not None and not currencies):
        return None
    return currencies, sides[0] if sides else None


def ascii_digits(text: str) -> str:
    """Return the text with every decimal digit of Unicode as one of 0 to 9, and plain signs."""
    if text.isascii():
        return text
    text = text.replace(_ACUTE, "'").translate(_ODD)
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(sign)) if sign > "\x7f" and sign.isdecimal() else sign
        for sign in text
    )


class _Parts(NamedTuple):
    """What stands before the digits, the digits, what stands after, and the sign.

    `point` says that a point before the digits may be of the word before, as in Rs.500; `whole`
    that the text says there are no cents; `closed` that the sign is a dash after the digits, which
    in Japan ends an amount.
    """

    head: str
    body: str
    tail: str
    negative: bool
    point: bool = False
    whole: bool = False
    closed: bool = False


def _parts(text: str) -> _Parts | None:
    """Take a text apart; None where it has no digits, or signs that do not belong together."""
    text = ascii_digits(text)
    first = _DIGITS.search(text)
    if first is None:
        return None
    start, end = first.start(), len(text)
    while not "0" <= text[end - 1] <= "9":
        end -= 1
    head, body = text[:start], text[start:end]
    tail = _NO_CENTS.sub("", text[end:], count=1)
    whole = tail != text[end:]
    point = head.endswith((".", ","))
    if point:
        head, body = head[:-1], "." + body
    brackets = head.count("(") + tail.count(")")
    minus = head.count("-") + tail.count("-")
    closed = minus == tail.count("-") == 1
    plus = head.count("+") + tail.count("+")
    if brackets not in {0, 2} or minus + plus + brackets // 2 > 1:
        return None
    if brackets:
        head, tail = head.replace("(", " ", 1), tail.replace(")", " ", 1)
    if minus or plus:
        head, tail = head.translate(_NO_SIGN), tail.translate(_NO_SIGN)
    return _Parts(head.strip(), body, tail.strip(), bool(minus or brackets), point, whole, closed)


def _money_body(
    parts: _Parts, point: Point | None, currencies: Currencies | None
) -> tuple[Decimal, bool] | None:
    """Return the value of an amount's digits, and whether it could be read otherwise.

    A point before the digits begins the decimals. Only after an abbreviation it may be that of the
    word, as in Rs.500 and in Fr.12.50, where it cannot be anything else.
    """
    body, decimals = parts.body, None if currencies is None else decimals_of(currencies)
    marked, whole = currencies is not None, parts.whole
    if not parts.point or not is_abbreviation(parts.head):
        return _body(body, point, marked=marked, whole=whole, decimals=decimals)
    other = _body(body[1:], point, marked=marked, whole=whole, decimals=decimals)
    if other is None:
        return None
    return other[0], other[1] or _MACHINE.fullmatch(body) is not None


def _without_unit(text: str) -> str:
    """Return what stands before a unit of measure; the text where it does not end with one."""
    result = _UNIT.fullmatch(text)
    if result is None or len(result["unit"]) > _LONGEST_UNIT:
        return text
    return text if result["unit"].strip(" .") in _MULTIPLIERS.split() else result["number"]


def _body(
    body: str, point: Point | None, *, marked: bool, whole: bool, decimals: int | None = None
) -> tuple[Decimal, bool] | None:
    """Return the value of digits and separators, and whether it could be read otherwise.

    `marked` says that a currency stands beside them, `whole` that there are no cents;
    `decimals` is how many the currency has, None where that is of no matter.
    """
    if body.isascii() and body.isdigit():
        return Decimal(body), False
    single = point is None and _THOUSAND.fullmatch(body) is not None
    if single and decimals == _THREE and not whole:
        return Decimal(body.replace(",", ".")), "," in body
    ambiguous = single and not whole and decimals != 0
    sign = point or _guess(body, grouped=single and (marked or whole or "," in body))
    result = _POINT[sign].fullmatch(body)
    if result is None:  # what a machine wrote is read in every locale
        return (Decimal(body), False) if _MACHINE.fullmatch(body) else None
    rest = result["rest"]
    digits = body[: -len(rest) - 1] if rest else body
    return Decimal(f"{_NOT_DIGITS.sub('', digits) or 0}.{rest or 0}"), ambiguous


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
