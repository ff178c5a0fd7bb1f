"""Unexpected fields: those that a schema does not know, found so that they can be counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from assay.extraction.field_path import MAX_NAME, join
from assay.extraction.normalizer import state_of
from assay.extraction.schema import Field, FieldSchema, FieldType
from assay.extraction.values import JSON, is_list


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What is known of one level: its names, and what lies below those that are branches."""

    names: frozenset[str]
    branches: tuple[Field, ...]
    below: Mapping[str, _Known]


def unexpected_paths(schema: FieldSchema, extracted: Mapping[str, JSON]) -> tuple[str, ...]:
    """Return the path of each extracted value that the schema does not declare.

    A path comes once for each value: fields that the schema does not name, and values of another
    shape than it says, such as a text where a table is declared. Empty values do not count.
    """
    out: list[str] = []
    _level(_known_of(schema.encoded()), extracted, "", out)
    return tuple(out)


@lru_cache(maxsize=64)
def _known_of(schema: bytes) -> _Known:
    return _known(FieldSchema.parse(schema).fields)


def _known(fields: tuple[Field, ...]) -> _Known:
    branches = tuple(field for field in fields if not field.type.leaf)
    below: dict[str, _Known] = {}
    for field in branches:
        inner = field
        while inner.item is not None:
            inner = inner.item
        below[field.name] = _known(inner.fields)
    names = frozenset(field.name for field in fields)
    return _Known(names=names, branches=branches, below=below)


def _level(known: _Known, row: Mapping[str, JSON], path: str, out: list[str]) -> None:
    if not known.names.issuperset(row):
        for key, value in row.items():
            if key not in known.names and state_of(value) is None:
                out.append(join(path, str(key)[:MAX_NAME]))
    for field in known.branches:
        value = row.get(field.name)
        if state_of(value) is None:
            _branch(field, known.below[field.name], value, join(path, field.name), out)


def _branch(field: Field, below: _Known, value: JSON, path: str, out: list[str]) -> None:
    if field.type is FieldType.OBJECT:
        if isinstance(value, Mapping):
            _level(below, value, path, out)
        else:
            out.append(path)
    elif not is_list(value):
        out.append(path)
    elif field.item is None:
        for row in value:
            if isinstance(row, Mapping):
                _level(below, row, f"{path}[]", out)
            elif state_of(row) is None:
                out.append(f"{path}[]")
    elif not field.item.type.leaf:
        for item in value:
            if state_of(item) is None:
                _branch(field.item, below, item, f"{path}[]", out)
