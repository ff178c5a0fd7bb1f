"""GroundTruthJsonService: ground truth in shapes that only JSON has."""

from __future__ import annotations

from assay.features.ground_truth import convert
from assay.features.ground_truth.schema_service import DatasetSchemas
from assay.features.ground_truth.service import GroundTruthUseCases
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.paging import page_limit
from assay.v1 import ground_truth_json_service_pb2


class GroundTruthJsonService:
    """The REST face of ground truth."""

    def __init__(self, truth: GroundTruthUseCases, schemas: DatasetSchemas) -> None:
        self._truth = truth
        self._schemas = schemas

    async def CreateGroundTruthJson(
        self, request: ground_truth_json_service_pb2.CreateGroundTruthJsonRequest, call: Call
    ) -> ground_truth_json_service_pb2.GroundTruthJson:
        """Create an empty dataset."""
        made = await call.run_in_thread(
            lambda: self._truth.create(
                call.organization_id,
                convert.new_dataset(request, call.caller.subject),
                request_id=call.idempotency_key(request.request_id),
            )
        )
        return convert.dataset_json(made)

    async def GetGroundTruthJson(
        self, request: ground_truth_json_service_pb2.GetGroundTruthJsonRequest, call: Call
    ) -> ground_truth_json_service_pb2.GroundTruthDetailJson:
        """Return one dataset with samples."""
        return await call.run_in_thread(
            lambda: convert.sampled_json(
                self._truth.sampled(call.organization_id, request.dataset_id)
            )
        )

    async def ListGroundTruthJson(
        self, request: ground_truth_json_service_pb2.ListGroundTruthJsonRequest, call: Call
    ) -> ground_truth_json_service_pb2.ListGroundTruthJsonResponse:
        """Return a page of datasets."""
        page = await call.run(
            self._truth.list,
            call.organization_id,
            page_limit(request.limit if request.HasField("limit") else None),
            request.cursor,
        )
        return convert.datasets_json(page)

    async def UpdateGroundTruthJson(
        self, request: ground_truth_json_service_pb2.UpdateGroundTruthJsonRequest, call: Call
    ) -> ground_truth_json_service_pb2.GroundTruthJson:
        """Change what is sent."""
        found = await call.run(
            self._truth.update,
            call.organization_id,
            request.dataset_id,
            convert.change_json(request),
        )
        return convert.dataset_json(found)

    async def GetGroundTruthSchemaJson(
        self, request: ground_truth_json_service_pb2.GetGroundTruthSchemaJsonRequest, call: Call
    ) -> ground_truth_json_service_pb2.GroundTruthSchemaJson:
        """Return the schema that a dataset names, or the inferred one."""
        found = await self._schemas.of(call.organization_id, request.dataset_id)
        return await call.run_in_thread(lambda: convert.dataset_schema_json(found))

    async def CreateEntryJson(
        self, request: ground_truth_json_service_pb2.CreateEntryJsonRequest, call: Call
    ) -> ground_truth_json_service_pb2.EntryJson:
        """Add one entry."""
        return await call.run_in_thread(
            lambda: convert.entry_json(
                self._truth.add_entry(
                    call.organization_id,
                    request.dataset_id,
                    convert.new_entry_json(request),
                    request_id=call.idempotency_key(request.request_id),
                )
            )
        )

    async def GetEntryJson(
        self, request: ground_truth_json_service_pb2.GetEntryJsonRequest, call: Call
    ) -> ground_truth_json_service_pb2.EntryJson:
        """Return one entry."""
        return await call.run_in_thread(
            lambda: convert.entry_json(
                self._truth.get_entry(call.organization_id, request.dataset_id, request.entry_id)
            )
        )

    async def ListEntriesJson(
        self, request: ground_truth_json_service_pb2.ListEntriesJsonRequest, call: Call
    ) -> ground_truth_json_service_pb2.ListEntriesJsonResponse:
        """Return a page of entries."""
        return await call.run_in_thread(
            lambda: convert.entries_json(
                self._truth.list_entries(
                    call.organization_id,
                    request.dataset_id,
                    page_limit(request.limit if request.HasField("limit") else None),
                    request.cursor,
                    document_id=request.document_id,
                )
            )
        )
