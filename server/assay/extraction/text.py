"""Texts in the form in which they are compared: Unicode, spaces and case made the same.

Every function here takes any string, half characters and control characters included, in time
linear in its length, and is idempotent.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache
from typing import Final

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
    if len(text) <= _SHORT or not _marks().search(text):
        normalize = unicodedata.normalize
        text = normalize("NFKC", normalize("NFKC", text).casefold())
        return " ".join(text.split())
    return " ".join(text.casefold().split())


def normal_code(text: str) -> str:
    """Return `normal_text` without any white space and dashes: INV-001 and inv 001 are the same."""
    return normal_text(text).translate(_NO_SEPARATORS)


def normal_choice(text: str) -> str:
    """Return `normal_text` with dashes and underscores as spaces: bank_transfer, Bank Transfer."""
    return " ".join(normal_text(text).translate(_AS_SPACES).split())


@lru_cache(maxsize=1)
def _marks() -> re.Pattern[str]:
    """Return what finds a long run of combining marks."""
    every = (chr(code) for code in range(0x300, sys.maxunicode + 1))
    marks = "".join(mark for mark in every if unicodedata.combining(mark))
    return re.compile(f"[{marks}]{{{_MAX_MARKS + 1}}}")
