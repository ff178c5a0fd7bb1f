"""ExtractionService: extraction runs, extractions and their imports."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assay.features.extraction_runs import convert
from assay.features.extraction_runs.model import NewExtractionRun
from assay.features.extraction_runs.service import ExtractionUseCases
from assay.features.imports.convert import import_file, import_rows
from assay.features.imports.service import Imports
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import page_of, value_of
from assay.kernel.rpc.paging import requested_limit
from assay.tabular.opening import CSV, JSON_LINES
from assay.v1 import (
    extraction_pb2,
    extraction_service_pb2,
    ground_truth_pb2,
)


class ExtractionService:
    """Extraction runs of the caller's organization."""

    def __init__(self, extractions: ExtractionUseCases, imports: Imports) -> None:
        self._extractions = extractions
        self._imports = imports

    async def CreateExtractionRun(
        self, request: extraction_service_pb2.CreateExtractionRunRequest, call: Call
    ) -> extraction_pb2.ExtractionRun:
        """Create an empty run."""
        made = await call.run_in_thread(
            lambda: self._extractions.create(
                call.organization_id,
                value_of(NewExtractionRun, request, created_by=call.caller.subject),
                request_id=call.idempotency_key(request.request_id),
            )
        )
        return convert.run(made)

    async def GetExtractionRun(
        self, request: extraction_service_pb2.GetExtractionRunRequest, call: Call
    ) -> extraction_pb2.ExtractionRun:
        """Return one run."""
        found = await call.run(self._extractions.get, call.organization_id, request.run_id)
        return convert.run(found)

    async def ListExtractionRuns(
        self, request: extraction_service_pb2.ListExtractionRunsRequest, call: Call
    ) -> extraction_service_pb2.ListExtractionRunsResponse:
        """Return a page of runs."""
        page = await call.run(
            self._extractions.list,
            call.organization_id,
            requested_limit(request),
            request.cursor,
        )
        return page_of(extraction_service_pb2.ListExtractionRunsResponse, page, convert.run)

    async def GetExtraction(
        self, request: extraction_service_pb2.GetExtractionRequest, call: Call
    ) -> extraction_pb2.Extraction:
        """Return one extraction."""
        return await call.run_in_thread(
            lambda: convert.extraction(
                self._extractions.get_extraction(
                    call.organization_id, request.run_id, request.extraction_id
                )
            )
        )

    async def ListExtractions(
        self, request: extraction_service_pb2.ListExtractionsRequest, call: Call
    ) -> extraction_service_pb2.ListExtractionsResponse:
        """Return a page of extractions."""
        return await call.run_in_thread(
            lambda: page_of(
                extraction_service_pb2.ListExtractionsResponse,
                self._extractions.list_extractions(
                    call.organization_id,
                    request.run_id,
                    requested_limit(request),
                    request.cursor,
                    document_id=request.document_id,
                ),
                convert.extraction,
            )
        )

    async def DeleteExtractionRun(
        self, request: extraction_service_pb2.DeleteExtractionRunRequest, call: Call
    ) -> extraction_service_pb2.DeleteExtractionRunResponse:
        """Delete a run with its extractions."""
        await call.run(self._extractions.delete, call.organization_id, request.run_id)
        return extraction_service_pb2.DeleteExtractionRunResponse(deleted=True)

    async def ImportExtractions(
        self, requests: AsyncIterator[extraction_service_pb2.ImportExtractionsRequest], call: Call
    ) -> ground_truth_pb2.ImportResponse:
        """Take a stream of documents."""
        return await import_rows(self._imports, requests, call, convert.rows, "run_id")

    async def ImportExtractionsCsv(
        self,
        requests: AsyncIterator[extraction_service_pb2.ImportExtractionsCsvRequest],
        call: Call,
    ) -> ground_truth_pb2.ImportResponse:
        """Take one file of CSV."""
        return await import_file(self._imports, requests, call, CSV, "run_id")

    async def ImportExtractionsJsonLines(
        self,
        requests: AsyncIterator[extraction_service_pb2.ImportExtractionsJsonLinesRequest],
        call: Call,
    ) -> ground_truth_pb2.ImportResponse:
        """Take one file of JSON Lines."""
        return await import_file(self._imports, requests, call, JSON_LINES, "run_id")
