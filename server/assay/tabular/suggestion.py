"""Suggestion of the known name that a misspelt one is nearest to."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

SIMILAR = 0.75  # ratio of matching characters from which a name is suggested
SIMILAR_WORD = 0.85  # the same of one word of a name, of which less is known
LONGEST = 100  # characters that are compared: that takes time by the product of the lengths


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, whatever its case and separators, or None.

    Where no whole name is like it, one is meant of which it is a word, as `split` is of
    `dataset_split`, if that is so of one alone.
    """
    names = tuple(dict.fromkeys(known))
    asked = _form(name[:LONGEST])
    by_form = {_form(one[:LONGEST]): one for one in reversed(names)}
    similar = difflib.get_close_matches(asked, by_form, n=1, cutoff=SIMILAR)
    if similar:
        return by_form[similar[0]]
    having = [
        one
        for one in names
        if difflib.get_close_matches(asked, _words(one), n=1, cutoff=SIMILAR_WORD)
    ]
    return having[0] if len(having) == 1 else None


def _form(name: str) -> str:
    return "".join(_words(name))


def _words(name: str) -> list[str]:
    return re.split(r"[-_ ]", name[:LONGEST].lower())
