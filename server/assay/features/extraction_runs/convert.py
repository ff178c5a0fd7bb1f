"""Extraction runs and extractions as typed messages."""

from __future__ import annotations

import json
from collections.abc import Sequence

from assay.features.extraction_runs.model import Extraction, ExtractionRun
from assay.features.imports.document_files import TypedRow
from assay.features.imports.documents import read
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of
from assay.v1 import extraction_pb2, extraction_service_pb2


def run(stored: ExtractionRun) -> extraction_pb2.ExtractionRun:
    """Return a run as a message."""
    return message_of(extraction_pb2.ExtractionRun, stored, values.instant)


def extraction(stored: Extraction) -> extraction_pb2.Extraction:
    """Return an extraction as a message."""
    return message_of(
        extraction_pb2.Extraction,
        stored,
        values.instant,
        data_json=stored.data,
        confidence=confidence(stored),
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
