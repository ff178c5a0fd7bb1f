"""Conversion between protobuf messages and Python values, driven by the messages' descriptors.

`from_message` makes the generated values of `assay.client.types`; `to_message` makes requests
of plain values. Neither knows a message by name but for the few rules below.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from google.protobuf import any_pb2, descriptor_pool, json_format, message_factory, struct_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

import assay.v1
from assay.client.errors import BadInput
from assay.client.json_text import json_text

Value = TypeVar("Value")
Converter = Callable[[Any], Any]

JSON = "_json"  # ends the name of a text field that holds JSON
# Counts that travel as doubles, because JSON prints 64-bit integers as text.
COUNTS = frozenset(
    {"rows", "row", "next_row", "clipped_rows", "zero_targets", "total", "file_bytes"}
)
# Names of the values' attributes that are others than the messages' fields.
NAMES = {"failure": "error"}
_VALUES: dict[str, type] = {}  # full name of a message → the class of its value


def register(name: str, kind: type) -> None:
    """Say of which class the values of a message are."""
    _VALUES[name] = kind


def from_message(kind: type[Value], message: Message) -> Value:
    """Return the value of a message, which is of the class `kind`."""
    found = _converter(message.DESCRIPTOR)(message)
    assert isinstance(found, kind), f"{message.DESCRIPTOR.full_name} is no {kind.__name__}"
    return found


def json_values(text: str | None) -> Any:
    """Return the values of a JSON text, fractions as Decimals; None where there is no text."""
    return None if text is None else json.loads(text, parse_float=Decimal)


def word(enum: EnumDescriptor, number: int) -> str | None:
    """Return an enum's value as a word, such as succeeded; None where it is unspecified."""
    found = enum.values_by_number.get(number)
    return None if number == 0 or found is None else found.name.removeprefix(_prefix(enum)).lower()


def _prefix(enum: EnumDescriptor) -> str:
    return enum.values[0].name.removesuffix("UNSPECIFIED")


@cache
def _converter(descriptor: Descriptor) -> Converter:
    """Return the function that makes values of one kind of message."""
    special = _SPECIAL.get(descriptor.full_name)
    if special is not None:
        return special
    kind = _VALUES[descriptor.full_name]
    wanted = {NAMES.get(one.name, one.name): one.name for one in fields(kind)}
    readers: list[tuple[str, Converter]] = []

    def convert(message: Any) -> Any:
        if not readers:  # made only now: a message may hold others of its kind
            known = descriptor.fields_by_name
            readers.extend((name, _reader(known[field])) for field, name in wanted.items())
        return kind(**{name: read(message) for name, read in readers})

    return convert


def _reader(field: FieldDescriptor) -> Converter:
    """Return the function that reads one field of a message."""
    name = field.name
    own = _OWN.get(field.full_name)
    if own is not None:
        return own
    if field.is_repeated:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return _map_reader(field)
        if field.message_type is not None and field.message_type.name == "UndefinedMetric":
            return lambda message: {one.metric: one.reason for one in getattr(message, name)}
        if field.message_type is not None and field.message_type.name == "MetricInterval":
            interval = _item(field)
            return lambda message: {one.metric: interval(one) for one in getattr(message, name)}
        if field.message_type is None and field.enum_type is None:
            return lambda message: tuple(getattr(message, name))
        item = _item(field)
        return lambda message: tuple(item(one) for one in getattr(message, name))
    item = _item(field)
    if field.has_presence:
        return lambda message: item(getattr(message, name)) if message.HasField(name) else None
    return lambda message: item(getattr(message, name))


def _map_reader(field: FieldDescriptor) -> Converter:
    assert field.message_type is not None  # a map's entries are messages, held by a message
    assert field.containing_type is not None
    name, item = field.name, _item(field.message_type.fields_by_name["value"])
    has_labels = "labels" in field.containing_type.fields_by_name

    def read(message: Any) -> dict[Any, Any]:
        found = getattr(message, name)
        keys = sorted(found)
        if has_labels and set(message.labels) == set(keys):
            keys = list(message.labels)  # in the order that the model declares
        return {key: item(found[key]) for key in keys}

    return read


def _item(field: FieldDescriptor) -> Converter:
    if field.message_type is not None:
        return _converter(field.message_type)
    if (enum := field.enum_type) is not None:
        return lambda value: word(enum, value)
    if field.type == FieldDescriptor.TYPE_DOUBLE and field.name in COUNTS:
        return int
    return lambda value: value


@cache
def _load_contract() -> None:
    """Import all messages of the contract, so that they are found by their names."""
    for module in pkgutil.iter_modules(assay.v1.__path__, "assay.v1."):
        importlib.import_module(module.name)


def _unpacked(message: any_pb2.Any) -> Any:
    """Return the value inside; a message that has no class here is its JSON, an unknown one None."""
    pool, name = descriptor_pool.Default(), message.TypeName()
    if name in _VALUES:
        _load_contract()  # what an event holds may be of a service that was not called yet
    try:
        descriptor = pool.FindMessageTypeByName(name)
    except KeyError:
        return None
    inner = message_factory.GetMessageClass(descriptor)()
    message.Unpack(inner)
    if descriptor.full_name not in _VALUES:
        return json_format.MessageToDict(inner, preserving_proto_field_name=True)
    return _converter(descriptor)(inner)


