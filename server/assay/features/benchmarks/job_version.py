"""The job kind `version_benchmark`: a version extracts from documents, and is compared with truth.

The rows of a split are predicted and stored as an extraction run; then each blob of the snapshot
gets the extractions of its documents, and all else is as in a benchmark of a stored run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from heapq import nsmallest
from typing import ClassVar

from assay.features.benchmarks.job import BenchmarkKind, CompareDocuments, InferSchema
from assay.features.benchmarks.job_predictions import (
    Asked,
    ExtractedDocument,
    ExtractedSpan,
    PredictDocuments,
)
from assay.features.benchmarks.job_spec import VERSION_BENCHMARK_KIND, VersionBenchmarkJob
from assay.features.benchmarks.model import BenchmarkJob, BenchmarkResult
from assay.features.benchmarks.snapshot_artifact import read_blob, read_line, with_extraction
from assay.features.benchmarks.unmatched import NAMED, Unmatched, folded
from assay.features.extraction_runs.model import NewExtraction
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.kernel.errors import NotFound
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import ComputeContext, JobView, Stage, StageInputs, TaskOutput
from assay.kernel.jobs.ledger import Cancellation
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, decode, replace

JOINED_BLOBS = 8  # of the snapshot, at most, that one task gives their extractions
FEW_TASKS = 32  # until there are so many, a task has one blob


class JoinPayload(Record):
    """Consecutive blobs of the snapshot, and where extractions of their documents may be."""

    blobs: tuple[str, ...]  # addresses
    low: str  # extractions of documents from this id on belong here; "": from the first on
    high: str | None  # and before this one; None: to the last
    spans: tuple[ExtractedSpan, ...]


class JoinedDocuments(Record):
    """What a task leaves: documents with their extractions are in its blob."""

    documents: int
    unmatched: Unmatched  # without similar ids; zeros where every document has a counterpart


class JoinDocuments(Stage[JoinPayload, JoinedDocuments]):
    """Gives the documents of the snapshot the extractions that the version made of them."""

    name: ClassVar[str] = "join"
    payload = JoinPayload
    partial = JoinedDocuments
    reads = (PredictDocuments,)

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[JoinPayload]:
        """Plan tasks of a few blobs each."""
        blobs = [address for address, _ in job.spec.blobs]
        size = min(JOINED_BLOBS, max(1, len(blobs) // FEW_TASKS))
        groups = [tuple(blobs[at : at + size]) for at in range(0, len(blobs), size)]
        lows = ["", *(_first_id(group[0], context.blobs) for group in groups[1:])]
        highs = [*lows[1:], None]
        return [
            JoinPayload(blobs=group, low=low, high=high, spans=tuple(_spans(inputs, low, high)))
            for group, low, high in zip(groups, lows, highs, strict=True)
        ]

    def run(
        self, job: Asked, payload: JoinPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[JoinedDocuments]:
        """Put documents and extractions together."""
        lines = {
            read_line(line).document_id: line
            for address in payload.blobs
            for line in context.blobs.read(address).splitlines(keepends=True)
        }
        joined: dict[str, bytes] = {}
        foreign: list[str] = []
        extractions = 0
        for one in _within(payload, context.blobs):
            extractions += 1
            line = lines.get(one.document_id)
            if line is not None:
                joined[one.document_id] = with_extraction(line, one.data, one.confidence)
            else:
                foreign = nsmallest(NAMED, (*foreign, one.document_id))
        lacking = [document_id for document_id in lines if document_id not in joined]
        unmatched = Unmatched(
            extractions=extractions - len(joined),
            extraction_document_ids=tuple(foreign),
            similar_document_ids=(),
            entries=len(lacking),
            entry_document_ids=tuple(lacking[:NAMED]),
        )
        data = b"".join(joined.get(document_id, line) for document_id, line in lines.items())
        return TaskOutput(
            partial=JoinedDocuments(documents=len(lines), unmatched=unmatched),
            blob=context.blobs.put(data),
        )


class CompareJoined(CompareDocuments):
    """Compares documents as a benchmark of a stored run does, of blobs that were joined."""

    reads = (InferSchema, JoinDocuments)
    most_blobs: ClassVar[int] = 1

    def sources(self, job: JobView[BenchmarkJob], inputs: StageInputs) -> list[tuple[str, int]]:
        """Return the blobs of joined documents."""
        joined = zip(inputs.records(JoinDocuments), inputs.partials(JoinDocuments), strict=True)
        return [(record.blob or "", one.documents) for record, one in joined]


class VersionBenchmarkKind(BenchmarkKind):
    """Compares what a version extracts with ground truth. The sizes of tasks change no number."""

    name: ClassVar[str] = VERSION_BENCHMARK_KIND
    spec = VersionBenchmarkJob
    stages = (PredictDocuments(), JoinDocuments(), InferSchema(), CompareJoined())

    def finish(
        self, job: JobView[BenchmarkJob], inputs: StageInputs, context: ComputeContext
    ) -> BenchmarkResult:
        """Return the result, the details being written."""
        unmatched = _together([one.unmatched for one in inputs.partials(JoinDocuments)])
        if unmatched.extraction_document_ids:
            similar = _similar(unmatched.extraction_document_ids, job.spec, context.blobs)
            unmatched = replace(unmatched, similar_document_ids=similar)
        found = unmatched if unmatched.extractions or unmatched.entries else None
        return replace(super().finish(job, inputs, context), unmatched=found)

    def on_tasks_finished(self, uow: UnitOfWork, job: Job, writes: Sequence[Record]) -> None:
        """Store extractions in their run; where somebody has deleted that, they are let go."""
        asked = decode(VersionBenchmarkJob, job.spec)
        new = [one for one in writes if isinstance(one, NewExtraction)]
        with suppress(NotFound):
            uow[Extractions].add_many(job.organization_id, asked.run_id, new)

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Store the scores, or delete the run of a job without a result."""
        super().on_finished(uow, job)
        if job.result is None:
            _drop_run(uow, job)


