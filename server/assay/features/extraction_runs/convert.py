"""Extraction runs and extractions as typed messages."""

from __future__ import annotations

import json
from collections.abc import Sequence

from assay.features.extraction_runs.model import Extraction, ExtractionRun, NewExtractionRun
from assay.features.imports.document_files import TypedRow
from assay.features.imports.documents import read
from assay.kernel.rpc import values
from assay.kernel.rpc.paging import Counted
from assay.v1 import extraction_pb2, extraction_service_pb2


def new_run(
    request: extraction_service_pb2.CreateExtractionRunRequest, created_by: str
) -> NewExtractionRun:
    """Return what the request asks to create."""
    return NewExtractionRun(
        name=request.name,
        model=request.model if request.HasField("model") else None,
        version=request.version if request.HasField("version") else None,
        created_by=created_by,
    )


def run(stored: ExtractionRun) -> extraction_pb2.ExtractionRun:
    """Return a run as a message."""
    return extraction_pb2.ExtractionRun(
        run_id=stored.run_id,
        name=stored.name,
        model=stored.model,
        version=stored.version,
        document_count=stored.document_count,
        created_at=values.instant(stored.created_at),
    )


def runs(page: Counted[ExtractionRun]) -> extraction_service_pb2.ListExtractionRunsResponse:
    """Return a page of runs."""
    return extraction_service_pb2.ListExtractionRunsResponse(
        runs=[run(one) for one in page.items],
        next_cursor=page.next_cursor or "",
        total=page.total,
    )


def extraction(stored: Extraction) -> extraction_pb2.Extraction:
    """Return an extraction as a message."""
    return extraction_pb2.Extraction(
        extraction_id=stored.extraction_id,
        run_id=stored.run_id,
        document_id=stored.document_id,
        data_json=stored.data,
        confidence=confidence(stored),
        created_at=values.instant(stored.created_at),
    )


def extractions(page: Counted[Extraction]) -> extraction_service_pb2.ListExtractionsResponse:
    """Return a page of extractions."""
    return extraction_service_pb2.ListExtractionsResponse(
        extractions=[extraction(one) for one in page.items],
        next_cursor=page.next_cursor or "",
        total=page.total,
    )


def rows(message: extraction_service_pb2.ImportExtractionsRequest) -> Sequence[TypedRow]:
    """Return the extractions of one message of an import."""
    return [
        TypedRow(
            document_id=one.document_id,
            data=one.data_json,
            # Sorted: a map has no order on the wire, and a repeat must have the same bytes.
            more=json.dumps(dict(one.confidence), sort_keys=True) if one.confidence else None,
        )
        for one in message.extractions
    ]


def confidence(stored: Extraction) -> dict[str, float] | None:
    """Return how sure the model was, by the path of a value; None: unknown."""
    if stored.confidence is None:
        return None
    return {place: float(number) for place, number in read(stored.confidence).items()}
