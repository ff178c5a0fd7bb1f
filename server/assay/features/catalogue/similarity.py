"""Similarity of a name to what is looked for."""

from __future__ import annotations

import difflib
import re

SIMILAR = 0.75  # ratio of matching characters from which names are alike
LONGEST = 100  # characters that are compared: that takes time by the product of the lengths

_BETWEEN = re.compile(r"[\W_]+")


def similarity(asked: str, name: str) -> float:
    """Return how similar a name is: 0 not at all, 1 spelt alike, 2 and more holding it, 3 equal."""
    wanted, known = _form(asked), _form(name)
    if not wanted:
        return 0.0
    if wanted in known:
        return 2 + len(wanted) / len(known)
    if all(word in known for word in wanted.split()):
        return 1 + len(wanted) / (len(known) + len(wanted))
    return _alike(wanted[:LONGEST], known[:LONGEST])


def holds(asked: str, text: str) -> bool:
    """Return whether a text meets a filter: commas divide alternatives, semicolons all of one."""
    known = text.casefold()
    return any(
        all(part.strip() in known for part in one.split(";"))
        for one in asked.casefold().split(",")
        if one.strip()
    )


def _alike(wanted: str, known: str) -> float:
    """Return 1 for names that differ in a letter or two, as a whole or in one word; else 0."""
    for one in (known, *known.split()):
        matcher = difflib.SequenceMatcher(None, one, wanted)
        # The first two are upper bounds of the third, which takes long.
        if (
            matcher.real_quick_ratio() >= SIMILAR
            and matcher.quick_ratio() >= SIMILAR
            and matcher.ratio() >= SIMILAR
        ):
            return matcher.ratio()
    return 0.0


def _form(name: str) -> str:
    return _BETWEEN.sub(" ", name.casefold()).strip()
