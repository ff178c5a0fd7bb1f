"""FieldSchemaService: field schemas, created, read, listed, changed and deleted."""

from __future__ import annotations

from assay.features.field_schemas import convert
from assay.features.field_schemas.service import FieldSchemas
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.paging import requested_limit
from assay.v1 import field_schema_pb2, field_schema_service_pb2


class FieldSchemaService:
    """Field schemas of the caller's organization."""

    def __init__(self, schemas: FieldSchemas) -> None:
        self._schemas = schemas

    async def CreateFieldSchema(
        self, request: field_schema_service_pb2.CreateFieldSchemaRequest, call: Call
    ) -> field_schema_pb2.FieldSchema:
        """Create a schema."""
        return await call.run_in_thread(
            lambda: convert.schema(
                self._schemas.create(
                    call.organization_id,
                    convert.new_schema(request, call.caller.subject),
                    request_id=call.idempotency_key(request.request_id),
                )
            )
        )

    async def GetFieldSchema(
        self, request: field_schema_service_pb2.GetFieldSchemaRequest, call: Call
    ) -> field_schema_pb2.FieldSchema:
        """Return one schema."""
        return await call.run_in_thread(
            lambda: convert.schema(self._schemas.get(call.organization_id, request.user_schema_id))
        )

    async def ListFieldSchemas(
        self, request: field_schema_service_pb2.ListFieldSchemasRequest, call: Call
    ) -> field_schema_service_pb2.ListFieldSchemasResponse:
        """Return a page of schemas."""
        return await call.run_in_thread(
            lambda: convert.schemas(
                self._schemas.list(
                    call.organization_id,
                    requested_limit(request),
                    request.cursor,
                )
            )
        )

    async def UpdateFieldSchema(
        self, request: field_schema_service_pb2.UpdateFieldSchemaRequest, call: Call
    ) -> field_schema_pb2.FieldSchema:
        """Change what is sent."""
        return await call.run_in_thread(
            lambda: convert.schema(
                self._schemas.update(
                    call.organization_id, request.user_schema_id, convert.change(request)
                )
            )
        )

    async def DeleteFieldSchema(
        self, request: field_schema_service_pb2.DeleteFieldSchemaRequest, call: Call
    ) -> field_schema_service_pb2.DeleteFieldSchemaResponse:
        """Delete a schema."""
        await call.run(self._schemas.delete, call.organization_id, request.user_schema_id)
        return field_schema_service_pb2.DeleteFieldSchemaResponse(deleted=True)
