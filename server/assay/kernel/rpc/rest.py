"""REST views: replies that only JSON has, written from typed values.

A REST method takes the request message of the typed method of its name and returns
google.api.HttpBody. Its handler is annotated with the view that it answers, `Body[View]`, from
which the OpenAPI page has its schema. A view is a record, or holds messages of the contract:

- members stand in their declared order, and keys of a map in the order of the map;
- None is printed as null, UNSET is left out;
- messages, numbers and texts are printed as the gateway's transcoder prints them, so that one
  value has one text on every face.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from json.encoder import encode_basestring
from typing import Annotated, Any, Generic, TypeVar, cast

from google.api import httpbody_pb2
from google.protobuf import json_format, struct_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import fields

from assay.kernel.rpc.paging import Counted
from assay.records import Record

T = TypeVar("T")
V = TypeVar("V")

Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
# JSON that is kept as text, printed as it is: a caller's own values, with all of their digits.
JsonObject = Annotated[Raw, Meta(extra_json_schema={"type": "object"})]

_SIXTY_FOUR_BITS = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}
# Escaped by the transcoder too: they would end a script in a page, or be seen by nobody.
_UNSAFE = re.compile("[<>\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


class Body(bytes, Generic[V]):
    """An encoded google.api.HttpBody that holds a view of type V as JSON.

    It exists for annotations: gRPC takes bytes alone, so that no instance is ever made.
    """


class CamelRecord(Record, rename="camel"):
    """A view of the camelCase family: `start_time` is printed as `startTime`."""


class Pagination(Record):
    """Where a page of a listing stands."""

    total: Count  # Items of the whole listing.
    limit: Count  # The most items that the page may have.
    has_more: bool  # Whether there is another page.
    next_cursor: str | None  # The cursor of the next page; null on the last one.


class ViewPage(Record, Generic[V]):
    """One page of a listing."""

    data: tuple[V, ...]  # The items, in the order of the listing.
    pagination: Pagination  # How the listing goes on.


def present(value: T | None) -> T | UnsetType:
    """Return a value that is left out where there is none."""
    return UNSET if value is None else value


def page(found: Counted[T], view: Callable[[T], V]) -> ViewPage[V]:
    """Return one page of a listing, each item as its view."""
    return ViewPage(
        data=tuple(view(one) for one in found.items),
        pagination=Pagination(
            total=found.total,
            limit=found.limit,
            has_more=found.next_cursor is not None,
            next_cursor=found.next_cursor,
        ),
    )


def body(view: V) -> Body[V]:
    """Return the reply that holds `view`; ValueError for a number that JSON does not have."""
    message = httpbody_pb2.HttpBody(content_type="application/json", data=text(view).encode())
    return cast("Body[V]", message.SerializeToString())


def text(value: object) -> str:
    """Return a view as JSON without spaces."""
    return safe(_text(value))


def safe(written: str) -> str:
    """Return JSON as it is sent: characters that a page would take for more than text are escaped."""
    if written.isascii() and not ("<" in written or ">" in written or "\x7f" in written):
        return written
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _text(value: object) -> str:
    return _writer(type(value))(value)


def _writer_of(kind: type) -> Callable[[Any], str]:
    """Return what writes the values of one type."""
    if issubclass(kind, Struct):
        return _struct_writer(kind)
    if issubclass(kind, (struct_pb2.Struct, struct_pb2.ListValue, struct_pb2.Value)):
        return lambda value: _text(json_format.MessageToDict(value))
    if issubclass(kind, Message):
        return _message_writer(kind.DESCRIPTOR)
    for base, write in _WRITERS.items():
        if issubclass(kind, base):
            return write
    raise TypeError(f"{kind.__name__} is no type of a view's values")


_writer: Callable[[Any], Callable[[Any], str]] = cache(_writer_of)  # one for each type


def _struct_writer(kind: type[Struct]) -> Callable[[Any], str]:
    members = [(one.name, f'"{one.encode_name}":') for one in fields(kind)]

    def write(value: Struct) -> str:
        shown = [(key, getattr(value, name)) for name, key in members]
        return "{" + ",".join([key + _text(one) for key, one in shown if one is not UNSET]) + "}"

    return write


def _message_writer(descriptor: Any) -> Callable[[Any], str]:
    """Return what writes a message: its fields by number, unset ones only without presence."""
    members = [
        (one.name, one.has_presence, f'"{one.name}":', _field_writer(one))
        for one in sorted(descriptor.fields, key=lambda one: one.number)
    ]

    def write(message: Message) -> str:
        shown = [
            key + value(getattr(message, name))
            for name, has_presence, key, value in members
            if not has_presence or message.HasField(name)
        ]
        return "{" + ",".join(shown) + "}"

    return write


def _field_writer(field: FieldDescriptor) -> Callable[[Any], str]:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        return lambda entries: _map({key: entries[key] for key in sorted(entries)})
    single: Callable[[Any], str] = _text
    if field.enum_type is not None:
        names = field.enum_type.values_by_number
        single = lambda number: f'"{names[number].name}"'  # noqa: E731 - one of four short cases
    elif field.cpp_type in _SIXTY_FOUR_BITS:
        single = lambda number: f'"{number}"'  # noqa: E731 - one of four short cases
    if field.is_repeated:
        return lambda items: "[" + ",".join(map(single, items)) + "]"
    return single


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number of JSON")
    short = f"{value:.15g}"
    return short if float(short) == value else f"{value:.17g}"


def _map(value: Mapping[str, object]) -> str:
    members = [f"{encode_basestring(key)}:{_text(one)}" for key, one in value.items()]
    return "{" + ",".join(members) + "}"


def _list(value: list[object] | tuple[object, ...]) -> str:
    kinds = set(map(type, value))
    write = _writer(kinds.pop()) if len(kinds) == 1 else _text  # rows of numbers may be long
    return "[" + ",".join(map(write, value)) + "]"


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",  # before int, which it is one of
    int: str,
    float: _number,
    str: encode_basestring,
    Raw: lambda value: bytes(value).decode(),
    bytes: lambda value: f'"{base64.b64encode(value).decode()}"',
    dict: _map,
    list: _list,
    tuple: _list,
}
