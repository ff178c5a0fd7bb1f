"""FieldSchemaService: field schemas, created, read, listed, changed and deleted."""

from __future__ import annotations

from assay.features.field_schemas import convert
from assay.features.field_schemas.model import UserSchema
from assay.features.field_schemas.service import FieldSchemas
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.handler import handler
from assay.kernel.rpc.messages import page_of
from assay.kernel.rpc.paging import Counted, requested_limit
from assay.v1 import field_schema_service_pb2 as pb


class FieldSchemaCalls:
    """Calls of field schemas that have a typed and a REST reply."""

    def __init__(self, schemas: FieldSchemas) -> None:
        self._schemas = schemas

    def created(self, request: pb.CreateFieldSchemaRequest, call: Call) -> UserSchema:
        """Create a schema."""
        return self._schemas.create(
            call.organization_id,
            convert.new_schema(request, call.caller.subject),
            request_id=call.idempotency_key(request.request_id),
        )

    def one(self, request: pb.GetFieldSchemaRequest, call: Call) -> UserSchema:
        """Return one schema."""
        return self._schemas.get(call.organization_id, request.user_schema_id)

    def listed(self, request: pb.ListFieldSchemasRequest, call: Call) -> Counted[UserSchema]:
        """Return a page of schemas."""
        return self._schemas.list(call.organization_id, requested_limit(request), request.cursor)

    def changed(self, request: pb.UpdateFieldSchemaRequest, call: Call) -> UserSchema:
        """Change what is sent."""
        return self._schemas.update(
            call.organization_id, request.user_schema_id, convert.change(request)
        )


class FieldSchemaService(FieldSchemaCalls):
    """Field schemas of the caller's organization."""

    CreateFieldSchema = handler(FieldSchemaCalls.created, convert.schema)
    GetFieldSchema = handler(FieldSchemaCalls.one, convert.schema)
    ListFieldSchemas = handler(
        FieldSchemaCalls.listed,
        lambda found: page_of(pb.ListFieldSchemasResponse, found, convert.schema),
    )
    UpdateFieldSchema = handler(FieldSchemaCalls.changed, convert.schema)

    async def DeleteFieldSchema(
        self, request: pb.DeleteFieldSchemaRequest, call: Call
    ) -> pb.DeleteFieldSchemaResponse:
        """Delete a schema."""
        await call.run(self._schemas.delete, call.organization_id, request.user_schema_id)
        return pb.DeleteFieldSchemaResponse(deleted=True)
