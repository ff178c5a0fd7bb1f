"""Documents' values on the wire: canonical text for gRPC callers, Structs for REST."""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2

from assay.features.ground_truth import documents


def text_from_json(field: str, text: str) -> str:
    """Return the canonical text of the JSON object that a gRPC caller sent; BadDocument."""
    return documents.text_of(field, documents.parse(field, text))


def text_from_struct(field: str, message: struct_pb2.Struct) -> str:
    """Return the canonical text of the object that a REST caller sent; BadDocument.

    A Struct's numbers are doubles: a whole one below 2**53 is written without a point, any
    other with the fewest digits that mean it.
    """
    return documents.text_of(field, documents.check(field, plain_object(message)))


def plain_object(message: struct_pb2.Struct) -> dict[str, Any]:
    """Return a Struct as JSON's types."""
    return {key: _plain(value) for key, value in message.fields.items()}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if kind == "struct_value":
        return plain_object(value.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    return value.bool_value if kind == "bool_value" else None


def struct_from_text(text: str) -> struct_pb2.Struct:
    """Return a stored object as a Struct, its numbers as the nearest doubles."""
    return to_struct(documents.read(text))


def to_struct(value: dict[str, Any]) -> struct_pb2.Struct:
    """Return an object of JSON's types and Decimal as a Struct."""
    return struct_pb2.Struct(fields={key: _value(item) for key, item in value.items()})


def _value(value: Any) -> struct_pb2.Value:
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, dict):
        return struct_pb2.Value(struct_value=to_struct(value))
    if isinstance(value, list | tuple):
        items = struct_pb2.ListValue(values=[_value(item) for item in value])
        return struct_pb2.Value(list_value=items)
    return struct_pb2.Value(number_value=float(value))
