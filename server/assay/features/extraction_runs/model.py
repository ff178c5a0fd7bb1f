"""Extractions: what a model read from documents, kept in runs."""

from __future__ import annotations

from datetime import datetime

from assay.features.imports.document_files import CONFIDENCE, RowFormat
from assay.kernel.text import MAX_NAME, check_document_id, check_text
from assay.records import Record


class NewExtractionRun(Record):
    """What a caller gives to make a run; wrong values are refused by name."""

    name: str  # 1 to 200 characters, need not be unique
    model: str | None = None  # what made the extractions, in its owner's words
    version: str | None = None  # of that model
    created_by: str = ""  # subject of the caller

    def __post_init__(self) -> None:
        check_text("name", self.name, 1, MAX_NAME)
        for field, text in (("model", self.model), ("version", self.version)):
            if text is not None:
                check_text(field, text, 1, MAX_NAME)


class ExtractionRun(Record):
    """An extraction run as it is stored."""

    organization_id: str  # the organization that owns it
    run_id: str  # a UUID
    name: str  # what people call it
    model: str | None  # what made the extractions; None: was not told
    version: str | None  # of that model; None: was not told
    document_count: int  # its extractions
    created_at: datetime  # when it was made
    created_by: str  # subject of the caller that made it


class NewExtraction(Record):
    """What was read from one document."""

    document_id: str  # 1 to 500 characters, unique in the run
    data: str  # canonical JSON object: the value of each field
    confidence: str | None = None  # canonical JSON object: place in `data` -> 0 to 1; None: unknown

    def __post_init__(self) -> None:
        check_document_id("document_id", self.document_id)


class Extraction(Record):
    """An extraction as it is stored."""

    organization_id: str  # the organization that owns it
    run_id: str  # the run that it is in
    extraction_id: str  # a UUID
    document_id: str  # unique in the run
    data: str  # canonical JSON object: the value of each field
    confidence: str | None  # canonical JSON object: place in `data` -> 0 to 1; None: unknown
    created_at: datetime  # those of one import are a microsecond apart, in the file's order


class Pair(Record):
    """One document with what is expected of it and what was read from it."""

    entry_id: str  # the entry of the ground truth
    document_id: str  # unique in the dataset
    expected: str  # canonical JSON object
    extraction_id: str | None = None  # None: nothing was extracted from the document
    run_id: str | None = None  # the run of the extraction
    data: str | None = None  # canonical JSON object
    confidence: str | None = None  # canonical JSON object; None also when unknown


def _check_row(document_id: str, data: str, more: str | None) -> None:
    NewExtraction(document_id=document_id, data=data, confidence=more)


EXTRACTION_ROWS = RowFormat(data="data", more=CONFIDENCE, check=_check_row)
