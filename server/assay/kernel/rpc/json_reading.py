"""Strict reading of JSON values as fields of a message, compiled once for each message type.

A reader takes a decoded JSON value and returns what the message's constructor takes. It follows
proto JSON: a key may be spelled `page_size` or `pageSize`, null is absence, a number may come as
text, a Timestamp is text in RFC 3339. What a message does not know is refused, at any depth.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from google.protobuf import duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from assay.kernel.errors import clip
from assay.v1 import policy_pb2

Reader = Callable[[Any], Any]
_Field = tuple[str, Reader, bool]  # name, reader, whether null is absence

MAX_DEPTH = 32  # levels of a caller's own lists and objects; protobuf parses no more of them
MAX_VALUES = 20_000  # of a caller's own object: members and items at any depth
SHOWN_CHARS = 40  # of a wrong value

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
_INTEGER_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


class RepeatedKeys(dict[str, Any]):
    """A JSON object that names a key twice; `key` is the first such."""

    key = ""


class JsonValueError(Exception):
    """A value is wrong; `path` leads to it and grows as the error rises, innermost first."""

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description
        self.path: list[str | int] = []


class UnknownKey(JsonValueError):
    """An object holds a key that its message does not have."""

    def __init__(self, key: str, allowed: tuple[str, ...]) -> None:
        super().__init__("is unknown")
        self.key = key
        self.allowed = allowed
        self.path.append(key)


def names_of(field: FieldDescriptor) -> tuple[str, ...]:
    """Return the spellings of a field in JSON and in a query."""
    return (field.name,) if field.json_name == field.name else (field.name, field.json_name)


def object_reader(message: Descriptor, without: Collection[str] = ()) -> Reader:
    """Return the reader of a message's JSON object; the fields `without` are not its keys."""
    fields: dict[str, _Field] = {}
    choices = [
        names
        for oneof in message.oneofs
        if len(names := [field.name for field in oneof.fields if field.name not in without]) > 1
    ]
    orders = {map_name: field.name for field in message.fields if (map_name := _order_of(field))}
    read = _object_reader(fields, choices, orders)
    if not without:
        _KNOWN[message.full_name] = read  # before its fields, for a message that holds itself
    for field in message.fields:
        if field.name not in without and field.name not in orders.values():
            entry = (field.name, _field_reader(field), not _has_null(field))
            fields.update(dict.fromkeys(names_of(field), entry))
    return read


def _order_of(field: FieldDescriptor) -> str:
    """Return the map whose keys a field holds in their order; empty for a field of its own."""
    return field.GetOptions().Extensions[policy_pb2.order_of]


def _object_reader(
    fields: Mapping[str, _Field], choices: Sequence[Sequence[str]], orders: Mapping[str, str]
) -> Reader:
    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _not_an_object(value)
        found: dict[str, Any] = {}
        for key, item in value.items():
            field = fields.get(key)
            if field is None:
                raise UnknownKey(key, tuple(dict.fromkeys(name for name, *_ in fields.values())))
            name, read_field, null_is_absence = field
            if name in found:
                raise _at(key, JsonValueError("is given twice, by two spellings"))
            try:
                # The constructor of a message takes None as absence.
                found[name] = None if item is None and null_is_absence else read_field(item)
            except JsonValueError as error:
                raise _at(key, error) from None
            if name in orders and item is not None:
                found[orders[name]] = list(item)
        for names in choices:
            _require_one(names, found)
        return found

    return read


def _require_one(names: Sequence[str], found: Mapping[str, Any]) -> None:
    given = [name for name in names if found.get(name) is not None]
    if len(given) > 1:
        raise _at(given[1], JsonValueError(f"is given beside {given[0]}; only one is allowed"))


def _field_reader(field: FieldDescriptor) -> Reader:
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return _map_reader(singular_reader(message.fields_by_name["value"]))
    return _list_reader(singular_reader(field)) if field.is_repeated else singular_reader(field)


def _has_null(field: FieldDescriptor) -> bool:
    message = field.message_type
    return (
        message is not None
        and message.full_name == "google.protobuf.Value"
        and not field.is_repeated
    )


