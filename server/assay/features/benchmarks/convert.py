"""Benchmarks as native callers see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.features.benchmarks.comparison import Difference, SideBySide
from assay.features.benchmarks.comparison_service import ComparedBenchmarks
from assay.features.benchmarks.model import Benchmark, NewBenchmark
from assay.features.benchmarks.results_artifact import FieldResult
from assay.features.benchmarks.results_service import (
    Detailed,
    KnownDocument,
    Measured,
    ResultQuery,
)
from assay.features.benchmarks.service import BenchmarkQuery
from assay.kernel.rpc import job_messages, values
from assay.kernel.rpc.paging import Counted
from assay.records import encode_text
from assay.v1 import benchmark_pb2, benchmark_service_pb2, diagnostics_pb2

_NAMES = {"f1": "f1_score"}  # where a measure is called otherwise on the wire


def new_benchmark(request: benchmark_service_pb2.CreateBenchmarkRequest) -> NewBenchmark:
    """Return what the request asks to create; InvalidArgument names a wrong field."""
    return NewBenchmark(
        dataset_id=request.dataset_id,
        name=request.name or None,
        run_id=request.run_id or None,
        user_schema_id=request.user_schema_id or None,
        compared_to_run_id=request.compared_to_run_id or None,
    )


def query(request: benchmark_service_pb2.ListBenchmarksRequest) -> BenchmarkQuery:
    """Return what the request asks to list."""
    return BenchmarkQuery(
        limit=request.limit if request.HasField("limit") else None,
        cursor=request.cursor,
        dataset_id=request.dataset_id,
        status=request.status,
    )


def results_query(request: benchmark_service_pb2.ListBenchmarkResultsRequest) -> ResultQuery:
    """Return which results the request asks to list."""
    return ResultQuery(
        benchmark_id=request.benchmark_id,
        limit=request.limit if request.HasField("limit") else None,
        cursor=request.cursor,
        field=request.field,
        outcome=request.outcome,
        only_wrong=request.only_wrong,
    )


def benchmark(stored: Benchmark) -> benchmark_pb2.Benchmark:
    """Return a benchmark."""
    scores = stored.scores
    message = benchmark_pb2.Benchmark(
        benchmark_id=stored.benchmark_id,
        name=stored.name,
        dataset_id=stored.dataset_id,
        run_id=stored.run_id,
        user_schema_id=stored.user_schema_id,
        status=stored.status.value,
        state=benchmark_pb2.BenchmarkState.Value(f"BENCHMARK_STATE_{stored.status.name}"),
        error=job_messages.error(stored.error),
        accuracy_overall=None if scores is None else scores.overall,
        accuracy_by_field={} if scores is None else dict(scores.by_field),
        documents_processed=stored.documents_processed,
        documents_total=stored.documents_total,
        duration_ms=stored.duration_ms,
        accuracy_delta=stored.accuracy_delta,
        compared_to_run_id=stored.compared_to,
        job_id=stored.job_id,
    )
    message.created_at.FromDatetime(stored.created_at)
    if stored.ended_at is not None:
        message.ended_at.FromDatetime(stored.ended_at)
    return message


def benchmark_page(page: Counted[Benchmark]) -> benchmark_service_pb2.ListBenchmarksResponse:
    """Return a page of benchmarks."""
    return benchmark_service_pb2.ListBenchmarksResponse(
        benchmarks=map(benchmark, page.items),
        total=page.total,
        next_cursor=page.next_cursor or "",
    )


def detailed(found: Detailed) -> benchmark_service_pb2.GetBenchmarkResponse:
    """Return a benchmark with its numbers."""
    return benchmark_service_pb2.GetBenchmarkResponse(
        benchmark=benchmark(found.benchmark),
        measures=measures(found.measured),
        spec=spec(found.measured),
    )


def measures(
    found: Measured | None, most: int | None = None
) -> benchmark_pb2.BenchmarkMeasures | None:
    """Return the measures of a completed benchmark, of its first `most` fields; None of others."""
    if found is None:
        return None
    overall = found.overall
    return benchmark_pb2.BenchmarkMeasures(
        overall=_field(overall, overall["calibration"]),
        by_field={
            path: _field(found.fields[path], found.calibration.get(path))
            for path in sorted(found.fields)[:most]
        },
        fields=len(found.fields),
        documents=overall["documents"],
        extracted_documents=overall["extracted_documents"],
        perfect_documents=overall["perfect_documents"],
        unexpected_fields=overall["unexpected_total"],
        unexpected_by_path=overall["unexpected"],
    )


def spec(found: Measured | None) -> benchmark_pb2.BenchmarkSpec | None:
    """Return what decided the numbers of a completed benchmark; None of another one."""
    if found is None:
        return None
    result = found.result
    return benchmark_pb2.BenchmarkSpec(
        spec_hash=result.spec_hash,
        schema_hash=result.schema_hash,
        schema_inferred=result.schema_inferred,
        normaliser=result.normaliser,
        ground_truth_hash=result.truth,
        schema_json=encode_text(found.schema),
        environment=found.environment,
    )


def result_page(
    page: Counted[KnownDocument],
) -> benchmark_service_pb2.ListBenchmarkResultsResponse:
    """Return a page of documents' results."""
    return benchmark_service_pb2.ListBenchmarkResultsResponse(
        results=map(_document, page.items),
        total=page.total,
        next_cursor=page.next_cursor or "",
    )


