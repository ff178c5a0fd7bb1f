"""A schema compiled for comparing: what to read where, made once per schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from assay.extraction.field_path import FieldPath, join
from assay.extraction.normalizer import Read, Reading, reader_of
from assay.extraction.schema import Field, FieldSchema, FieldType
from assay.extraction.values import JSON, is_list


def rows_at(row: JSON, branch: Branch) -> Sequence[JSON]:
    """Return the rows of a list or table of `row`; none if there is no array."""
    value = branch.keys.get(row)
    return value if is_list(value) else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """A value to compare. `keys` lead to it from its row; `suffix` is what its place adds."""

    keys: FieldPath
    suffix: str
    path: str
    read: Read
    fuzzy: bool
    threshold: float
    money: bool
    default: JSON  # None declares none
    default_reading: Reading | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """A list or a table to align: its rows have the shape `rows`."""

    keys: FieldPath
    suffix: str
    path: str
    rows: Shape


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """An object, or a row of a table: what should be a mapping and may not be."""

    keys: FieldPath
    suffix: str
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a document, a row or an item holds, objects taken apart, in the schema's order."""

    members: tuple[Leaf | Branch | Guard, ...]
    leaves: tuple[Leaf, ...]
    branches: tuple[Branch, ...]


@lru_cache(maxsize=64)
def _plan(text: bytes) -> Shape:
    schema = FieldSchema.from_json(text)
    return _shape(_members(schema.fields, FieldPath(), "", "", schema.distinct_empties))


def plan_of(schema: FieldSchema) -> Shape:
    """Return the shape of the schema's documents; equal schemas share one."""
    return _plan(schema.to_json())


def _shape(members: list[Leaf | Branch | Guard]) -> Shape:
    return Shape(
        members=tuple(members),
        leaves=tuple(member for member in members if isinstance(member, Leaf)),
        branches=tuple(member for member in members if isinstance(member, Branch)),
    )


def _members(
    fields: tuple[Field, ...],
    keys: FieldPath,
    suffix: str | None,
    path: str,
    empties: tuple[str, ...],
) -> list[Leaf | Branch | Guard]:
    """Return the members below `path`; `suffix` is None at the start of a row."""
    found: list[Leaf | Branch | Guard] = []
    for field in fields:
        adds = join("@", field.name)[1:] if suffix is None else join(suffix, field.name)
        found.extend(_member(field, keys.child(field.name), adds, join(path, field.name), empties))
    return found


def _member(
    field: Field, keys: FieldPath, suffix: str, path: str, empties: tuple[str, ...]
) -> list[Leaf | Branch | Guard]:
    if field.type is FieldType.OBJECT:
        guard = Guard(keys=keys, suffix=suffix, path=path)
        return [guard, *_members(field.fields, keys, suffix or None, path, empties)]
    if field.type is FieldType.TABLE:
        inside = Guard(keys=FieldPath(), suffix="", path=f"{path}[]")
        rows = [inside, *_members(field.fields, FieldPath(), None, f"{path}[]", empties)]
        return [Branch(keys=keys, suffix=suffix, path=path, rows=_shape(rows))]
    if field.item is not None:
        items = _member(field.item, FieldPath(), "", f"{path}[]", empties)
        return [Branch(keys=keys, suffix=suffix, path=path, rows=_shape(items))]
    read = reader_of(field, empties)
    leaf = Leaf(
        keys=keys,
        suffix=suffix,
        path=path,
        read=read,
        fuzzy=field.fuzzy,
        threshold=field.threshold,
        money=field.type is FieldType.MONEY,
        default=field.default,
        default_reading=None if field.default is None else read(field.default),
    )
    return [leaf]
