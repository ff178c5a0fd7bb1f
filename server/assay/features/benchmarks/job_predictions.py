"""Extractions that a version makes of the rows of a split, at rest in order of their documents.

A task predicts some rows of a block. What it extracts becomes rows of an extraction run in the
commit that records the task, and a blob of JSON Lines by rising document id, of which an index
tells where to look.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import ClassVar

from assay.extraction.field_path import join
from assay.features.artifacts.predictors import open_predictor, predicted
from assay.features.benchmarks.job_spec import VersionBenchmarkJob
from assay.features.datasets.stored_split import read_block, read_manifest
from assay.features.extraction_runs.model import NewExtraction
from assay.features.imports import documents
from assay.kernel.errors import AssayError, FailedPrecondition, clip
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext, JobView, Stage, StageInputs, TaskOutput
from assay.learning.predictions import WordPredictions
from assay.records import Record, decode, encode

Asked = JobView[VersionBenchmarkJob]

TASK_ROWS = 250  # that one task predicts: its extractions are one commit
INDEXED = 16  # documents of a blob that one entry of its index stands for


class RowsPayload(Record):
    """Consecutive rows of a block of the split, to be predicted."""

    number: int  # of the block, from 0
    first: int  # row of the block
    rows: int


class ExtractedRows(Record):
    """What a task leaves: where the documents of its blob are."""

    documents: int
    bytes: int  # of the blob
    index: tuple[tuple[str, int], ...]  # id and place of each INDEXED-th document, from the first

    def span(self, low: str, high: str | None) -> tuple[int, int]:
        """Return where the documents from id `low` on and before `high` begin and end, at the widest.

        None as `high` is the end of all ids.
        """
        ids = [document_id for document_id, _ in self.index]
        start = max(bisect_right(ids, low) - 1, 0)
        end = len(ids) if high is None else bisect_left(ids, high)
        return self.index[start][1], self.index[end][1] if end < len(ids) else self.bytes


class ExtractedDocument(Record, array_like=True):
    """A line of such a blob."""

    document_id: str
    data: str  # canonical JSON object
    confidence: str | None  # canonical JSON object; None: nothing was found


class ExtractedSpan(Record, array_like=True):
    """A part of such a blob."""

    blob: str  # address
    start: int  # in bytes
    end: int

    def documents(self, blobs: JobBlobs) -> Iterator[ExtractedDocument]:
        """Yield its documents by rising id."""
        for line in bytes(blobs.view(self.blob)[self.start : self.end]).splitlines():
            yield decode(ExtractedDocument, line)


class PredictDocuments(Stage[RowsPayload, ExtractedRows]):
    """Predicts the rows of the split; each is a document, and its row id the document's id."""

    name: ClassVar[str] = "predict"
    payload = RowsPayload
    partial = ExtractedRows

    def waits(self, job: Asked) -> bool:
        """Say whether the version is called elsewhere."""
        return job.spec.artifact.waits

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[RowsPayload]:
        """Plan tasks of a few rows each."""
        manifest = read_manifest(job.spec.manifest, context.blobs)
        return [
            RowsPayload(number=number, first=first, rows=min(TASK_ROWS, block.rows - first))
            for number, block in enumerate(manifest.blocks)
            for first in range(0, block.rows, TASK_ROWS)
        ]

    def run(
        self, job: Asked, payload: RowsPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[ExtractedRows]:
        """Predict rows; raises FailedPrecondition for one that cannot be predicted, or kept."""
        manifest = read_manifest(job.spec.manifest, context.blobs)
        block = read_block(manifest, payload.number, context.blobs)
        found = predicted(
            open_predictor(job.spec.artifact, context), block.slice(payload.first, payload.rows)
        )
        assert isinstance(found, WordPredictions)
        extractions = tuple(
            _extraction(row_id, found.fields[row], found.confidence(row))
            for row, row_id in enumerate(found.row_ids)
        )
        data, extracted = _at_rest(extractions)
        return TaskOutput(partial=extracted, blob=context.blobs.put(data), writes=extractions)


def _extraction(
    row_id: str, fields: Mapping[str, str], confidence: Mapping[str, float]
) -> NewExtraction:
    sure = {join("", name): number for name, number in confidence.items()}
    try:
        return NewExtraction(
            document_id=row_id,
            data=documents.text_of("data", documents.check("data", dict(fields))),
            confidence=documents.text_of("confidence", sure) if sure else None,
        )
    except AssayError as error:
        raise FailedPrecondition(
            f"What the version extracts from the row '{clip(row_id)}' cannot be kept as an "
            f"extraction: {error.message}",
            metadata={"row_id": row_id},
        ) from error


def _at_rest(extractions: tuple[NewExtraction, ...]) -> tuple[bytes, ExtractedRows]:
    """Return extractions as the bytes of a blob, and where its documents are."""
    lines: list[bytes] = []
    index: list[tuple[str, int]] = []
    size = 0
    for number, one in enumerate(sorted(extractions, key=lambda one: one.document_id)):
        if number % INDEXED == 0:
            index.append((one.document_id, size))
        line = ExtractedDocument(
            document_id=one.document_id, data=one.data, confidence=one.confidence
        )
        lines.append(encode(line) + b"\n")
        size += len(lines[-1])
    found = ExtractedRows(documents=len(extractions), bytes=size, index=tuple(index))
    return b"".join(lines), found
