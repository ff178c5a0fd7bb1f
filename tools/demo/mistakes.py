"""Errors of reading: how texts, numbers and tables go wrong."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

Rows = list[tuple[int | None, dict[str, Any]]]  # which row of the invoice it was; None: of none

_CONFUSED = {
    "0": "O", "O": "0", "1": "l", "l": "1", "5": "S", "S": "5", "8": "B", "B": "8", "2": "Z",
    "6": "G", "rn": "m", "m": "rn", "e": "c", "c": "e", "u": "n", "n": "u", "ü": "u", "ö": "o",
    "ä": "a", "é": "e", "è": "e", "ł": "l", "ą": "a", "ż": "z", "ã": "a", "ç": "c", "å": "a",
    "3": "8", "4": "A", "7": "1", "9": "g",
}  # fmt: skip
_DIGITS = {"0": "6", "1": "7", "2": "7", "3": "8", "4": "9", "5": "6", "6": "5", "7": "1", "8": "3"}


def confused(text: str, chance: random.Random) -> str:
    """Return `text` with one letter or digit taken for another."""
    places = [(at, old) for old in _CONFUSED for at in range(len(text)) if text.startswith(old, at)]
    at, old = chance.choice(sorted(places)) if places else (0, text[:1])
    return text[:at] + _CONFUSED.get(old, "?") + text[at + len(old) :]


def cut_off(text: str) -> str:
    """Return the first half of `text`, as a column that is too narrow shows it."""
    return text[: max(1, len(text) // 2)].rstrip()


def misread(printed: str, chance: random.Random) -> str:
    """Return a printed number with one digit taken for another."""
    at = chance.choice([at for at, sign in enumerate(printed) if sign.isdigit()])
    return printed[:at] + _DIGITS.get(printed[at], "4") + printed[at + 1 :]


def other_separators(amount: Decimal) -> str:
    """Return an amount whose point was taken for a comma, and the other way round."""
    return str(amount * 100) if amount < 1000 else str(amount / 1000)


def merged(rows: Rows, at: int) -> Rows:
    """Return rows of which two that follow each other are one, with the numbers of the second."""
    first, (second, row) = rows[at][1], rows[at + 1]
    text = " ".join(str(one.get("description", "")) for one in (first, row)).strip()
    return [*rows[:at], (second, {**row, "description": text}), *rows[at + 2 :]]


def split(rows: Rows, at: int) -> Rows:
    """Return rows of which one lost the end of its description to a row of its own."""
    number, row = rows[at]
    words = str(row.get("description", "?")).split()
    half = len(words) // 2
    upper = {**row, "description": " ".join(words[:half]) or "-"}
    lower = {"description": " ".join(words[half:])}
    return [*rows[:at], (number, upper), (None, lower), *rows[at + 1 :]]
