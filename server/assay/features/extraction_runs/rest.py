"""REST views of extraction runs and extractions."""

from __future__ import annotations

from msgspec import Raw

from assay.features.extraction_runs import convert
from assay.features.extraction_runs.api import ExtractionCalls
from assay.features.extraction_runs.model import Extraction, ExtractionRun
from assay.kernel.rpc.handler import page_handler, view_handler
from assay.kernel.rpc.rest import Count, Instant, JsonObject, Share
from assay.kernel.rpc.values import millis
from assay.records import Record

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


class ExtractionRestService(ExtractionCalls):
    """Extraction runs of the caller's organization."""

    CreateExtractionRun = view_handler(ExtractionCalls.created, run)
    GetExtractionRun = view_handler(ExtractionCalls.one, run)
    ListExtractionRuns = page_handler(ExtractionCalls.listed, run)
    GetExtraction = view_handler(ExtractionCalls.extraction, extraction)
    ListExtractions = page_handler(ExtractionCalls.extractions, extraction)
