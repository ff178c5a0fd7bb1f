"""Words for yes and no, case folded, in the languages of the documents met most."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

_BOX = re.compile(r"\[ ?(.*?) ?\]|\( ?(.*?) ?\)|:(.+):")
_ONE_OR_ZERO = re.compile(r"([01])\.0+")
_TRUE = [
    "true",
    "yes",
    "y",
    "t",
    "1",
    "on",
    "checked",
    "selected",
    "ticked",
    "marked",
    "x",
    "✓",
    "✔",
    "☑",
    "☒",
    "✅",
    "🗹",
    "🗸",
    "🗷",
    "ja",
    "j",
    "wahr",
    "oui",
    "o",
    "vrai",
    "si",
    "sí",
    "sì",
    "verdadero",
    "vero",
    "sim",
    "verdadeiro",
    "tak",
    "prawda",
    "ano",
    "kyllä",
    "igen",
    "da",
    "да",
    "так",
    "evet",
    "doğru",
    "ναι",
    "כן",
    "نعم",
    "हाँ",
    "はい",
    "是",
    "예",
]
_FALSE = [
    "false",
    "no",
    "n",
    "f",
    "0",
    "off",
    "unchecked",
    "unselected",
    "not selected",
    "unticked",
    "not checked",
    "unmarked",
    "✗",
    "✘",
    "☐",
    "⬜",
    "❌",
    "nein",
    "falsch",
    "non",
    "faux",
    "falso",
    "não",
    "nao",
    "nee",
    "nie",
    "fałsz",
    "ne",
    "nej",
    "nei",
    "ei",
    "nem",
    "nu",
    "нет",
    "ні",
    "hayır",
    "yanlış",
    "όχι",
    "לא",
    "لا",
    "नहीं",
    "いいえ",
    "否",
    "아니요",
]

BOOLEANS: Mapping[str, bool] = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
"""What a normal text means as a boolean; a word that is not here means neither."""


def truth_of(text: str, other: T) -> bool | T:
    """Return what a normal text means as a boolean, `other` where it means neither.

    A mark may stand in a box, `[x]`, or be a word of a form reader, `:selected:`; an empty box is
    no. `1.0` is what a data frame writes for yes.
    """
    number = _ONE_OR_ZERO.fullmatch(text)
    if number:
        return number[1] == "1"
    box = _BOX.fullmatch(text)
    if box is None:
        return BOOLEANS.get(text, other)
    mark = next((inner for inner in box.groups() if inner is not None), "")
    return False if not mark else BOOLEANS.get(mark, other)
