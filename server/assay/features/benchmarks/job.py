"""The job kind `benchmark`: a snapshot of documents compared with its ground truth, blob by blob.

The schema is inferred from the ground truth, where none was named; then documents are compared in
parallel. The end merges their counts and writes the details.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, ClassVar

from assay.extraction.comparison import NORMALISER
from assay.extraction.field_counts import FieldCounts
from assay.extraction.measures import measures
from assay.extraction.schema import FieldSchema, SchemaError
from assay.extraction.schema_inference import SchemaInference
from assay.features.benchmarks.events import (
    ComparedDocument,
    DocumentsCompared,
    FieldAccuracy,
    FieldAccuracyFold,
)
from assay.features.benchmarks.job_details import benchmark_details
from assay.features.benchmarks.job_documents import (
    ComparedDocuments,
    DocumentBatchStats,
    compare_documents,
)
from assay.features.benchmarks.model import (
    BENCHMARK_KIND,
    BenchmarkJob,
    BenchmarkResult,
    ResultBlobRef,
    Scores,
)
from assay.features.benchmarks.snapshot_artifact import read_blob
from assay.features.benchmarks.store import Benchmarks
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Job
from assay.kernel.jobs.kind import (
    ComputeContext,
    JobKind,
    JobView,
    Stage,
    StageInputs,
    StatusFold,
    TaskOutput,
)
from assay.kernel.jobs.payloads import EventPayload
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import Record, decode

Asked = JobView[BenchmarkJob]

LIVE_FIELDS = 256  # of an event; a schema may have thousands
FEW_TASKS = 32  # until there are so many, a task has one blob of the snapshot
MOST_BLOBS = 8  # of a task


class InferPayload(Record):
    """The payload of the task that infers the schema."""


class DocumentsPayload(Record):
    """Consecutive blobs of the snapshot, to be compared."""

    schema: str  # address
    blobs: tuple[str, ...]  # addresses
    first: int  # number of the first document


class InferredSchema(Record):
    """A schema that was inferred, as canonical JSON."""

    text: str


class InferSchema(Stage[InferPayload, InferredSchema]):
    """Infers the fields from the ground truth, where no schema was named."""

    name: ClassVar[str] = "schema"
    payload = InferPayload
    partial = InferredSchema

    def plan(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> list[InferPayload]:
        """Plan one task, or none where a schema was named."""
        return [InferPayload()] if job.spec.schema is None else []

    def run(
        self, job: Asked, payload: InferPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[InferredSchema]:
        """Infer the schema. Raises FailedPrecondition where none can be."""
        text = _inferred(job.spec, context.blobs).decode()
        return TaskOutput(partial=InferredSchema(text=text))


class CompareDocuments(Stage[DocumentsPayload, DocumentBatchStats]):
    """Compares the documents of consecutive blobs of the snapshot and stores their results."""

    name: ClassVar[str] = "documents"
    payload = DocumentsPayload
    partial = DocumentBatchStats
    reads: ClassVar[tuple[type[Stage[Any, Any]], ...]] = (InferSchema,)
    most_blobs: ClassVar[int] = MOST_BLOBS

    def sources(self, job: Asked, inputs: StageInputs) -> Sequence[tuple[str, int]]:
        """Return address and documents of each blob that is compared, in order."""
        return job.spec.blobs

    def plan(
        self, job: Asked, inputs: StageInputs, context: ComputeContext
    ) -> list[DocumentsPayload]:
        """Plan tasks of a few blobs each."""
        schema = job.spec.schema
        if schema is None:
            schema = context.blobs.put(inputs.partials(InferSchema)[0].text.encode())
        payloads = []
        first = 0
        sources = self.sources(job, inputs)
        size = min(self.most_blobs, max(1, len(sources) // FEW_TASKS))
        for start in range(0, len(sources), size):
            blobs = sources[start : start + size]
            addresses = tuple(blob for blob, _ in blobs)
            payloads.append(DocumentsPayload(schema=schema, blobs=addresses, first=first))
            first += sum(documents for _, documents in blobs)
        return payloads

    def run(
        self, job: Asked, payload: DocumentsPayload, inputs: StageInputs, context: ComputeContext
    ) -> TaskOutput[DocumentBatchStats]:
        """Compare the documents and write their results."""
        schema = _schema(context.blobs.read(payload.schema))
        compared = compare_documents(payload.blobs, context.blobs.read, schema)
        return TaskOutput(
            partial=compared.stats,
            events=(_event(compared, schema),),
            blob=context.blobs.put(compared.results),
            rows=len(compared.outcomes.documents),
        )


class BenchmarkKind(JobKind[BenchmarkJob, BenchmarkResult]):
    """Compares extractions with ground truth. The sizes of tasks change no number."""

    name: ClassVar[str] = BENCHMARK_KIND
    spec: ClassVar[type[BenchmarkJob]] = BenchmarkJob
    result = BenchmarkResult
    events: ClassVar[tuple[type[EventPayload], ...]] = (DocumentsCompared,)
    folds: ClassVar[tuple[type[StatusFold], ...]] = (FieldAccuracyFold,)
    stages: tuple[Stage[Any, Any], ...] = (InferSchema(), CompareDocuments())

    def finish(self, job: Asked, inputs: StageInputs, context: ComputeContext) -> BenchmarkResult:
        """Return the result, the details being written."""
        asked = job.spec
        if asked.schema is None:
            data = inputs.partials(InferSchema)[0].text.encode()
        else:
            data = context.blobs.read(asked.schema)
        schema = FieldSchema.parse(data)
        whole = DocumentBatchStats.merge_all(inputs.partials(CompareDocuments))
        return BenchmarkResult(
            scores=_scores(whole, schema),
            documents=asked.documents,
            schema_hash=schema.hash,
            schema_inferred=asked.schema is None,
            normaliser=NORMALISER,
            truth=asked.truth,
            details=context.blobs.put(benchmark_details(whole, schema.to_mapping())),
            blobs=tuple(_result_refs(inputs)),
        )

    def result_blobs(self, result: BenchmarkResult) -> Iterable[str]:
        """Return the address of the details; tasks keep the results of documents."""
        return (result.details,)

    def on_finished(self, uow: UnitOfWork, job: Job) -> None:
        """Store the scores; a job without a result leaves the benchmark alone."""
        if job.result is None:
            return
        asked = decode(self.spec, job.spec)
        result = decode(BenchmarkResult, job.result)
        uow[Benchmarks].finish(
            job.organization_id, asked.benchmark_id, result.scores, result.unmatched
        )


def _result_refs(inputs: StageInputs) -> Iterator[ResultBlobRef]:
    first = 0
    for record in inputs.records(CompareDocuments):
        documents = record.rows or 0
        yield ResultBlobRef(blob=record.blob or "", first=first, documents=documents)
        first += documents


@lru_cache(maxsize=8)  # the tasks of a benchmark share one
def _schema(data: bytes) -> FieldSchema:
    return FieldSchema.parse(data)


def _inferred(asked: BenchmarkJob, blobs: JobBlobs) -> bytes:
    """Return the schema that the ground truth itself shows, a blob being read at a time."""
    guess = SchemaInference.of(
        one.expected for address, _ in asked.blobs for one in read_blob(blobs.read(address))
    )
    try:
        return guess.schema().encoded()
    except SchemaError as error:
        raise FailedPrecondition(
            f"No schema can be inferred from the ground truth: {error}. Name one by "
            "user_schema_id.",
            metadata={"field": error.path},
        ) from error


def _event(compared: ComparedDocuments, schema: FieldSchema) -> DocumentsCompared:
    """Return the event of some documents: each of them, and the counts of their fields."""
    outcomes, counted = compared.outcomes, compared.stats.counted
    ids = (document_id for _, document_id in outcomes.documents)
    numbers = zip(ids, outcomes.right.tolist(), outcomes.comparisons.tolist(), strict=True)
    known = set(counted.paths)
    paths = [path for path in schema.leaf_paths() if path in known][:LIVE_FIELDS]
    return DocumentsCompared(
        documents=tuple(
            ComparedDocument(document_id=document_id, right=right, comparisons=comparisons)
            for document_id, right, comparisons in numbers
        ),
        fields=tuple(_accuracy(path, counted.field(path)) for path in paths),
    )


def _accuracy(path: str, counts: FieldCounts) -> FieldAccuracy:
    correct, wrong, invented, missed, empty = map(int, counts.normalised)
    return FieldAccuracy(
        field=path,
        right=correct + empty,
        comparisons=int(counts.comparisons),
        exact_right=int(counts.exact[0] + counts.exact[-1]),
        correct=correct,
        wrong_value=wrong,
        invented=invented,
        missed=missed,
    )


def _scores(whole: DocumentBatchStats, schema: FieldSchema) -> Scores:
    found = measures(whole.counted)
    accuracies = (
        (path, found.by_field[path].normalised.accuracy)
        for path in schema.leaf_paths()
        if path in found.by_field
    )
    return Scores(
        overall=found.overall.normalised.accuracy,
        by_field=tuple((path, value) for path, value in accuracies if value is not None),
        extracted_documents=found.extracted_documents,
    )
