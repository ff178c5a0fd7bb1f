"""Places in documents, such as line_items[2].amount or seller["VAT id"]: the values they lead to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from assay.extraction.values import MISSING, is_list

# As extraction.schema.join and the numbers of rows write them.
_STEP = re.compile(r'\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.\[\]]+)')


def value_at(document: Any, place: str) -> Any:
    """Return the value at a place of a document, or MISSING."""
    value = document
    for step in _steps(place):
        if isinstance(step, int):
            value = value[step] if is_list(value) and step < len(value) else MISSING
        else:
            value = value.get(step, MISSING) if isinstance(value, Mapping) else MISSING
    return value


@lru_cache(maxsize=4096)  # documents share their places
def _steps(place: str) -> tuple[str | int, ...]:
    found: list[str | int] = []
    for row, quoted, name in _STEP.findall(place):
        found.append(int(row) if row else json.loads(quoted) if quoted else name)
    return tuple(found)
