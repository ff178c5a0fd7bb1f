"""Notations of labels: texts that mean one label, and words that stand for none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache

from assay.tabular.errors import truncate

# How NumPy, pandas and spreadsheets write a value that is missing.
MISSING_WORDS = frozenset(
    {"nan", "NaN", "NAN", "-nan", "-NaN", "None", "null", "NULL", "Null", "<NA>", "NaT", "#N/A"}
    | {"#N/A N/A", "#NA", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND"}
)
MAYBE_MISSING = frozenset({"NA", "N/A", "n/a", "?", "-", "."})
"""How R, SAS and surveys write a missing value, which may be classes too: NA is Namibia."""

NOTATION_WAY_OUT = (
    "Write it in one way, or declare both labels with the model if they are two classes"
)
_BOOLEANS = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n"})
_NUMBER = re.compile(r"([+-]?)0*(\d+)(?:\.(\d*?)0*)?", re.ASCII)
_EXPONENT = re.compile(r"[+-]?\d+(?:\.\d*)?[eE][+-]?\d{1,2}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MANY_NUMBERS = 50  # integers that stand for classes are fewer, or come more than once
_BLANKS = re.compile(r"\s+")
# What nobody sees beside the characters of the category Cf: fillers and variation selectors.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
_SIGNS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u2032", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"')
)


@lru_cache(maxsize=8192)  # blocks of one upload have the same labels
def plain_form(label: str) -> str:
    """Return what labels have in common that differ in their notation alone.

    That is Unicode composition and width, characters that nobody sees, blanks, kinds of dashes
    and quotes, the case of words for true and false, and how a number is written: its plus, zeros
    at its ends and its exponent.
    """
    text = label
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
        text = text.translate(_SIGNS)
    text = _BLANKS.sub(" ", text).strip()
    if _EXPONENT.fullmatch(text):
        text = format(Decimal(text), "f")
    number = _NUMBER.fullmatch(text)
    if number:
        sign, whole, rest = number[1], number[2], number[3] or ""
        plain = f"{whole}.{rest}" if rest else whole
        return f"-{plain}" if sign == "-" and plain != "0" else plain
    return text.casefold() if text.casefold() in _BOOLEANS else text


def is_missing(label: str) -> bool:
    """Say whether a label stands for no value: a word for it, or nothing that is seen."""
    form = plain_form(label)
    return not form or form in MISSING_WORDS


def shown(label: str) -> str:
    """Return a label for a message: in quotes, and what nobody sees as escapes."""
    text = truncate(label)
    seen = text if text.isascii() or text == plain_form(text) else ascii(text)[1:-1]
    return f"'{seen}'"


def are_measured(labels: Sequence[str], rows: int) -> bool:
    """Say whether labels are numbers as they are measured: with fractions, or hardly twice each.

    A fraction may stand behind a decimal comma.
    """
    numbers = [label.replace(",", ".") for label in labels]
    if not numbers or not all(map(_DECIMAL.fullmatch, numbers)):
        return False
    has_fraction = any("." in plain_form(number) for number in numbers)
    return has_fraction or (len(numbers) > MANY_NUMBERS and rows < 2 * len(numbers))


def two_notations(labels: Iterable[str]) -> tuple[str, str] | None:
    """Return the first two labels that differ in their notation alone, or None."""
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(plain_form(label), label)
        if other != label:
            return other, label
    return None
