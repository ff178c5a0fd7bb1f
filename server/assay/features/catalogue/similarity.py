"""Similarity of a name to what is looked for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

SIMILAR = 0.75  # ratio of matching characters from which names are alike
LONGEST = 100  # characters that are compared: that takes time by the product of the lengths

_BETWEEN = re.compile(r"[\W_]+")


def similar(asked: str, names: Mapping[str, str]) -> dict[str, float]:
    """Return how similar the names of some keys are, of those that are at all; 2 is equal.

    Names that hold what is asked for, or all of its words, are alike; where none does those are
    that are spelt nearly so.
    """
    wanted = _form(asked)
    if not wanted:
        return {}
    forms = {key: _form(name) for key, name in names.items()}
    found = {key: _holding(wanted, known) for key, known in forms.items()}
    scores = {key: score for key, score in found.items() if score}
    return scores or _alike(wanted, forms)


def holds(asked: str, text: str) -> bool:
    """Return whether a text meets a filter: commas divide alternatives, semicolons all of one."""
    known = text.casefold()
    return any(
        all(part.strip() in known for part in one.split(";"))
        for one in asked.casefold().split(",")
        if one.strip()
    )


def _holding(wanted: str, known: str) -> float:
    share = len(wanted) / (len(known) or 1)
    if wanted in known:
        return 1 + share
    return min(share, 1) if all(word in known for word in wanted.split()) else 0.0


def _alike(wanted: str, forms: Mapping[str, str]) -> dict[str, float]:
    """Return the names that differ in a letter or two; for a word those with such a word."""
    matcher = difflib.SequenceMatcher(None, "", wanted[:LONGEST])
    is_word = " " not in wanted
    found: dict[str, float] = {}
    for key, known in forms.items():
        for one in [known[:LONGEST], *(known[:LONGEST].split() if is_word else ())]:
            matcher.set_seq1(one)
            # The first two are upper bounds of the third, which takes long.
            if (
                matcher.real_quick_ratio() >= SIMILAR
                and matcher.quick_ratio() >= SIMILAR
                and matcher.ratio() >= SIMILAR
            ):
                found[key] = max(found.get(key, 0.0), matcher.ratio())
    return found


def _form(name: str) -> str:
    return _BETWEEN.sub(" ", name.casefold()).strip()
