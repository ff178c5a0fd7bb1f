"""Advice at the end of a refusal of a name that is not allowed."""

from __future__ import annotations

from collections.abc import Iterable

from assay.kernel.errors import clip
from assay.tabular.suggestion import nearest

MAX_ALLOWED_CHARS = 300  # of the list of allowed names in a message


def advice(name: str, allowed: Iterable[str]) -> str:
    """Return the end of a refusal: the nearest allowed name, if any, and all allowed ones."""
    names = tuple(allowed)
    near = nearest(name, names)
    question = f"; did you mean '{near}'?" if near else "."
    return f"{question} Allowed: {clip(', '.join(names) or 'none', MAX_ALLOWED_CHARS)}."
