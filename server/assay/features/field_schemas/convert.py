"""Field schemas as typed messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from assay.extraction.schema import FieldSchema, SchemaError
from assay.features.field_schemas.model import NewUserSchema, UserSchema
from assay.features.field_schemas.service import SchemaChange
from assay.kernel.errors import InvalidArgument
from assay.kernel.rpc import values
from assay.v1 import field_schema_pb2, field_schema_service_pb2

# A field as it is sent: options that say nothing are left out.
FieldJson = Annotated[
    dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/SchemaField.input"})
]
# Options that are as they are on the wire.
_PLAIN = ("fuzzy", "threshold", "locale", "day_first", "first_year", "unit")
_LISTS = ("date_formats", "values", "absent")


def new_schema(
    request: field_schema_service_pb2.CreateFieldSchemaRequest, created_by: str
) -> NewUserSchema:
    """Return what the request asks to create; InvalidArgument names a wrong field."""
    return NewUserSchema(
        name=request.name,
        description=request.description,
        definition=_definition(request.fields, request.distinct_empties).encoded(),
        created_by=created_by,
    )


def change(request: field_schema_service_pb2.UpdateFieldSchemaRequest) -> SchemaChange:
    """Return what the request changes; InvalidArgument names a wrong field."""
    empties = tuple(request.distinct_empties)
    definition = _definition(request.fields, empties) if request.fields else None
    if definition is None and empties:
        _checked({"fields": [{"name": "any", "type": "text"}], "distinct_empties": list(empties)})
    return SchemaChange(
        name=request.name if request.HasField("name") else None,
        description=request.description if request.HasField("description") else None,
        definition=definition,
        distinct_empties=empties if empties and definition is None else None,
    )


def _definition(
    fields: Iterable[field_schema_pb2.SchemaField], empties: Sequence[str]
) -> FieldSchema:
    sent = [_mapping(one) for one in fields]
    return _checked({"fields": sent, "distinct_empties": list(empties)})


def _checked(mapping: Mapping[str, Any]) -> FieldSchema:
    try:
        return FieldSchema.from_mapping(mapping)
    except SchemaError as error:
        raise InvalidArgument.of(error.path or "fields", error.message) from error


def _mapping(field: field_schema_pb2.SchemaField) -> dict[str, Any]:
    """Return a typed field as the JSON that a schema is made from."""
    found: dict[str, Any] = {"name": field.name, "type": field.type}
    if field.description:
        found["description"] = field.description
    given = {one.name: value for one, value in field.ListFields()}
    found |= {name: given[name] for name in _PLAIN if name in given}
    found |= {name: list(getattr(field, name)) for name in _LISTS if getattr(field, name)}
    if field.HasField("item"):
        found["item"] = _mapping(field.item)
    if field.fields:
        found["fields"] = [_mapping(one) for one in field.fields]
    if field.HasField("default"):
        found["default"] = values.plain(field.default)
    return found


def _field(mapping: Mapping[str, Any]) -> field_schema_pb2.SchemaField:
    """Return a typed field of the JSON that a schema prints."""
    same = {name: mapping[name] for name in (*_PLAIN, *_LISTS, "description") if name in mapping}
    message = field_schema_pb2.SchemaField(
        name=mapping.get("name", ""),
        type=mapping["type"],
        fields=[_field(one) for one in mapping.get("fields", ())],
        **same,
    )
    if "item" in mapping:
        message.item.CopyFrom(_field(mapping["item"]))
    if "default" in mapping:
        message.default.CopyFrom(values.value(mapping["default"]))
    return message


def definition(schema: FieldSchema) -> field_schema_pb2.FieldSchema:
    """Return fields and hash of a schema that has no name."""
    mapping = schema.to_mapping()
    return field_schema_pb2.FieldSchema(
        fields=[_field(one) for one in mapping["fields"]],
        distinct_empties=schema.distinct_empties,
        schema_hash=schema.hash,
    )


def schema(stored: UserSchema) -> field_schema_pb2.FieldSchema:
    """Return a stored schema as a message."""
    message = definition(FieldSchema.parse(stored.definition))
    message.user_schema_id = stored.user_schema_id
    message.name = stored.name
    message.description = stored.description
    message.created_at.CopyFrom(values.instant(stored.created_at))
    message.updated_at.CopyFrom(values.instant(stored.updated_at))
    return message