def _map_reader(read: Reader) -> Reader:
    def read_map(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise _not_an_object(value)
        found = {}
        for key, item in value.items():
            try:
                found[_text(key)] = read(item)
            except JsonValueError as error:
                raise _at(key, error) from None
        return found

    return read_map


def _list_reader(read: Reader) -> Reader:
    def read_list(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _wrong(value, "a list")
        found: list[Any] = []
        try:
            for item in value:
                found.append(read(item))  # noqa: PERF401 - its length tells which item is wrong
        except JsonValueError as error:
            raise _at(len(found), error) from None
        return found

    return read_list


def singular_reader(field: FieldDescriptor) -> Reader:
    """Return the reader of one value of a field."""
    kind = field.cpp_type
    if field.message_type is not None:
        return _message_reader(field.message_type)
    if field.enum_type is not None:
        return _enum_reader(field.enum_type)
    if kind in _INTEGER_RANGES:
        return _integer_reader(*_INTEGER_RANGES[kind])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return _secret_text if field.GetOptions().debug_redact else _text
    return _boolean if kind == FieldDescriptor.CPPTYPE_BOOL else _number


def _message_reader(message: Descriptor) -> Reader:
    name = message.full_name
    if name in _KNOWN:
        return _KNOWN[name]
    if name.startswith("google.protobuf.") and name.endswith("Value"):  # the wrappers of scalars
        read = singular_reader(message.fields_by_name["value"])
        return lambda value: {"value": read(value)}
    return object_reader(message)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _wrong(value, "text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise JsonValueError("half of a surrogate pair was sent, which is no text") from None
    return value


def _secret_text(value: Any) -> str:
    """Return a text that no refusal repeats, whatever it is."""
    if type(value) is not str:
        raise JsonValueError("text is allowed alone")
    return _text(value)


def _bytes(value: Any) -> bytes:
    text = _text(value).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise _wrong(value, "base64") from None


def _boolean(value: Any) -> bool:
    if value is True or value == "true":
        return True
    if value is False or value == "false":
        return False
    raise _wrong(value, "true or false")


def _number(value: Any) -> float:
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return]  # its type was just looked at
    if kind is int or (kind is str and (value in _NOT_FINITE or _NUMBER.fullmatch(value))):
        try:
            return float(value)
        except OverflowError:
            pass
    raise _wrong(value, "a number")


def _integer_reader(low: int, high: int) -> Reader:
    allowed = f"a whole number from {low} to {high}"

    def read(value: Any) -> int:
        number = value
        if type(number) is str and _NUMBER.fullmatch(number):
            number = float(number) if set(number) & set(".eE") else int(number[:SHOWN_CHARS])
        if type(number) is float and number.is_integer():
            number = int(number)
        if type(number) is not int or not low <= number <= high:
            raise _wrong(value, allowed)
        return number

    return read


def _enum_reader(enum: EnumDescriptor) -> Reader:
    allowed = f"one of {', '.join(enum.values_by_name)}"

    def read(value: Any) -> int:
        found = None
        if type(value) is str:
            found = enum.values_by_name.get(value.upper()) or enum.values_by_name.get(value)
        elif type(value) is int:
            found = enum.values_by_number.get(value)
        if found is None:
            raise _wrong(value, allowed)
        return int(found.number)

    return read


def _well_known_reader(message: Callable[[], Any], allowed: str) -> Reader:
    def read(value: Any) -> Any:
        found = message()
        try:
            found.FromJsonString(_text(value))
        except (ValueError, OverflowError):
            raise _wrong(value, allowed) from None
        return found

    return read


def _value(value: Any, depth: int = 0) -> dict[str, Any]:
    kind = type(value)
    if kind is str:
        return {"string_value": _text(value)}
    if kind is float:
        return {"number_value": value}
    if kind is bool:
        return {"bool_value": value}
    if kind is int:
        return {"number_value": _number(value)}
    if value is None:
        return {"null_value": 0}
    if kind is list:
        return {"list_value": _list(value, depth)}
    return {"struct_value": _struct(value, depth)}


def _list(value: Any, depth: int = 0) -> struct_pb2.ListValue:
    _check_count(value, depth)
    read = _list_reader(lambda item: _value(item, _deeper(depth)))
    return struct_pb2.ListValue(values=read(value))


def _struct(value: Any, depth: int = 0) -> struct_pb2.Struct:
    _check_count(value, depth)
    # A message, for a constructor takes the keys of a plain dict for those of the caller's object.
    read = _map_reader(lambda item: _value(item, _deeper(depth)))
    return struct_pb2.Struct(fields=read(value))


def _check_count(value: Any, depth: int) -> None:
    """Refuse what holds too many values, before a message is made of each of them."""
    count, left = 0, [value] if not depth and isinstance(value, dict | list) else []
    while left:
        holder = left.pop()
        items = holder.values() if isinstance(holder, dict) else holder
        count += len(items)
        if count > MAX_VALUES:
            raise JsonValueError(f"holds too much; at most {MAX_VALUES} values are allowed")
        left += [item for item in items if isinstance(item, dict | list)]


def _deeper(depth: int) -> int:
    if depth == MAX_DEPTH:
        raise JsonValueError(f"is nested too deeply; at most {MAX_DEPTH} levels are allowed")
    return depth + 1


def _at(place: str | int, error: JsonValueError) -> JsonValueError:
    error.path.append(place)
    return error


def _not_an_object(value: Any) -> JsonValueError:
    if isinstance(value, RepeatedKeys):
        return _at(value.key, JsonValueError("is given twice"))
    return _wrong(value, "an object")


def _wrong(value: Any, allowed: str) -> JsonValueError:
    return JsonValueError(f"{_sent(value)} was sent where {allowed} is allowed")


def _sent(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f'"{clip(value, SHOWN_CHARS)}"'
    return clip(value, SHOWN_CHARS)


# Readers by the full name of their message; those of google.protobuf read other than objects.
_KNOWN: dict[str, Reader] = {
    "google.protobuf.Value": _value,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
    "google.protobuf.Timestamp": _well_known_reader(
        timestamp_pb2.Timestamp, "a time such as 2026-01-31T12:00:00Z"
    ),
    "google.protobuf.Duration": _well_known_reader(
        duration_pb2.Duration, "a duration such as 1.5s"
    ),
    "google.protobuf.FieldMask": _well_known_reader(
        field_mask_pb2.FieldMask, "names divided by commas"
    ),
}
