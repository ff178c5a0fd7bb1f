"""GroundTruthService: datasets, entries and their imports."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assay.features.ground_truth import convert
from assay.features.ground_truth.model import Entry, GroundTruthDataset, NewGroundTruthDataset
from assay.features.ground_truth.schema_service import DatasetSchemas
from assay.features.ground_truth.service import GroundTruthUseCases
from assay.features.imports.convert import import_file, import_rows
from assay.features.imports.service import Imports
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.handler import handler
from assay.kernel.rpc.messages import page_of, value_of
from assay.kernel.rpc.paging import Counted, requested_limit
from assay.tabular.opening import CSV, JSON_LINES
from assay.v1 import ground_truth_pb2
from assay.v1 import ground_truth_service_pb2 as pb


class GroundTruthCalls:
    """Calls of datasets and entries that have a typed and a REST reply."""

    def __init__(self, truth: GroundTruthUseCases, schemas: DatasetSchemas) -> None:
        self._truth = truth
        self._schemas = schemas

    def created(
        self, request: pb.CreateGroundTruthDatasetRequest, call: Call
    ) -> GroundTruthDataset:
        """Create an empty dataset."""
        return self._truth.create(
            call.organization_id,
            value_of(NewGroundTruthDataset, request, created_by=call.caller.subject),
            if_absent=request.if_absent,
            request_id=call.idempotency_key(request.request_id),
        )

    def listed(
        self, request: pb.ListGroundTruthDatasetsRequest, call: Call
    ) -> Counted[GroundTruthDataset]:
        """Return a page of datasets."""
        return self._truth.list(call.organization_id, requested_limit(request), request.cursor)

    def changed(
        self, request: pb.UpdateGroundTruthDatasetRequest, call: Call
    ) -> GroundTruthDataset:
        """Change what is sent."""
        return self._truth.update(call.organization_id, request.dataset_id, convert.change(request))

    def entry_added(self, request: pb.CreateEntryRequest, call: Call) -> Entry:
        """Add one entry."""
        return self._truth.add_entry(
            call.organization_id,
            request.dataset_id,
            convert.new_entry(request),
            request_id=call.idempotency_key(request.request_id),
        )

    def entry(self, request: pb.GetEntryRequest, call: Call) -> Entry:
        """Return one entry."""
        return self._truth.get_entry(call.organization_id, request.dataset_id, request.entry_id)

    def entries(self, request: pb.ListEntriesRequest, call: Call) -> Counted[Entry]:
        """Return a page of entries."""
        return self._truth.list_entries(
            call.organization_id,
            request.dataset_id,
            requested_limit(request),
            request.cursor,
            document_id=request.document_id,
        )


class GroundTruthService(GroundTruthCalls):
    """Datasets and entries of the caller's organization."""

    def __init__(
        self, truth: GroundTruthUseCases, schemas: DatasetSchemas, imports: Imports
    ) -> None:
        super().__init__(truth, schemas)
        self._imports = imports

    CreateGroundTruthDataset = handler(GroundTruthCalls.created, convert.dataset)
    ListGroundTruthDatasets = handler(
        GroundTruthCalls.listed,
        lambda found: page_of(pb.ListGroundTruthDatasetsResponse, found, convert.dataset),
    )
    UpdateGroundTruthDataset = handler(GroundTruthCalls.changed, convert.dataset)
    CreateEntry = handler(GroundTruthCalls.entry_added, convert.entry)
    GetEntry = handler(GroundTruthCalls.entry, convert.entry)
    ListEntries = handler(
        GroundTruthCalls.entries,
        lambda found: page_of(pb.ListEntriesResponse, found, convert.entry),
    )

    async def GetGroundTruthDataset(
        self, request: pb.GetGroundTruthDatasetRequest, call: Call
    ) -> ground_truth_pb2.GroundTruthDataset:
        """Return one dataset."""
        found = await call.run(self._truth.get, call.organization_id, request.dataset_id)
        return convert.dataset(found)

    async def GetGroundTruthSchema(
        self, request: pb.GetGroundTruthSchemaRequest, call: Call
    ) -> pb.GetGroundTruthSchemaResponse:
        """Return the schema that a dataset names, or the inferred one."""
        found = await self._schemas.of(call.organization_id, request.dataset_id)
        return await call.run_in_thread(lambda: convert.dataset_schema(found))

    async def DeleteGroundTruthDataset(
        self, request: pb.DeleteGroundTruthDatasetRequest, call: Call
    ) -> pb.DeleteGroundTruthDatasetResponse:
        """Delete a dataset with its entries."""
        await call.run(self._truth.delete, call.organization_id, request.dataset_id)
        return pb.DeleteGroundTruthDatasetResponse(deleted=True)

    async def DeleteEntry(
        self, request: pb.DeleteEntryRequest, call: Call
    ) -> pb.DeleteEntryResponse:
        """Delete one entry."""
        await call.run(
            self._truth.delete_entry, call.organization_id, request.dataset_id, request.entry_id
        )
        return pb.DeleteEntryResponse(deleted=True)

    async def ImportEntries(
        self, requests: AsyncIterator[pb.ImportEntriesRequest], call: Call
    ) -> ground_truth_pb2.ImportResponse:
        """Take a stream of documents."""
        return await import_rows(self._imports, requests, call, convert.rows, "dataset_id")

    async def ImportEntriesCsv(
        self,
        requests: AsyncIterator[pb.ImportEntriesCsvRequest],
        call: Call,
    ) -> ground_truth_pb2.ImportResponse:
        """Take one file of CSV."""
        return await import_file(self._imports, requests, call, CSV, "dataset_id")

    async def ImportEntriesJsonLines(
        self,
        requests: AsyncIterator[pb.ImportEntriesJsonLinesRequest],
        call: Call,
    ) -> ground_truth_pb2.ImportResponse:
        """Take one file of JSON Lines."""
        return await import_file(self._imports, requests, call, JSON_LINES, "dataset_id")
