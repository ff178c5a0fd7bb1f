"""Typed events and status of benchmarks: documents as they are compared, and accuracy by field."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from assay.kernel.jobs.job import Event
from assay.kernel.jobs.kind import StatusFold
from assay.kernel.jobs.payloads import EventPayload, StatusPayload
from assay.records import Record


class ComparedDocument(Record):
    """What came of one document."""

    document_id: str
    right: int  # comparisons
    comparisons: int


class FieldAccuracy(Record):
    """The counts of one field; all but `exact_right` on the normalised track."""

    field: str  # path
    right: int
    comparisons: int  # at least one
    exact_right: int
    correct: int
    wrong_value: int
    invented: int
    missed: int

    def __add__(self, other: FieldAccuracy) -> FieldAccuracy:
        """Return the counts of both."""
        ours, theirs = msgspec.to_builtins(self), msgspec.to_builtins(other)
        return FieldAccuracy(**{n: v if n == "field" else v + theirs[n] for n, v in ours.items()})

    def wire(self) -> dict[str, Any]:
        """Return the fields of the message, the accuracy among them."""
        return {**msgspec.to_builtins(self), "accuracy": self.right / self.comparisons}


class DocumentsCompared(EventPayload):
    """Documents whose results are durable now, and what came of their fields."""

    name: ClassVar[str] = "documents"
    message: ClassVar[str | None] = "assay.v1.DocumentsCompared"
    json_field: ClassVar[str | None] = "documents_compared"

    documents: tuple[ComparedDocument, ...]
    fields: tuple[FieldAccuracy, ...]  # of at most the first 256 fields by their paths

    def wire(self) -> dict[str, Any]:
        """Return the fields of the message; a document without comparisons has no accuracy."""
        return {
            "documents": [
                {
                    "document_id": one.document_id,
                    "right": one.right,
                    "comparisons": one.comparisons,
                    "accuracy": one.right / one.comparisons if one.comparisons else None,
                }
                for one in self.documents
            ],
            "fields": [one.wire() for one in self.fields],
        }


class FieldAccuracies(StatusPayload):
    """How right each field is so far."""

    name: ClassVar[str] = "field_accuracy"
    message: ClassVar[str | None] = "assay.v1.FieldAccuracies"

    fields: tuple[FieldAccuracy, ...]
    documents: int  # compared so far

    def wire(self) -> dict[str, Any]:
        """Return the fields of the message."""
        return {"fields": [one.wire() for one in self.fields], "documents": self.documents}


class FieldAccuracyFold(StatusFold):
    """The counts of each field so far: the sum of what the log tells."""

    status = FieldAccuracies

    def __init__(self) -> None:
        self._fields: dict[str, FieldAccuracy] = {}
        self.documents = 0  # compared so far

    def add(self, event: Event) -> bool:
        """Count an event; return whether it told of documents."""
        if event.kind != DocumentsCompared.name:
            return False
        compared = event.payload(DocumentsCompared)
        self.documents += len(compared.documents)
        for one in compared.fields:
            before = self._fields.get(one.field)
            self._fields[one.field] = one if before is None else before + one
        return True

    def value(self) -> FieldAccuracies:
        """Return the counts so far, fields in the order in which they first came."""
        return FieldAccuracies(fields=tuple(self._fields.values()), documents=self.documents)
