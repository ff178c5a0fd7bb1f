"""REST views of field schemas."""

from __future__ import annotations

from assay.extraction.schema import FieldSchema
from assay.features.field_schemas.api import FieldSchemaCalls
from assay.features.field_schemas.convert import FieldJson
from assay.features.field_schemas.model import UserSchema
from assay.kernel.rpc.handler import page_handler, view_handler
from assay.kernel.rpc.rest import Instant
from assay.kernel.rpc.values import millis
from assay.records import Record

PATH = "/v1/quality/schemas"


class FieldSchemaLinks(Record):
    """The links of a field schema."""

    self: str  # The path of this schema.


class FieldSchemaView(Record):
    """A field schema: which fields documents have, and how each is compared."""

    id: str  # A UUID.
    name: str  # A human name.
    description: str  # Free text.
    fields: tuple[
        FieldJson, ...
    ]  # The fields, in their order; options that say nothing are left out.
    # Those of missing, null and empty that are not the same absence of a value.
    distinct_empties: tuple[str, ...]
    schema_hash: str  # SHA-256 of the canonical JSON of fields and distinct_empties.
    created_at: Instant  # When the schema was created, with milliseconds.
    updated_at: Instant  # When the schema was last changed, with milliseconds.
    links: FieldSchemaLinks  # Where to go from here.


def schema(stored: UserSchema) -> FieldSchemaView:
    """Return the view of a stored schema."""
    found = FieldSchema.parse(stored.definition)
    return FieldSchemaView(
        id=stored.user_schema_id,
        name=stored.name,
        description=stored.description,
        fields=tuple(found.to_mapping()["fields"]),
        distinct_empties=tuple(found.distinct_empties),
        schema_hash=found.hash,
        created_at=millis(stored.created_at),
        updated_at=millis(stored.updated_at),
        links=FieldSchemaLinks(self=f"{PATH}/{stored.user_schema_id}"),
    )


class FieldSchemaRestService(FieldSchemaCalls):
    """Field schemas of the caller's organization."""

    CreateFieldSchema = view_handler(FieldSchemaCalls.created, schema)
    GetFieldSchema = view_handler(FieldSchemaCalls.one, schema)
    ListFieldSchemas = page_handler(FieldSchemaCalls.listed, schema)
    UpdateFieldSchema = view_handler(FieldSchemaCalls.changed, schema)