class RunsOfCanceledBenchmarks(Cancellation):
    """Deletes the run that a benchmark would have filled, had it not been canceled before it ran."""

    def canceled(self, uow: UnitOfWork, job: Job) -> None:
        """Delete the run."""
        if job.kind == VERSION_BENCHMARK_KIND:
            _drop_run(uow, job)


def _drop_run(uow: UnitOfWork, job: Job) -> None:
    """Delete a run of which a part is missing: who compared it would take that for missed."""
    asked = decode(VersionBenchmarkJob, job.spec)
    with suppress(NotFound):
        uow[ExtractionRuns].delete(job.organization_id, asked.run_id)


def _first_id(address: str, blobs: JobBlobs) -> str:
    return next(read_blob(blobs.read(address))).document_id


def _spans(inputs: StageInputs, low: str, high: str | None) -> Iterator[ExtractedSpan]:
    extracted = zip(
        inputs.records(PredictDocuments), inputs.partials(PredictDocuments), strict=True
    )
    for record, one in extracted:
        start, end = one.span(low, high)
        if start < end:
            yield ExtractedSpan(blob=record.blob or "", start=start, end=end)


def _within(payload: JoinPayload, blobs: JobBlobs) -> Iterator[ExtractedDocument]:
    for span in payload.spans:
        for one in span.documents(blobs):
            if payload.low <= one.document_id and (
                payload.high is None or one.document_id < payload.high
            ):
                yield one


def _together(parts: Sequence[Unmatched]) -> Unmatched:
    """Add up what consecutive documents have without a counterpart."""
    foreign = [name for one in parts for name in one.extraction_document_ids]
    lacking = [name for one in parts for name in one.entry_document_ids]
    return Unmatched(
        extractions=sum(one.extractions for one in parts),
        extraction_document_ids=tuple(foreign[:NAMED]),
        similar_document_ids=(),
        entries=sum(one.entries for one in parts),
        entry_document_ids=tuple(lacking[:NAMED]),
    )


def _similar(foreign: Iterable[str], asked: BenchmarkJob, blobs: JobBlobs) -> tuple[str, ...]:
    """Return the first documents of the snapshot, by id, that foreign ids may mean."""
    wanted = {folded(one) for one in foreign}
    every = (one.document_id for blob, _ in asked.blobs for one in read_blob(blobs.read(blob)))
    return tuple(one for one in every if folded(one) in wanted)[:NAMED]
