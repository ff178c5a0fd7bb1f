"""Field schemas as resources: what people name, share and set on datasets."""

from __future__ import annotations

from datetime import datetime

from assay.kernel.errors import InvalidArgument
from assay.kernel.text import MAX_NAME, MAX_TEXT, check_text
from assay.records import Record

MAX_DEFINITION = 1024 * 1024  # bytes of the JSON of fields and distinct_empties


class NewUserSchema(Record):
    """What a caller gives to make a field schema; wrong values are refused by name."""

    name: str  # 1 to 200 characters, need not be unique
    definition: bytes  # extraction.schema.FieldSchema.encoded()
    description: str = ""  # at most 4 000 characters
    created_by: str = ""  # subject of the caller

    def __post_init__(self) -> None:
        check_schema_fields(self)


class UserSchema(Record):
    """A field schema as it is stored."""

    organization_id: str  # the organization that owns it
    user_schema_id: str  # a UUID
    name: str  # what people call it
    definition: bytes  # extraction.schema.FieldSchema.parse() reads it
    description: str  # free text, may be empty
    created_at: datetime  # when it was made
    updated_at: datetime  # when it was last changed
    created_by: str  # subject of the caller that made it


def check_schema_fields(schema: NewUserSchema | UserSchema) -> None:
    """Raise InvalidArgument that names the first field of `schema` with a wrong value."""
    check_text("name", schema.name, 1, MAX_NAME)
    check_text("description", schema.description, 0, MAX_TEXT)
    if len(schema.definition) > MAX_DEFINITION:
        raise InvalidArgument.of(
            "fields",
            f"{len(schema.definition)} bytes of JSON were sent; at most {MAX_DEFINITION} are allowed",
        )
