"""REST views of benchmarks, as document 003 and its family show them."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Raw, UnsetType

from assay.extraction.outcome import Outcome
from assay.features.benchmarks import convert
from assay.features.benchmarks.api import BenchmarkCalls
from assay.features.benchmarks.comparison_service import ComparedBenchmarks
from assay.features.benchmarks.model import Benchmark, BenchmarkStatus
from assay.features.benchmarks.results_artifact import FieldResult
from assay.features.benchmarks.results_service import Detailed, KnownDocument
from assay.kernel.rpc import job_messages, rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.handler import page_handler, view_handler
from assay.kernel.rpc.rest import Body, Count, Instant, Share
from assay.kernel.rpc.values import millis
from assay.records import Record
from assay.v1 import benchmark_pb2, job_pb2
from assay.v1 import benchmark_service_pb2 as pb

PATH = "/v1/quality/benchmarks"
MAX_FIELDS = 1000  # whose measures are shown: the gateway holds replies of up to 16 MiB


class BenchmarkLinks(Record):
    """The links of a benchmark."""

    self: str  # The path of the benchmark.
    results: str  # The path of its documents' results.


class BenchmarkView(Record):
    """A benchmark as document 003 shows it."""

    id: str  # The benchmark's id, a UUID.
    name: str  # What people call it.
    dataset_id: str  # The ground-truth dataset.
    # The field schema; null where the fields were inferred from the ground truth.
    user_schema_id: str | None
    # What was canceled or timed out is failed as well.
    status: BenchmarkStatus
    # Right comparisons over all comparisons, unrounded; null until completed.
    accuracy_overall: Share | None
    # The same of each field by path, in the order of the schema; null until completed.
    accuracy_by_field: dict[str, Share] | None
    documents_processed: Count  # Documents compared so far.
    documents_total: Count  # Documents of the benchmark.
    duration_ms: Count | None  # Whole milliseconds from creation to end; null until it ended.
    # accuracy_overall less that of compared_to_run_id; null exactly when that is.
    accuracy_delta: float | None
    # The benchmark that was compared with: the one asked for, else the dataset's previous
    # completed one that compared anything; null where there is none.
    compared_to_run_id: str | None
    created_at: Instant  # When it was created, with milliseconds.
    completed_at: Instant | None  # When it ended, however it did; null until then.
    links: BenchmarkLinks  # Where more of it is.


class FieldResultView(Record, kw_only=True):
    """One comparison of one document."""

    correct: bool  # Whether it is right: correct or correctly_empty on the normalised track.
    extracted: Raw  # What was extracted; null also where it is missing.
    expected: Raw  # What was expected; null also where it is missing.
    outcome: Outcome  # What came of it on the normalised track.
    exact_outcome: Outcome  # The same of the exact track.
    field: str  # The field's path in the schema.
    # How alike the two are (ANLS), for a fuzzy field.
    similarity: Share | UnsetType = UNSET
    # How sure the extractor said to be.
    confidence: Share | UnsetType = UNSET


class DocumentResultView(Record):
    """What came of one document."""

    id: str  # The result's id, a UUID that follows from benchmark and document.
    document_id: str  # The document.
    ground_truth_entry_id: str  # The entry of the ground truth.
    accuracy: Share | None  # Right comparisons over all; null where there are none.
    # The comparisons by the paths of their values in the document, in the schema's order.
    field_results: dict[str, FieldResultView]
    created_at: Instant  # When the benchmark ended, with milliseconds.
    right: Count  # Right comparisons.
    comparisons: Count  # All comparisons, whatever a filter left of them above.
    unexpected: tuple[str, ...]  # Extracted fields that the schema does not know.


class BenchmarkDetailView(BenchmarkView, kw_only=True):
    """A benchmark as document 003 shows it, and more."""

    # The first 20 documents' results, by document id; none until completed.
    results: tuple[DocumentResultView, ...]
    # The extraction run, which may be gone; null where each document's newest extraction was taken.
    run_id: str | None
    job_id: str  # The job that computes it.
    # Documents without a counterpart, such as ids that differ by a blank; absent if none.
    unmatched: benchmark_pb2.UnmatchedDocuments | UnsetType = UNSET
    # Why there are no results, if the benchmark failed.
    error: job_pb2.JobError | UnsetType = UNSET
    # What was measured; absent until completed.
    measures: benchmark_pb2.BenchmarkMeasures | UnsetType = UNSET
    # What decided the numbers; absent until completed.
    spec: benchmark_pb2.BenchmarkSpec | UnsetType = UNSET


class BenchmarkComparisonView(Record, kw_only=True):
    """Two benchmarks side by side."""

    run_a: BenchmarkView  # The benchmark that is asked about.
    run_b: BenchmarkView  # The benchmark that it is compared with.
    # Overall accuracy of run_a less that of run_b; null unless both are completed.
    accuracy_delta: float | None
    # All else; absent unless both are completed.
    differences: benchmark_pb2.BenchmarkDifferences | UnsetType = UNSET


def benchmark(stored: Benchmark) -> BenchmarkView:
    """Return the view of a benchmark."""
    return BenchmarkView(**_shown(stored))


def detail(found: Detailed) -> BenchmarkDetailView:
    """Return the view of a benchmark with all that is known of it."""
    stored = found.benchmark
    return BenchmarkDetailView(
        **_shown(stored),
        results=tuple(document(one) for one in found.documents),
        run_id=stored.run_id,
        job_id=stored.job_id,
        unmatched=rest.present(convert.unmatched(stored.unmatched)),
        error=rest.present(job_messages.error(stored.error)),
        measures=rest.present(convert.measures(found.measured, MAX_FIELDS)),
        spec=rest.present(convert.spec(found.measured)),
    )


def compared(found: ComparedBenchmarks) -> BenchmarkComparisonView:
    """Return the view of two benchmarks side by side."""
    return BenchmarkComparisonView(
        run_a=benchmark(found.run_a),
        run_b=benchmark(found.run_b),
        accuracy_delta=found.accuracy_delta,
        differences=rest.present(convert.differences(found.differences)),
    )


def document(found: KnownDocument) -> DocumentResultView:
    """Return the view of one document's result."""
    result = found.result
    return DocumentResultView(
        id=found.result_id,
        document_id=result.document_id,
        ground_truth_entry_id=result.entry_id,
        accuracy=result.accuracy,
        field_results={one.place: _field(one) for one in result.fields},
        created_at=millis(found.created_at),
        right=result.right,
        comparisons=result.comparisons,
        unexpected=tuple(result.unexpected),
    )


