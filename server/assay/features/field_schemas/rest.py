"""REST views of field schemas."""

from __future__ import annotations

from assay.extraction.schema import FieldSchema
from assay.features.field_schemas import convert
from assay.features.field_schemas.convert import FieldJson
from assay.features.field_schemas.model import UserSchema
from assay.features.field_schemas.service import FieldSchemas
from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.paging import requested_limit
from assay.kernel.rpc.rest import Body, Instant, ViewPage
from assay.kernel.rpc.values import millis
from assay.records import Record
from assay.v1 import field_schema_service_pb2 as pb

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


class FieldSchemaRestService:
    """Field schemas of the caller's organization."""

    def __init__(self, schemas: FieldSchemas) -> None:
        self._schemas = schemas

    async def CreateFieldSchema(
        self, request: pb.CreateFieldSchemaRequest, call: Call
    ) -> Body[FieldSchemaView]:
        """Create a schema."""
        return await call.run_in_thread(
            lambda: rest.body(
                schema(
                    self._schemas.create(
                        call.organization_id,
                        convert.new_schema(request, call.caller.subject),
                        request_id=call.idempotency_key(request.request_id),
                    )
                )
            )
        )

    async def GetFieldSchema(
        self, request: pb.GetFieldSchemaRequest, call: Call
    ) -> Body[FieldSchemaView]:
        """Return one schema."""
        return await call.run_in_thread(
            lambda: rest.body(
                schema(self._schemas.get(call.organization_id, request.user_schema_id))
            )
        )

    async def ListFieldSchemas(
        self, request: pb.ListFieldSchemasRequest, call: Call
    ) -> Body[ViewPage[FieldSchemaView]]:
        """Return a page of schemas."""
        return await call.run_in_thread(
            lambda: rest.body(
                rest.page(
                    self._schemas.list(
                        call.organization_id, requested_limit(request), request.cursor
                    ),
                    schema,
                )
            )
        )

    async def UpdateFieldSchema(
        self, request: pb.UpdateFieldSchemaRequest, call: Call
    ) -> Body[FieldSchemaView]:
        """Change what is sent."""
        return await call.run_in_thread(
            lambda: rest.body(
                schema(
                    self._schemas.update(
                        call.organization_id, request.user_schema_id, convert.change(request)
                    )
                )
            )
        )


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
