"""Paths of fields in documents, such as line_items[2].amount or seller["VAT id"].

`[]` stands for every row of a list or table: line_items[].amount is the path of a field, with a
number in place of it the path of one value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from assay.extraction.values import JSON, MISSING, is_list

MAX_NAME: Final = 200  # code points of one name

_PLAIN_NAME = re.compile(r"[^\s.\[\]\"\\\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_STEP = re.compile(r'\[(\d*)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.\[\]]+)')


@dataclass(frozen=True, slots=True)
class FieldPath:
    """Names of fields, numbers of rows from 0, and None for every row."""

    steps: tuple[str | int | None, ...] = ()

    @classmethod
    def parse(cls, text: str) -> FieldPath:
        """Return the path that `str` wrote."""
        return _parsed(text)

    def child(self, name: str) -> FieldPath:
        """Return the path of the field `name` inside of the one at this path."""
        return FieldPath((*self.steps, name))

    def __str__(self) -> str:
        text = ""
        for step in self.steps:
            if isinstance(step, str):
                text = join(text, step)
            else:
                text += "[]" if step is None else f"[{step}]"
        return text

    def get(self, document: JSON) -> JSON:
        """Return the value that the path leads to, or MISSING."""
        value = document
        for step in self.steps:
            if type(value) is dict or isinstance(value, Mapping):  # the first is much faster
                value = value.get(step, MISSING)
            elif isinstance(step, int) and is_list(value) and step < len(value):
                value = value[step]
            else:
                return MISSING
        return value


def join(path: str, name: str) -> str:
    """Return the path of the field `name` inside of `path`; odd names are quoted as JSON is."""
    if not _PLAIN_NAME.fullmatch(name):
        return f"{path}[{json.dumps(name[:MAX_NAME])}]"
    return f"{path}.{name}" if path else name


@lru_cache(maxsize=4096)  # documents share their paths
def _parsed(text: str) -> FieldPath:
    steps: list[str | int | None] = []
    for row, quoted, name in _STEP.findall(text):
        if name:
            steps.append(name)
        elif quoted:
            steps.append(json.loads(quoted))
        else:
            steps.append(int(row) if row else None)
    return FieldPath(tuple(steps))
