"""GroundTruthService: datasets, entries and their imports."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assay.features.ground_truth import convert
from assay.features.ground_truth.model import NewDataset
from assay.features.ground_truth.schema_service import DatasetSchemas
from assay.features.ground_truth.service import GroundTruthUseCases
from assay.features.imports.convert import import_file, import_rows
from assay.features.imports.service import Imports
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import page_of, value_of
from assay.kernel.rpc.paging import requested_limit
from assay.tabular.opening import CSV, JSON_LINES
from assay.v1 import ground_truth_pb2, ground_truth_service_pb2


class GroundTruthService:
    """Datasets and entries of the caller's organization."""

    def __init__(
        self, truth: GroundTruthUseCases, schemas: DatasetSchemas, imports: Imports
    ) -> None:
        self._truth = truth
        self._schemas = schemas
        self._imports = imports

    async def CreateGroundTruthDataset(
        self, request: ground_truth_service_pb2.CreateGroundTruthDatasetRequest, call: Call
    ) -> ground_truth_pb2.GroundTruthDataset:
        """Create an empty dataset."""
        made = await call.run_in_thread(
            lambda: self._truth.create(
                call.organization_id,
                value_of(NewDataset, request, created_by=call.caller.subject),
                request_id=call.idempotency_key(request.request_id),
            )
        )
        return convert.dataset(made)

    async def GetGroundTruthDataset(
        self, request: ground_truth_service_pb2.GetGroundTruthDatasetRequest, call: Call
    ) -> ground_truth_pb2.GroundTruthDataset:
        """Return one dataset."""
        found = await call.run(self._truth.get, call.organization_id, request.dataset_id)
        return convert.dataset(found)

    async def ListGroundTruthDatasets(
        self, request: ground_truth_service_pb2.ListGroundTruthDatasetsRequest, call: Call
    ) -> ground_truth_service_pb2.ListGroundTruthDatasetsResponse:
        """Return a page of datasets."""
        page = await call.run(
            self._truth.list,
            call.organization_id,
            requested_limit(request),
            request.cursor,
        )
        return page_of(
            ground_truth_service_pb2.ListGroundTruthDatasetsResponse, page, convert.dataset
        )

    async def UpdateGroundTruthDataset(
        self, request: ground_truth_service_pb2.UpdateGroundTruthDatasetRequest, call: Call
    ) -> ground_truth_pb2.GroundTruthDataset:
        """Change what is sent."""
        found = await call.run(
            self._truth.update,
            call.organization_id,
            request.dataset_id,
            convert.change(request),
        )
        return convert.dataset(found)

    async def GetGroundTruthSchema(
        self, request: ground_truth_service_pb2.GetGroundTruthSchemaRequest, call: Call
    ) -> ground_truth_service_pb2.GetGroundTruthSchemaResponse:
        """Return the schema that a dataset names, or the inferred one."""
        found = await self._schemas.of(call.organization_id, request.dataset_id)
        return await call.run_in_thread(lambda: convert.dataset_schema(found))

    async def CreateEntry(
        self, request: ground_truth_service_pb2.CreateEntryRequest, call: Call
    ) -> ground_truth_pb2.Entry:
        """Add one entry."""
        return await call.run_in_thread(
            lambda: convert.entry(
                self._truth.add_entry(
                    call.organization_id,
                    request.dataset_id,
                    convert.new_entry(request),
                    request_id=call.idempotency_key(request.request_id),
                )
            )
        )

    async def GetEntry(
        self, request: ground_truth_service_pb2.GetEntryRequest, call: Call
    ) -> ground_truth_pb2.Entry:
        """Return one entry."""
        found = await call.run(
            self._truth.get_entry,
            call.organization_id,
            request.dataset_id,
            request.entry_id,
        )
        return convert.entry(found)

    async def ListEntries(
        self, request: ground_truth_service_pb2.ListEntriesRequest, call: Call
    ) -> ground_truth_service_pb2.ListEntriesResponse:
        """Return a page of entries."""
        return await call.run_in_thread(
            lambda: page_of(
                ground_truth_service_pb2.ListEntriesResponse,
                self._truth.list_entries(
                    call.organization_id,
                    request.dataset_id,
                    requested_limit(request),
                    request.cursor,
                    document_id=request.document_id,
                ),
                convert.entry,
            )
        )

    async def DeleteGroundTruthDataset(
        self, request: ground_truth_service_pb2.DeleteGroundTruthDatasetRequest, call: Call
    ) -> ground_truth_service_pb2.DeleteGroundTruthDatasetResponse:
        """Delete a dataset with its entries."""
        await call.run(self._truth.delete, call.organization_id, request.dataset_id)
        return ground_truth_service_pb2.DeleteGroundTruthDatasetResponse(deleted=True)

    async def DeleteEntry(
        self, request: ground_truth_service_pb2.DeleteEntryRequest, call: Call
    ) -> ground_truth_service_pb2.DeleteEntryResponse:
        """Delete one entry."""
        await call.run(
            self._truth.delete_entry, call.organization_id, request.dataset_id, request.entry_id
        )
        return ground_truth_service_pb2.DeleteEntryResponse(deleted=True)

    async def ImportEntries(
        self, requests: AsyncIterator[ground_truth_service_pb2.ImportEntriesRequest], call: Call
    ) -> ground_truth_pb2.ImportResponse:
        """Take a stream of documents."""
        return await import_rows(self._imports, requests, call, convert.rows, "dataset_id")

    async def ImportEntriesCsv(
        self,
        requests: AsyncIterator[ground_truth_service_pb2.ImportEntriesCsvRequest],
        call: Call,
    ) -> ground_truth_pb2.ImportResponse:
        """Take one file of CSV."""
        return await import_file(self._imports, requests, call, CSV, "dataset_id")

    async def ImportEntriesJsonLines(
        self,
        requests: AsyncIterator[ground_truth_service_pb2.ImportEntriesJsonLinesRequest],
        call: Call,
    ) -> ground_truth_pb2.ImportResponse:
        """Take one file of JSON Lines."""
        return await import_file(self._imports, requests, call, JSON_LINES, "dataset_id")
