"""Suggestion of the allowed name that a misspelt one is nearest to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from assay.kernel.errors import clip

SIMILAR = 0.6  # ratio of matching characters from which a name is suggested
MAX_ALLOWED_CHARS = 300  # of the list of allowed names in a message


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name most like `name`, whatever its case and separators, or None."""
    by_form = {_form(one): one for one in reversed(tuple(allowed))}
    # Cut before it is compared: comparing takes time by the product of the lengths.
    similar = difflib.get_close_matches(_form(clip(name)), by_form, n=1, cutoff=SIMILAR)
    return by_form[similar[0]] if similar else None


def advice(name: str, allowed: Iterable[str]) -> str:
    """Return the end of a refusal: the nearest allowed name, if any, and all allowed ones."""
    names = tuple(allowed)
    near = nearest(name, names)
    question = f"; did you mean '{near}'?" if near else "."
    return f"{question} Allowed: {clip(', '.join(names) or 'none', MAX_ALLOWED_CHARS)}."


def _form(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
