"""The job kind `benchmark`: a snapshot of documents compared, piece by piece.

Stages: `schema` infers the fields from the ground truth, where no schema was named; then the
pieces of the snapshot are tasks `documents-…`, some consecutive ones each. Reduce merges their
counts and writes the details.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from assay.extraction.comparison import NORMALISER
from assay.extraction.field_counts import FieldCounts
from assay.extraction.measures import measures
from assay.extraction.schema import FieldSchema, SchemaError
from assay.extraction.schema_inference import SchemaGuess
from assay.features.benchmarks.job_details import benchmark_details
from assay.features.benchmarks.job_documents import ComparedPiece, Piece, compare_piece
from assay.features.benchmarks.model import (
    BENCHMARK_KIND,
    DOCUMENTS_EVENT,
    BenchmarkJob,
    BenchmarkResult,
    ResultPiece,
    Scores,
)
from assay.features.benchmarks.snapshot_artifact import read_piece
from assay.features.benchmarks.store import Benchmarks
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.job import Job, NewEvent, Task, TaskRecord, chunk_key
from assay.kernel.jobs.kind import JobOutcome, JobView, TaskOutput
from assay.kernel.jobs.states import JobState
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import arrays, decode, encode

SCHEMA, DOCUMENTS = "schema", "documents-"
LIVE_FIELDS = 256  # of an event; a schema may have thousands
FEW_TASKS = 32  # until there are so many, a task has one piece
MOST_PIECES = 8  # of a task


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Compares extractions with ground truth. The sizes of pieces change no number."""

    @property
    def name(self) -> str:
        """The name in the ledger."""
        return BENCHMARK_KIND

    def plan(
        self, job: JobView, finished: Mapping[str, TaskRecord], blobs: JobBlobs
    ) -> tuple[Task, ...]:
        """Return the task of the schema until there is one, and then those of the pieces."""
        asked = decode(BenchmarkJob, job.spec)
        schema = asked.schema
        if schema is None:
            if SCHEMA not in finished:
                return (Task(key=SCHEMA, payload=b""),)
            schema = blobs.put(blobs.partial(finished[SCHEMA]))
        tasks = []
        first = 0
        size = min(MOST_PIECES, max(1, len(asked.blobs) // FEW_TASKS))
        for number, start in enumerate(range(0, len(asked.blobs), size)):
            pieces = asked.blobs[start : start + size]
            payload = {"schema": schema, "blobs": [blob for blob, _ in pieces], "first": first}
            key = f"{DOCUMENTS}{number:06d}"
            tasks.append(Task(key=key, payload=encode(payload)))
            first += sum(documents for _, documents in pieces)
        return tuple(tasks)

    def run(self, job: JobView, task: Task, blobs: JobBlobs) -> TaskOutput:
        """Infer the schema, or compare the documents of one piece and store their results."""
        if task.key == SCHEMA:
            return TaskOutput(partial=_inferred(decode(BenchmarkJob, job.spec), blobs))
        payload = json.loads(task.payload)
        schema = _schema(blobs.read(payload["schema"]))
        compared = compare_piece(payload["blobs"], blobs.read, schema)
        address = blobs.put(compared.results)
        record = TaskRecord(
            key=chunk_key(payload["first"]),
            first_row=payload["first"],
            rows=len(compared.heads.documents),
            sha256=address.removeprefix("sha256:"),
            blob=address,
        )
        return TaskOutput(
            partial=arrays.encode(compared.piece),
            events=(_event(compared, schema),),
            stored=(record,),
        )

    def reduce(self, job: JobView, finished: Mapping[str, TaskRecord], blobs: JobBlobs) -> bytes:
        """Return an encoded BenchmarkResult, the details being written."""
        asked = decode(BenchmarkJob, job.spec)
        inferred = asked.schema is None
        data = blobs.partial(finished[SCHEMA]) if asked.schema is None else blobs.read(asked.schema)
        schema = FieldSchema.from_json(data)
        keys = sorted(key for key in finished if key.startswith(DOCUMENTS))
        whole = Piece.merge_all(arrays.decode(Piece, blobs.partial(finished[key])) for key in keys)
        stored = sorted(
            (record.first_row, record.rows or 0, record.blob or "")
            for record in finished.values()
            if record.first_row is not None
        )
        result = BenchmarkResult(
            scores=_scores(whole),
            documents=asked.documents,
            schema_hash=schema.hash,
            schema_inferred=inferred,
            normaliser=NORMALISER,
            truth=asked.truth,
            details=blobs.put(benchmark_details(whole, schema.to_mapping())),
            pieces=tuple(
                ResultPiece(blob=blob, first=first, documents=documents)
                for first, documents, blob in stored
            ),
        )
        return encode(result)

    def on_finished(self, uow: UnitOfWork, job: Job, outcome: JobOutcome) -> None:
        """Store the scores; a job without a result leaves the benchmark alone."""
        if outcome.state is not JobState.SUCCEEDED or outcome.result is None:
            return
        asked = decode(BenchmarkJob, job.spec)
        scores = decode(BenchmarkResult, outcome.result).scores
        uow[Benchmarks].finish(job.organization_id, asked.benchmark_id, scores)


@lru_cache(maxsize=8)  # the pieces of a benchmark share one
def _schema(data: bytes) -> FieldSchema:
    return FieldSchema.from_json(data)


def _inferred(asked: BenchmarkJob, blobs: JobBlobs) -> bytes:
    """Return the schema that the ground truth itself shows, a piece being read at a time."""
    guess = SchemaGuess.of(
        one.expected for address, _ in asked.blobs for one in read_piece(blobs.read(address))
    )
    try:
        return guess.schema().to_json()
    except SchemaError as error:
        raise FailedPrecondition(
            f"No schema can be inferred from the ground truth: {error}. Name one by "
            "user_schema_id.",
            metadata={"field": error.path},
        ) from error


def _event(compared: ComparedPiece, schema: FieldSchema) -> NewEvent:
    """Return what is told of some documents: each of them, and the counts of their fields."""
    heads, tally = compared.heads, compared.piece.tally
    ids = (document_id for _, document_id in heads.documents)
    numbers = (heads.right.tolist(), heads.comparisons.tolist())
    known = set(tally.paths)
    told = [path for path in schema.leaf_paths() if path in known][:LIVE_FIELDS]
    return NewEvent(
        kind=DOCUMENTS_EVENT,
        data={
            "documents": [list(one) for one in zip(ids, *numbers, strict=True)],
            "fields": [[path, *_told(tally.field(path))] for path in told],
        },
    )


def _told(one: FieldCounts) -> tuple[int, ...]:
    """Return the counts of a field that are told live, in the order of LIVE_COUNTS."""
    correct, wrong, invented, missed, empty = one.normalised
    exact = one.exact[0] + one.exact[-1]
    return correct + empty, one.comparisons, exact, correct, wrong, invented, missed


def _scores(whole: Piece) -> Scores:
    found = measures(whole.tally)
    by_field = {path: one.normalised.accuracy for path, one in found.by_field.items()}
    return Scores(
        overall=found.overall.normalised.accuracy,
        by_field={path: value for path, value in by_field.items() if value is not None},
    )
