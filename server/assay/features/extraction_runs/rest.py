"""REST views of extraction runs and extractions."""

from __future__ import annotations

from msgspec import Raw

from assay.features.extraction_runs import convert
from assay.features.extraction_runs.model import Extraction, ExtractionRun, NewExtractionRun
from assay.features.extraction_runs.service import ExtractionUseCases
from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import value_of
from assay.kernel.rpc.paging import requested_limit
from assay.kernel.rpc.rest import Body, Count, Instant, JsonObject, Share, ViewPage
from assay.kernel.rpc.values import millis
from assay.records import Record
from assay.v1 import extraction_service_pb2 as pb

PATH = "/v1/quality/extractions"


class ExtractionRunLinks(Record):
    """The links of a run."""

    self: str  # The path of this run.
    documents: str  # The path of its extractions.


class ExtractionRunView(Record):
    """An extraction run."""

    id: str  # A UUID.
    name: str  # A human name.
    model: str | None  # What made the extractions; null: unknown.
    version: str | None  # The version of it; null: unknown.
    document_count: Count  # How many extractions it has.
    created_at: Instant  # When the run was created, with milliseconds.
    links: ExtractionRunLinks  # Where to go from here.


class ExtractionLinks(Record):
    """The links of an extraction."""

    self: str  # The path of this extraction.
    run: str  # The path of its run.


class ExtractionView(Record):
    """What was read from one document."""

    id: str  # A UUID.
    run_id: str  # The run.
    document_id: str  # The document, unique in the run.
    data: JsonObject  # The value of each field, every number with its digits.
    # How sure the model was, by the path of a value in `data`; null: unknown.
    confidence: dict[str, Share] | None
    created_at: Instant  # When the extraction was added, with milliseconds.
    links: ExtractionLinks  # Where to go from here.


class ExtractionRestService:
    """Extraction runs of the caller's organization."""

    def __init__(self, extractions: ExtractionUseCases) -> None:
        self._extractions = extractions

    async def CreateExtractionRun(
        self, request: pb.CreateExtractionRunRequest, call: Call
    ) -> Body[ExtractionRunView]:
        """Create an empty run."""
        made = await call.run_in_thread(
            lambda: self._extractions.create(
                call.organization_id,
                value_of(NewExtractionRun, request, created_by=call.caller.subject),
                request_id=call.idempotency_key(request.request_id),
            )
        )
        return rest.body(run(made))

    async def GetExtractionRun(
        self, request: pb.GetExtractionRunRequest, call: Call
    ) -> Body[ExtractionRunView]:
        """Return one run."""
        found = await call.run(self._extractions.get, call.organization_id, request.run_id)
        return rest.body(run(found))

    async def ListExtractionRuns(
        self, request: pb.ListExtractionRunsRequest, call: Call
    ) -> Body[ViewPage[ExtractionRunView]]:
        """Return a page of runs."""
        page = await call.run(
            self._extractions.list, call.organization_id, requested_limit(request), request.cursor
        )
        return rest.body(rest.page(page, run))

    async def GetExtraction(
        self, request: pb.GetExtractionRequest, call: Call
    ) -> Body[ExtractionView]:
        """Return one extraction."""
        return await call.run_in_thread(
            lambda: rest.body(
                extraction(
                    self._extractions.get_extraction(
                        call.organization_id, request.run_id, request.extraction_id
                    )
                )
            )
        )

    async def ListExtractions(
        self, request: pb.ListExtractionsRequest, call: Call
    ) -> Body[ViewPage[ExtractionView]]:
        """Return a page of extractions."""
        return await call.run_in_thread(
            lambda: rest.body(
                rest.page(
                    self._extractions.list_extractions(
                        call.organization_id,
                        request.run_id,
                        requested_limit(request),
                        request.cursor,
                        document_id=request.document_id,
                    ),
                    extraction,
                )
            )
        )


def run(stored: ExtractionRun) -> ExtractionRunView:
    """Return the view of a run."""
    path = f"{PATH}/{stored.run_id}"
    return ExtractionRunView(
        id=stored.run_id,
        name=stored.name,
        model=stored.model,
        version=stored.version,
        document_count=stored.document_count,
        created_at=millis(stored.created_at),
        links=ExtractionRunLinks(self=path, documents=f"{path}/documents"),
    )


def extraction(stored: Extraction) -> ExtractionView:
    """Return the view of an extraction."""
    path = f"{PATH}/{stored.run_id}"
    return ExtractionView(
        id=stored.extraction_id,
        run_id=stored.run_id,
        document_id=stored.document_id,
        data=Raw(stored.data),
        confidence=convert.confidence(stored),
        created_at=millis(stored.created_at),
        links=ExtractionLinks(self=f"{path}/documents/{stored.extraction_id}", run=path),
    )
