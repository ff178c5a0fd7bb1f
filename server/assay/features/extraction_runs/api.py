"""ExtractionService: extraction runs, extractions and their imports."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assay.features.extraction_runs import convert
from assay.features.extraction_runs.model import Extraction, ExtractionRun, NewExtractionRun
from assay.features.extraction_runs.service import ExtractionUseCases
from assay.features.imports.convert import import_file, import_rows
from assay.features.imports.service import Imports
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.handler import handler
from assay.kernel.rpc.messages import page_of, value_of
from assay.kernel.rpc.paging import Counted, requested_limit
from assay.tabular.opening import CSV, JSON_LINES
from assay.v1 import extraction_service_pb2 as pb
from assay.v1 import ground_truth_pb2


class ExtractionCalls:
    """Calls of extraction runs that have a typed and a REST reply."""

    def __init__(self, extractions: ExtractionUseCases) -> None:
        self._extractions = extractions

    def created(self, request: pb.CreateExtractionRunRequest, call: Call) -> ExtractionRun:
        """Create an empty run."""
        return self._extractions.create(
            call.organization_id,
            value_of(NewExtractionRun, request, created_by=call.caller.subject),
            request_id=call.idempotency_key(request.request_id),
        )

    def one(self, request: pb.GetExtractionRunRequest, call: Call) -> ExtractionRun:
        """Return one run."""
        return self._extractions.get(call.organization_id, request.run_id)

    def listed(self, request: pb.ListExtractionRunsRequest, call: Call) -> Counted[ExtractionRun]:
        """Return a page of runs."""
        return self._extractions.list(
            call.organization_id, requested_limit(request), request.cursor
        )

    def extraction(self, request: pb.GetExtractionRequest, call: Call) -> Extraction:
        """Return one extraction."""
        return self._extractions.get_extraction(
            call.organization_id, request.run_id, request.extraction_id
        )

    def extractions(self, request: pb.ListExtractionsRequest, call: Call) -> Counted[Extraction]:
        """Return a page of extractions."""
        return self._extractions.list_extractions(
            call.organization_id,
            request.run_id,
            requested_limit(request),
            request.cursor,
            document_id=request.document_id,
        )


class ExtractionService(ExtractionCalls):
    """Extraction runs of the caller's organization."""

    def __init__(self, extractions: ExtractionUseCases, imports: Imports) -> None:
        super().__init__(extractions)
        self._imports = imports

    CreateExtractionRun = handler(ExtractionCalls.created, convert.run)
    GetExtractionRun = handler(ExtractionCalls.one, convert.run)
    ListExtractionRuns = handler(
        ExtractionCalls.listed,
        lambda found: page_of(pb.ListExtractionRunsResponse, found, convert.run),
    )
    GetExtraction = handler(ExtractionCalls.extraction, convert.extraction)
    ListExtractions = handler(
        ExtractionCalls.extractions,
        lambda found: page_of(pb.ListExtractionsResponse, found, convert.extraction),
    )

    async def DeleteExtractionRun(
        self, request: pb.DeleteExtractionRunRequest, call: Call
    ) -> pb.DeleteExtractionRunResponse:
        """Delete a run with its extractions."""
        await call.run(self._extractions.delete, call.organization_id, request.run_id)
        return pb.DeleteExtractionRunResponse(deleted=True)

    async def ImportExtractions(
        self, requests: AsyncIterator[pb.ImportExtractionsRequest], call: Call
    ) -> ground_truth_pb2.ImportResponse:
        """Take a stream of documents."""
        return await import_rows(self._imports, requests, call, convert.rows, "run_id")

    async def ImportExtractionsCsv(
        self,
        requests: AsyncIterator[pb.ImportExtractionsCsvRequest],
        call: Call,
    ) -> ground_truth_pb2.ImportResponse:
        """Take one file of CSV."""
        return await import_file(self._imports, requests, call, CSV, "run_id")

    async def ImportExtractionsJsonLines(
        self,
        requests: AsyncIterator[pb.ImportExtractionsJsonLinesRequest],
        call: Call,
    ) -> ground_truth_pb2.ImportResponse:
        """Take one file of JSON Lines."""
        return await import_file(self._imports, requests, call, JSON_LINES, "run_id")
