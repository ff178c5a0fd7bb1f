"""Benchmarks as native callers see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assay.features.benchmarks.comparison import SideBySide
from assay.features.benchmarks.comparison_service import ComparedBenchmarks
from assay.features.benchmarks.model import Benchmark
from assay.features.benchmarks.results_artifact import FieldResult
from assay.features.benchmarks.results_service import (
    Detailed,
    KnownDocument,
    Measured,
)
from assay.features.benchmarks.unmatched import Unmatched
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of
from assay.records import encode_text
from assay.v1 import benchmark_pb2, benchmark_service_pb2, diagnostics_pb2

_NAMES = {"f1": "f1_score"}  # where a measure is called otherwise on the wire


def benchmark(stored: Benchmark) -> benchmark_pb2.Benchmark:
    """Return a benchmark."""
    scores = stored.scores
    return message_of(
        benchmark_pb2.Benchmark,
        stored,
        values.instant,
        state=benchmark_pb2.BenchmarkState.Value(f"BENCHMARK_STATE_{stored.status.name}"),
        accuracy_overall=None if scores is None else scores.overall,
        accuracy_by_field={} if scores is None else dict(scores.by_field),
        compared_to_run_id=stored.compared_to,
    )


def unmatched(found: Unmatched | None) -> benchmark_pb2.UnmatchedDocuments | None:
    """Return the documents without a counterpart; None where there are none."""
    return None if found is None else message_of(benchmark_pb2.UnmatchedDocuments, found)


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
    return message_of(
        benchmark_pb2.BenchmarkSpec,
        found.result,
        ground_truth_hash=found.result.truth,
        schema_json=encode_text(found.schema),
        environment=found.environment,
    )


def compared(found: ComparedBenchmarks) -> benchmark_service_pb2.CompareBenchmarksResponse:
    """Return two benchmarks side by side."""
    return message_of(
        benchmark_service_pb2.CompareBenchmarksResponse,
        found,
        run_a=benchmark(found.run_a),
        run_b=benchmark(found.run_b),
        differences=differences(found.differences),
    )


def differences(found: SideBySide | None) -> benchmark_pb2.BenchmarkDifferences | None:
    """Return how two benchmarks differ; None where they cannot be told yet."""
    if found is None:
        return None
    return message_of(
        benchmark_pb2.BenchmarkDifferences,
        found,
        fixed_document_ids=found.fixed,
        broken_document_ids=found.broken,
    )


def _field(one: Mapping[str, Any], table: Mapping[str, Any] | None) -> benchmark_pb2.FieldMeasures:
    return message_of(
        benchmark_pb2.FieldMeasures,
        one,
        exact=_track(one["exact"]),
        normalised=_track(one["normalised"]),
        calibration=None if table is None else _table(table),
    )


def _track(one: Mapping[str, Any]) -> benchmark_pb2.TrackMeasures:
    numbers = {_NAMES.get(name, name): value for name, value in one["values"].items()}
    reasons = {_NAMES.get(name, name): value for name, value in one["undefined"].items()}
    return benchmark_pb2.TrackMeasures(
        **one["outcomes"], **numbers, undefined=values.undefined(reasons)
    )


def _table(table: Mapping[str, Any]) -> diagnostics_pb2.ReliabilityTable:
    return message_of(diagnostics_pb2.ReliabilityTable, table, brier=None)


def document_result(found: KnownDocument) -> benchmark_pb2.DocumentResult:
    """Return what came of one document."""
    return message_of(
        benchmark_pb2.DocumentResult,
        found.result,
        result_id=found.result_id,
        ground_truth_entry_id=found.result.entry_id,
        fields=map(_field_result, found.result.fields),
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
