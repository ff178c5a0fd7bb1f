"""Texts in the form in which they are compared: Unicode, spaces and case made the same.

Every function here takes any string, half characters and control characters included, in time
linear in its length, and is idempotent.
"""

from __future__ import annotations

import sys
import unicodedata
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_SHORT = 256
_MAX_MARKS: Final = 64  # in a row; Unicode's own stream-safe format ends a run after 30
_DASHES: Final = "-\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_NO_SEPARATORS = str.maketrans("", "", _DASHES + " ")
_AS_SPACES = str.maketrans(dict.fromkeys(_DASHES + "_", " "))


def normal_text(text: str) -> str:
    """Return NFKC, case folded, NFKC again, with runs of white space as one space and none outside.

    A text with more than 64 combining marks in a row keeps its code points and loses case and
    spaces only: sorting such a run takes time quadratic in its length.
    """
    if text.isascii():
        return " ".join(text.casefold().split())
    if len(text) <= _SHORT or not _piles_marks(text):
        normalize = unicodedata.normalize
        text = normalize("NFKC", normalize("NFKC", text).casefold())
        return " ".join(text.split())
    return " ".join(text.casefold().split())


def normal_code(text: str) -> str:
    """Return `normal_text` without any white space and dashes: INV-001 and inv 001 are the same."""
    code = normal_text(text).translate(_NO_SEPARATORS)
    return code if code.isascii() else normal_text(code)  # what stood apart may now combine


def normal_choice(text: str) -> str:
    """Return `normal_text` with dashes and underscores as spaces: bank_transfer, Bank Transfer."""
    return normal_text(normal_text(text).translate(_AS_SPACES))


def _piles_marks(text: str) -> bool:
    """Return whether more combining marks than allowed stand in a row."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    before = np.concatenate(([0], np.cumsum(_marks()[codes], dtype=np.int64)))
    run = _MAX_MARKS + 1
    return bool((before[run:] - before[:-run] == run).any())


@lru_cache(maxsize=1)
def _marks() -> NDArray[np.bool_]:
    """Return for each code point whether it is a combining mark."""
    every = range(sys.maxunicode + 1)
    return np.fromiter((unicodedata.combining(chr(code)) > 0 for code in every), dtype=bool)