def _rows_of_counts(message: Any) -> tuple[tuple[int, ...], ...]:
    side, cells = len(message.labels), tuple(message.counts)
    return tuple(cells[row * side : (row + 1) * side] for row in range(side))


# Messages whose values are none of the generated classes.
_SPECIAL: dict[str, Converter] = {
    "google.protobuf.Timestamp": lambda message: message.ToDatetime(UTC),
    "google.protobuf.Duration": lambda message: message.ToTimedelta(),
    "google.protobuf.Struct": json_format.MessageToDict,
    "google.protobuf.Value": json_format.MessageToDict,
    "google.protobuf.ListValue": json_format.MessageToDict,
    "google.protobuf.Any": _unpacked,
}


def _slices_by_column(message: Any) -> dict[str, Any]:
    return {
        column.name: tuple(_converter(one.DESCRIPTOR)(one) for one in column.values)
        for column in message.columns
    }


def _scalar_of(value: struct_pb2.Value) -> Any:
    found: Any = json_format.MessageToDict(value)
    return int(found) if isinstance(found, float) and found.is_integer() else found


# Fields whose values are easier to use in another form.
_OWN: dict[str, Converter] = {
    "assay.v1.ConfusionMatrix.counts": _rows_of_counts,
    "assay.v1.ConfusionMatrix.shares": lambda message: (
        tuple(tuple(row.shares) for row in message.shares) or None
    ),
    "assay.v1.SchemaField.default": lambda message: (
        _scalar_of(message.default) if message.HasField("default") else None
    ),
    "assay.v1.SliceReport.columns": _slices_by_column,
    "assay.v1.ResidualReport.quantiles": lambda message: dict(
        sorted((float(at), value) for at, value in message.quantiles.items())
    ),
}


def to_message(descriptor: Descriptor, values: object) -> Message:
    """Return a message of plain values: mappings, dataclasses, datetimes, NumPy scalars.

    Raises:
        BadInput: a name or a value that the message cannot have; the message names it.
    """
    message = message_factory.GetMessageClass(descriptor)()
    for name, given in _members(values, descriptor.name).items():
        if given is None:
            continue
        field = descriptor.fields_by_name.get(name)
        if field is None and name + JSON in descriptor.fields_by_name:
            field = descriptor.fields_by_name[name + JSON]
            given = json_text(given)  # noqa: PLW2901 — the value as it travels
        if field is None:
            allowed = ", ".join(one.name.removesuffix(JSON) for one in descriptor.fields)
            raise BadInput(f"'{name}' is no part of a {descriptor.name}; there are {allowed}.")
        try:
            _set(message, field, given)
        except (TypeError, ValueError, AttributeError, json_format.ParseError) as error:
            if isinstance(error, BadInput):
                raise
            text = str(error).splitlines()[0]
            raise BadInput(f"{name} cannot be {given!r:.100}: {text}") from error
    return message


def _members(values: object, what: str) -> Mapping[str, Any]:
    if isinstance(values, Mapping):
        return values
    if is_dataclass(values) and not isinstance(values, type):
        return {one.name: getattr(values, one.name) for one in fields(values)}
    raise BadInput(f"A {what} is a mapping of its fields, not {values!r:.100}.")


def _set(message: Any, field: FieldDescriptor, value: Any) -> None:
    kind = field.message_type
    if field.is_repeated and kind is not None and kind.GetOptions().map_entry:
        _set_map(getattr(message, field.name), kind.fields_by_name["value"], value)
    elif field.is_repeated:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
            raise BadInput(f"{field.name} is a list, not {value!r:.100}.")
        items = getattr(message, field.name)
        if kind is None:
            items.extend(_scalar(field, one) for one in value)
        else:
            for number, one in enumerate(value):
                try:
                    items.append(_inner(kind, one))
                except BadInput as error:
                    raise BadInput(f"{field.name}[{number}]: {error}") from error
    elif kind is not None:
        getattr(message, field.name).CopyFrom(_inner(kind, value))
    else:
        setattr(message, field.name, _scalar(field, value))


def _set_map(target: Any, item: FieldDescriptor, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if item.message_type is None:
            target[str(key)] = _scalar(item, value)
        else:
            target[str(key)].CopyFrom(_inner(item.message_type, value))


def _inner(kind: Descriptor, value: Any) -> Message:
    if isinstance(value, Message):
        return value
    made = message_factory.GetMessageClass(kind)()
    if isinstance(value, datetime):
        made.FromDatetime(value)  # type: ignore[attr-defined]  # a Timestamp
    elif isinstance(value, timedelta):
        made.FromTimedelta(value)  # type: ignore[attr-defined]  # a Duration
    elif kind.file.package == "google.protobuf":
        json_format.ParseDict(plain(value), made)
    else:
        return to_message(kind, value)
    return made


def _scalar(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is None:
        return plain(value)
    prefix = _prefix(field.enum_type)
    found = field.enum_type.values_by_name.get(prefix + str(value).upper())
    if found is None or found.number == 0:
        words = (one.name.removeprefix(prefix).lower() for one in field.enum_type.values[1:])
        raise BadInput(f"{field.name} is one of {', '.join(words)}, not '{value}'.")
    return found.number


def plain(value: Any) -> Any:
    """Return `value` as JSON has it: NumPy's scalars and arrays, tuples and structs become plain."""
    if isinstance(value, struct_pb2.Struct):
        return json_format.MessageToDict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)  # a Value's numbers are doubles
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars
        return value.tolist()
    return value.item() if hasattr(value, "item") else value
