"""Benchmarks: the extractions of one dataset's documents, compared with its ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from assay.features.benchmarks.unmatched import Unmatched
from assay.features.datasets.model import check_split
from assay.kernel.errors import InvalidArgument
from assay.kernel.jobs.job import JobError
from assay.kernel.jobs.states import JobState
from assay.kernel.text import MAX_NAME, check_text
from assay.records import Record, encode, replace, sha256_hex

BENCHMARK_KIND = "benchmark"
BLOB_DOCUMENTS = 100  # documents of one blob of a snapshot, which is one task
BLOB_BYTES = 1 << 20  # of such a blob, unless a single document has more
SNAPSHOT_BYTES = 1 << 30  # of all blobs of a snapshot


class BenchmarkStatus(StrEnum):
    """Where a benchmark stands, in the words of its documents."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"  # also when it was canceled or its deadline passed


# Every state of a benchmark's job, and the word for it.
STATUS: Mapping[JobState, BenchmarkStatus] = {
    JobState.OPEN: BenchmarkStatus.QUEUED,
    JobState.QUEUED: BenchmarkStatus.QUEUED,
    JobState.RUNNING: BenchmarkStatus.RUNNING,
    JobState.SUCCEEDED: BenchmarkStatus.COMPLETED,
    JobState.FAILED: BenchmarkStatus.FAILED,
    JobState.CANCELED: BenchmarkStatus.FAILED,
    JobState.TIMED_OUT: BenchmarkStatus.FAILED,
}


def states_of(status: BenchmarkStatus) -> tuple[JobState, ...]:
    """Return the states of jobs that are called `status`."""
    return tuple(state for state, word in STATUS.items() if word is status)


class NewBenchmark(Record):
    """What a caller gives to start a benchmark; wrong values are refused by name."""

    dataset_id: str  # whose entries are the ground truth
    name: str | None = None  # 1 to 200 characters; None: `Benchmark` and the moment
    run_id: str | None = None  # whose extractions; None: those of a model, or the newest ones
    user_schema_id: str | None = None  # None: that of the dataset, else inferred from entries
    compared_to_run_id: str | None = None  # a benchmark; None: the dataset's previous one
    model_id: str | None = None  # a version of which makes the extractions; None: they are stored
    version: str | None = None  # its id, label or N.0.0; None: the promoted one, else the newest
    documents: str | None = None  # id or name of the dataset whose rows are predicted
    split: str | None = None  # of that; None: test, else validation, else train

    def __post_init__(self) -> None:
        if self.name is not None:
            check_text("name", self.name, 1, MAX_NAME)
        if self.split is not None:
            check_split("split", self.split)
        if self.model_id is None:
            self._refuse_fields_of_a_model()
        elif self.run_id is not None:
            raise InvalidArgument.of(
                "run_id", "a run that is stored and a model that makes one were sent; send one"
            )
        elif self.documents is None:
            raise InvalidArgument.of(
                "documents", "none was sent; name the dataset whose rows the model predicts"
            )

    def of_run(self, run_id: str) -> NewBenchmark:
        """Return the same of a stored run, in place of a model that makes one."""
        return replace(self, run_id=run_id, model_id=None, version=None, documents=None, split=None)

    def _refuse_fields_of_a_model(self) -> None:
        for field in ("version", "documents", "split"):
            if getattr(self, field) is not None:
                raise InvalidArgument.of(
                    field, "it was sent without model_id; send the model that extracts, too"
                )


class Scores(Record):
    """What a completed benchmark is known by."""

    overall: float | None  # right comparisons over all of them; None: there was nothing to compare
    # Path and accuracy in the order of the schema, without the fields that were never compared.
    by_field: tuple[tuple[str, float], ...]
    extracted_documents: int  # documents that have an extraction; 0: nothing was compared


class Benchmark(Record):
    """A benchmark as it is stored; its state, times and error are those of its job."""

    organization_id: str  # the organization that owns it
    benchmark_id: str  # a UUID
    name: str  # what people call it
    dataset_id: str  # the ground truth, which may be gone by now
    run_id: (
        str | None
    )  # the extraction run, which may be gone; None: each document's newest extraction
    user_schema_id: str | None  # the field schema; None: was inferred
    job_id: str  # the job that makes it
    state: JobState  # of the job
    error: JobError | None  # why it ended without a result
    documents_total: int  # entries of the dataset when it was created
    documents_processed: int  # of these, compared so far
    unmatched: Unmatched | None  # documents without a counterpart; None: there are none
    scores: Scores | None  # None until it is completed
    accuracy_delta: float | None  # its overall accuracy less that of `compared_to`
    compared_to: str | None  # a completed benchmark; None exactly when the delta is
    created_at: datetime
    ended_at: datetime | None  # when its job ended, however it did

    @property
    def status(self) -> BenchmarkStatus:
        """Its state in the words of its documents."""
        return STATUS[self.state]

    @property
    def duration_ms(self) -> int | None:
        """Whole milliseconds from its creation to its end."""
        if self.ended_at is None:
            return None
        return (self.ended_at - self.created_at) // timedelta(milliseconds=1)


class BenchmarkJob(Record):
    """The spec of a benchmark's job: a snapshot that no later edit can change."""

    benchmark_id: str
    schema: str | None  # address of FieldSchema.encoded(); None: inferred from the entries
    documents: int
    truth: str  # hash of all (document, expected), in whatever order
    blobs: tuple[tuple[str, int], ...]  # address and documents of each blob, by document id

    @property
    def blobs_named(self) -> tuple[str, ...]:
        """The addresses that the spec names."""
        schema = () if self.schema is None else (self.schema,)
        return (*schema, *(address for address, _ in self.blobs))


class ResultBlobRef(Record):
    """The results of consecutive documents, in one blob of results_artifact."""

    blob: str  # address
    first: int  # place of the first document in the snapshot
    documents: int


class BenchmarkResult(Record):
    """What a benchmark's job has made: its scores, and where everything else is."""

    scores: Scores
    documents: int
    schema_hash: str
    schema_inferred: bool
    normaliser: str  # the version of what made values comparable
    truth: str  # hash of all (document, expected)
    details: str  # address of a document in sections, see details_artifact
    blobs: tuple[ResultBlobRef, ...]  # in the order of documents
    unmatched: Unmatched | None = None  # that the job found; None: none, or it was known before

    @property
    def spec(self) -> dict[str, str]:
        """What decides the numbers, beside the extractions."""
        return {
            "ground_truth": self.truth,
            "normaliser": self.normaliser,
            "schema": self.schema_hash,
        }

    @property
    def spec_hash(self) -> str:
        """SHA-256 of all that decides the numbers; only benchmarks with equal ones compare."""
        return sha256_hex(encode(self.spec))