def compared(found: ComparedBenchmarks) -> benchmark_service_pb2.CompareBenchmarksResponse:
    """Return two benchmarks side by side."""
    return benchmark_service_pb2.CompareBenchmarksResponse(
        run_a=benchmark(found.run_a),
        run_b=benchmark(found.run_b),
        accuracy_delta=found.accuracy_delta,
        differences=differences(found.differences),
    )


def differences(found: SideBySide | None) -> benchmark_pb2.BenchmarkDifferences | None:
    """Return how two benchmarks differ; None where they cannot be told yet."""
    if found is None:
        return None
    return benchmark_pb2.BenchmarkDifferences(
        documents=found.documents,
        overall=_difference(found.overall),
        by_field={path: _difference(one) for path, one in found.by_field.items()},
        fixed_document_ids=found.fixed,
        broken_document_ids=found.broken,
    )


def _field(one: Mapping[str, Any], table: Mapping[str, Any] | None) -> benchmark_pb2.FieldMeasures:
    return benchmark_pb2.FieldMeasures(
        exact=_track(one["exact"]),
        normalised=_track(one["normalised"]),
        comparisons=one["comparisons"],
        mean_similarity=one["mean_similarity"],
        ambiguous=one["ambiguous"],
        documents=one["documents"],
        perfect_documents=one["perfect_documents"],
        calibration=None if table is None else _table(table),
    )


def _track(one: Mapping[str, Any]) -> benchmark_pb2.TrackMeasures:
    numbers = {_NAMES.get(name, name): value for name, value in one["values"].items()}
    reasons = {_NAMES.get(name, name): value for name, value in one["undefined"].items()}
    return benchmark_pb2.TrackMeasures(
        **one["outcomes"], **numbers, undefined=values.undefined(reasons)
    )


def _table(table: Mapping[str, Any]) -> diagnostics_pb2.ReliabilityTable:
    return diagnostics_pb2.ReliabilityTable(
        bins=[diagnostics_pb2.ReliabilityBin(**one) for one in table["bins"]],
        ece=table["ece"],
        mce=table["mce"],
        ece_signed=table["ece_signed"],
    )


def _document(found: KnownDocument) -> benchmark_pb2.DocumentResult:
    result = found.result
    return benchmark_pb2.DocumentResult(
        result_id=found.result_id,
        document_id=result.document_id,
        ground_truth_entry_id=result.entry_id,
        accuracy=result.accuracy,
        right=result.right,
        comparisons=result.comparisons,
        fields=map(_field_result, result.fields),
        unexpected=result.unexpected,
    )


def _field_result(one: FieldResult) -> benchmark_pb2.FieldResult:
    return benchmark_pb2.FieldResult(
        field=one.path,
        place=one.place,
        correct=one.outcome.right,
        outcome=one.outcome.value,
        exact_outcome=one.exact_outcome.value,
        expected_json=one.expected,
        extracted_json=one.extracted,
        similarity=one.similarity,
        confidence=one.confidence,
    )


def _difference(one: Difference) -> benchmark_pb2.AccuracyDifference:
    return benchmark_pb2.AccuracyDifference(
        accuracy_a=one.accuracy_a,
        accuracy_b=one.accuracy_b,
        delta=one.delta,
        low=one.low,
        high=one.high,
        level=one.level,
        fixed=one.fixed,
        broken=one.broken,
        p_value=one.p_value,
        verdict=one.verdict.value,
    )
