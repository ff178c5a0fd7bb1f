"""Compiled schemas: what a comparison reads where, made once per schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from assay.extraction.field_path import FieldPath, join
from assay.extraction.normalizer import NormalizedValue, Normalizer, compile_normalizer
from assay.extraction.schema import Field, FieldSchema, FieldType
from assay.extraction.values import JSON, is_list

_WORDED = frozenset((FieldType.TEXT, FieldType.ENUM, FieldType.CODE))


def rows_at(row: JSON, branch: ArrayField) -> Sequence[JSON]:
    """Return the rows of a list or table of `row`; none if there is no array."""
    value = branch.keys.get(row)
    return value if is_list(value) else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LeafField:
    """A value to compare. `keys` lead to it from its row; `suffix` is what its place adds."""

    keys: FieldPath
    suffix: str
    path: str
    read: Normalizer
    fuzzy: bool
    threshold: float
    money: bool
    worded: bool  # whether values are words: a text, an enum or a code
    absent: bool  # whether texts are declared that say no value
    default: JSON  # None declares none
    default_reading: NormalizedValue | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrayField:
    """A list or a table to align: its rows have the shape `rows`."""

    keys: FieldPath
    suffix: str
    path: str
    rows: CompiledFields


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectCheck:
    """An object, or a row of a table: what should be a mapping and may not be."""

    keys: FieldPath
    suffix: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledFields:
    """What a document, a row or an item holds, objects taken apart, in the schema's order."""

    members: tuple[LeafField | ArrayField | ObjectCheck, ...]
    leaves: tuple[LeafField, ...]
    branches: tuple[ArrayField, ...]


@lru_cache(maxsize=64)
def _compile(text: bytes) -> CompiledFields:
    schema = FieldSchema.parse(text)
    return _shape(_members(schema.fields, FieldPath(), "", "", schema.distinct_empties))


def compile_schema(schema: FieldSchema) -> CompiledFields:
    """Return the shape of the schema's documents; equal schemas share one."""
    return _compile(schema.encoded())


def _shape(members: list[LeafField | ArrayField | ObjectCheck]) -> CompiledFields:
    return CompiledFields(
        members=tuple(members),
        leaves=tuple(member for member in members if isinstance(member, LeafField)),
        branches=tuple(member for member in members if isinstance(member, ArrayField)),
    )


def _members(
    fields: tuple[Field, ...],
    keys: FieldPath,
    suffix: str | None,
    path: str,
    empties: tuple[str, ...],
) -> list[LeafField | ArrayField | ObjectCheck]:
    """Return the members below `path`; `suffix` is None at the start of a row."""
    result: list[LeafField | ArrayField | ObjectCheck] = []
    for field in fields:
        adds = join("@", field.name)[1:] if suffix is None else join(suffix, field.name)
        result.extend(_member(field, keys.child(field.name), adds, join(path, field.name), empties))
    return result


def _member(
    field: Field, keys: FieldPath, suffix: str, path: str, empties: tuple[str, ...]
) -> list[LeafField | ArrayField | ObjectCheck]:
    if field.type is FieldType.OBJECT:
        guard = ObjectCheck(keys=keys, suffix=suffix, path=path)
        return [guard, *_members(field.fields, keys, suffix or None, path, empties)]
    if field.type is FieldType.TABLE:
        inside = ObjectCheck(keys=FieldPath(), suffix="", path=f"{path}[]")
        rows = [inside, *_members(field.fields, FieldPath(), None, f"{path}[]", empties)]
        return [ArrayField(keys=keys, suffix=suffix, path=path, rows=_shape(rows))]
    if field.item is not None:
        items = _member(field.item, FieldPath(), "", f"{path}[]", empties)
        return [ArrayField(keys=keys, suffix=suffix, path=path, rows=_shape(items))]
    read = compile_normalizer(field, empties)
    leaf = LeafField(
        keys=keys,
        suffix=suffix,
        path=path,
        read=read,
        fuzzy=field.fuzzy,
        threshold=field.threshold,
        money=field.type is FieldType.MONEY,
        worded=field.type in _WORDED,
        absent=bool(field.absent),
        default=field.default,
        default_reading=None if field.default is None else read(field.default),
    )
    return [leaf]
