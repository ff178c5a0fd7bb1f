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

import numpy as np
from numpy.typing import NDArray

_SHORT = 256
_MAX_MARKS: Final = 64  # in a row; Unicode's own stream-safe format ends a run after 30
_DASHES: Final = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_NO_SEPARATORS = str.maketrans("", "", _DASHES + " ")
_AS_SPACES = str.maketrans(dict.fromkeys(_DASHES + "_", " "))
# Unicode's Default_Ignorable_Code_Point: nothing is displayed for them.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_ACCENTS = re.compile("[\u0300-\u036f]")  # those of Latin, Greek and Cyrillic letters
_OWN_LETTERS = str.maketrans("ıłđøħŧ", "ildoht") | str.maketrans({"æ": "ae", "œ": "oe"})
_RAISED = str.maketrans({sign: f"^{digit}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")})
_DIGIT = re.compile("[0-9]")
_FOOTNOTE = re.compile(r"(?<=\S) ?(?:[⁽(]?[⁰¹²³⁴-⁹₀-₉①-⒛⓪-⓿❶-➓]+[⁾)]?|[*†‡§¶]+\)?)\s*$")


def visible(text: str) -> str:
    """Return the text without characters that nobody sees, such as soft hyphens."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def is_blank(text: str) -> bool:
    """Return whether a text shows nothing: white space and invisible characters at most."""
    return not text.strip() or (not text.isascii() and not visible(text).strip())


def without_footnote(text: str) -> str:
    """Return a value without the footnote mark at its end: a raised or circled digit, a star."""
    last = text[-1:]
    if last.isascii() and last not in "*)" and not last.isspace():
        return text
    return _FOOTNOTE.sub("", visible(text))


def has_other_digits(text: str) -> bool:
    """Return whether a sign that is no digit becomes digits when normalised, as ², ½ and ⑴ do.

    A sign that begins with a letter, as ㎡ does, is a unit.
    """
    if text.isascii():
        return False
    forms = (unicodedata.normalize("NFKC", sign) for sign in text if not sign.isdecimal())
    return any(not form[0].isalpha() and _DIGIT.search(form) for form in forms)


def unaccented(text: str) -> str:
    """Return a normal text with Latin, Greek and Cyrillic letters without their accents.

    So names are the same in capitals, whose accents many languages drop, and whose dots on the i
    Unicode's case folding does not follow.
    """
    if text.isascii():
        return text
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", text)).translate(_OWN_LETTERS)
    return unicodedata.normalize("NFC", bare)


def normal_text(text: str) -> str:
    """Return NFKC, case folded, NFKC again, with runs of white space as one space and none outside.

    Invisible characters are left out, as in Unicode's NFKC_Casefold.

    A text with more than 64 combining marks in a row keeps its code points and loses case and
    spaces only: sorting such a run takes time quadratic in its length.
    """
    if text.isascii():
        return " ".join(text.casefold().split())
    text = visible(text)
    if len(text) <= _SHORT or not _piles_marks(text):
        normalize = unicodedata.normalize
        text = normalize("NFKC", normalize("NFKC", text).casefold())
        return " ".join(text.split())
    return " ".join(text.casefold().split())


def normal_code(text: str) -> str:
    """Return `normal_text` without any white space and dashes: INV-001 and inv 001 are the same.

    Raised digits stay apart from others: they are footnote marks.
    """
    code = normal_text(text if text.isascii() else text.translate(_RAISED)).translate(
        _NO_SEPARATORS
    )
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
