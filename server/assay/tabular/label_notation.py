"""Notations of labels: texts that mean one label, and words that stand for none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from assay.tabular.errors import truncate

# How NumPy, pandas, R and spreadsheets write a value that is missing. "NA" and "none" are names.
MISSING_WORDS = frozenset(
    {"nan", "NaN", "NAN", "-nan", "None", "null", "NULL", "Null", "<NA>", "NaT", "#N/A", "#NA"}
)
NOTATION_WAY_OUT = (
    "Write it in one way, or declare both labels with the model if they are two classes"
)
_BOOLEANS = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n"})
_NUMBER = re.compile(r"([+-]?\d+)\.(\d*?)0*", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MANY_NUMBERS = 50  # integers that stand for classes are fewer, or come more than once
_BLANKS = re.compile(r"\s+")


@lru_cache(maxsize=8192)  # blocks of one upload have the same labels
def plain_form(label: str) -> str:
    """Return what labels have in common that differ in their notation alone.

    That is Unicode composition and width, characters that nobody sees, blanks, the case of
    words for true and false, and zeros behind a decimal point.
    """
    text = unicodedata.normalize("NFKC", label)
    if not text.isascii():
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    text = _BLANKS.sub(" ", text).strip()
    number = _NUMBER.fullmatch(text)
    if number:
        return f"{number[1]}.{number[2]}" if number[2] else number[1]
    return text.casefold() if text.casefold() in _BOOLEANS else text


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