class BenchmarkRestService(BenchmarkCalls):
    """Benchmarks of the caller's organization."""

    CreateBenchmark = view_handler(BenchmarkCalls.created, benchmark)
    ListBenchmarks = page_handler(BenchmarkCalls.listed, benchmark)
    GetBenchmark = view_handler(BenchmarkCalls.sampled, detail)
    ListBenchmarkResults = page_handler(BenchmarkCalls.results, document)
    CancelBenchmark = view_handler(BenchmarkCalls.canceled, benchmark)

    async def CompareBenchmarks(
        self, request: pb.CompareBenchmarksRequest, call: Call
    ) -> Body[BenchmarkComparisonView]:
        """Compare two benchmarks."""
        return rest.body(compared(await self.compared(request, call)))


def _shown(stored: Benchmark) -> dict[str, Any]:
    """Return the fields that document 003 shows."""
    scores, path = stored.scores, f"{PATH}/{stored.benchmark_id}"
    return {
        "id": stored.benchmark_id,
        "name": stored.name,
        "dataset_id": stored.dataset_id,
        "user_schema_id": stored.user_schema_id,
        "status": stored.status,
        "accuracy_overall": None if scores is None else scores.overall,
        "accuracy_by_field": None if scores is None else dict(scores.by_field),
        "documents_processed": stored.documents_processed,
        "documents_total": stored.documents_total,
        "duration_ms": stored.duration_ms,
        "accuracy_delta": stored.accuracy_delta,
        "compared_to_run_id": stored.compared_to,
        "created_at": millis(stored.created_at),
        "completed_at": None if stored.ended_at is None else millis(stored.ended_at),
        "links": BenchmarkLinks(self=path, results=f"{path}/results"),
    }


def _field(one: FieldResult) -> FieldResultView:
    return FieldResultView(
        correct=one.outcome.right,
        extracted=Raw(one.extracted or "null"),
        expected=Raw(one.expected or "null"),
        outcome=one.outcome,
        exact_outcome=one.exact_outcome,
        field=one.path,
        similarity=rest.present(one.similarity),
        confidence=rest.present(one.confidence),
    )
