"""Shapes of words as hashes: letters, ends, form and kind, whatever a word stands beside."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

LETTERS: Final = 40  # what is longer is known by its beginning and its length
COUNT: Final = 15  # hashes of a word
PLAIN, SHORT, KIND = range(3)  # of these: in lower case with 0 for digits, short shape, kind
NEAR: Final = 3  # the first hashes, by which neighbours are known
BARE: Final = COUNT - 1  # in lower case, without the signs at its ends
_ENDS = (1, 2, 3, 4)  # letters of prefixes and suffixes
_KINDS: Final = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("percent", r"[-+]?\d+([.,]\d+)?%"),
        ("date", r"\d{1,4}([./-])\d{1,2}\1\d{1,4}\.?"),
        ("year", r"(19|20)\d\d"),
        ("money", r"\D{0,3}\d{1,3}([.,'’\s]?\d{3})*[.,]\d\d\D{0,3}"),
        ("amount", r"[-+]?\d{1,3}([.,'’]\d{3})+"),
        ("ordinal", r"\d{1,2}\."),
        ("digits", r"\d+"),
        ("decimal", r"[-+]?\d+[.,]\d+"),
        ("bank", r"[A-Z]{2}\d\d[A-Z0-9]{0,30}"),
        (
            "currency",
            r"[A-Z]{0,3}[$€£¥₹₽₩]|USD|EUR|GBP|CHF|SEK|NOK|DKK|PLN|CZK|BRL|JPY|CNY|INR|kr|zł",
        ),
        ("mail", r"[^@\s]+@[^@\s]+"),
        ("capitals", r"[A-Z]+"),
        ("name", r"[A-ZÀ-ÞĄ-Ž][^\W\d_]+"),
        ("code", r"(?=.*\d)[A-Za-z0-9./_#-]+"),
        ("telephone", r"[+(]?[\d()/ -]+"),
        ("label", r"\D+:"),
    )
)


def word_hashes(vocabulary: Sequence[str]) -> NDArray[np.uint32]:
    """Return (words, COUNT) hashes of each word by itself; the first NEAR are coarse ones."""
    found = np.empty((len(vocabulary), COUNT), dtype=np.uint32)
    for place, word in enumerate(vocabulary):
        found[place] = _hashes(word)
    return found


def is_name(vocabulary: Sequence[str]) -> NDArray[np.bool_]:
    """Return (words,) flags of those that can name what stands beside them.

    They have a letter and no digit, and are no currency.
    """
    return np.fromiter(map(_is_name, vocabulary), dtype=np.bool_, count=len(vocabulary))


def _is_name(word: str) -> bool:
    head = word[:LETTERS]
    if any(sign.isdigit() for sign in head) or not any(sign.isalpha() for sign in head):
        return False
    return kind_of(head) != "currency"


def kind_of(word: str) -> str:
    """Return what a word is, as far as its letters tell: "date", "money", "name", … or "other"."""
    head = word[:LETTERS]
    return next((name for name, pattern in _KINDS if pattern.fullmatch(head)), "other")


def shape_of(word: str) -> str:
    """Return a word with X for capitals, x for other letters and 0 for digits."""
    signs = (
        "0" if sign.isdigit()
        else "X" if sign.isupper()
        else "x" if sign.isalpha()
        else sign
        for sign in word
    )  # fmt: skip
    return "".join(signs)


def _hashes(word: str) -> list[int]:
    head = word[:LETTERS]
    shape = shape_of(head)
    short = re.sub(r"(.)\1+", r"\1", shape)
    plain = "".join("0" if sign.isdigit() else sign for sign in head.lower())
    texts = [plain, short, kind_of(head), shape, f"{len(word).bit_length()}", head]
    texts += [plain[:size] for size in _ENDS]
    texts += [plain[-size:] for size in _ENDS]
    texts.append(plain.strip(":.,;()#"))
    # The start value tells apart what each text is.
    return [zlib.crc32(text.encode(), kind) for kind, text in enumerate(texts)]
