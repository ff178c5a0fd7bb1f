"""Benchmarks as document 003 and its family show them."""

from __future__ import annotations

import json
import math
from typing import Any

from google.protobuf import struct_pb2

from assay.features.benchmarks import convert as native
from assay.features.benchmarks.comparison_service import ComparedBenchmarks
from assay.features.benchmarks.model import Benchmark
from assay.features.benchmarks.results_artifact import FieldResult
from assay.features.benchmarks.results_service import Detailed, KnownDocument
from assay.features.jobs import convert as jobs
from assay.kernel.rpc import values
from assay.kernel.rpc.paging import Counted
from assay.v1 import benchmark_run_service_pb2 as wire

PATH = "/v1/quality/benchmarks"
MAX_FIELDS = 1000  # whose measures are told: the gateway holds replies of up to 16 MiB
MAX_DEPTH = 24  # of a value that is told as an object; a Struct nests no deeper through the gateway


def run(stored: Benchmark) -> wire.BenchmarkRun:
    """Return a benchmark."""
    return wire.BenchmarkRun(**_facts(stored))


def run_page(page: Counted[Benchmark]) -> wire.ListBenchmarkRunsResponse:
    """Return a page of benchmarks."""
    return wire.ListBenchmarkRunsResponse(
        data=map(run, page.items),
        pagination=values.pagination(
            total=page.total, limit=page.limit, next_cursor=page.next_cursor
        ),
    )


def detail(found: Detailed) -> wire.BenchmarkRunDetail:
    """Return a benchmark with all that is known of it."""
    stored = found.benchmark
    return wire.BenchmarkRunDetail(
        **_facts(stored),
        results=map(_document, found.documents),
        run_id=values.nullable(stored.run_id),
        job_id=stored.job_id,
        error=jobs.error(stored.error),
        measures=native.measures(found.measured, MAX_FIELDS),
        spec=native.spec(found.measured),
    )


def result_page(page: Counted[KnownDocument]) -> wire.ListBenchmarkRunResultsResponse:
    """Return a page of documents' results."""
    return wire.ListBenchmarkRunResultsResponse(
        data=map(_document, page.items),
        pagination=values.pagination(
            total=page.total, limit=page.limit, next_cursor=page.next_cursor
        ),
    )


def compared(found: ComparedBenchmarks) -> wire.CompareBenchmarkRunsResponse:
    """Return two benchmarks side by side."""
    return wire.CompareBenchmarkRunsResponse(
        run_a=run(found.run_a),
        run_b=run(found.run_b),
        accuracy_delta=values.nullable(found.accuracy_delta),
        differences=native.differences(found.differences),
    )


def _facts(stored: Benchmark) -> dict[str, Any]:
    """Return the fields that document 003 shows."""
    scores, path = stored.scores, f"{PATH}/{stored.benchmark_id}"
    ended = None if stored.ended_at is None else values.millis(stored.ended_at)
    return {
        "id": stored.benchmark_id,
        "name": stored.name,
        "dataset_id": stored.dataset_id,
        "user_schema_id": values.nullable(stored.user_schema_id),
        "status": stored.status.value,
        "accuracy_overall": values.nullable(None if scores is None else scores.overall),
        "accuracy_by_field": values.nullable(None if scores is None else scores.by_field),
        "documents_processed": stored.documents_processed,
        "documents_total": stored.documents_total,
        "duration_ms": values.nullable(stored.duration_ms),
        "accuracy_delta": values.nullable(stored.accuracy_delta),
        "compared_to_run_id": values.nullable(stored.compared_to),
        "created_at": values.millis(stored.created_at),
        "completed_at": values.nullable(ended),
        "links": wire.BenchmarkRunLinks(self=path, results=f"{path}/results"),
    }


def _document(found: KnownDocument) -> wire.BenchmarkRunResult:
    result = found.result
    return wire.BenchmarkRunResult(
        id=found.result_id,
        document_id=result.document_id,
        ground_truth_entry_id=result.entry_id,
        accuracy=values.nullable(result.accuracy),
        field_results={one.place: _field(one) for one in result.fields},
        created_at=values.millis(found.created_at),
        right=result.right,
        comparisons=result.comparisons,
        unexpected=result.unexpected,
    )


def _field(one: FieldResult) -> wire.BenchmarkRunField:
    return wire.BenchmarkRunField(
        correct=one.outcome.right,
        extracted=_value(one.extracted),
        expected=_value(one.expected),
        outcome=one.outcome.value,
        exact_outcome=one.exact_outcome.value,
        field=one.path,
        similarity=one.similarity,
        confidence=one.confidence,
    )


def _value(text: str | None) -> struct_pb2.Value:
    """Return a stored value; what JSON numbers or a Struct cannot hold is told as its text."""
    if text is None:
        return values.nullable(None)
    found = json.loads(text)
    if isinstance(found, str) or found is None:
        return values.nullable(found)
    if not _fits(found, 1):
        return values.nullable(text)
    return values.value(found)


def _fits(found: Any, depth: int) -> bool:
    if isinstance(found, float):
        return math.isfinite(found)
    if isinstance(found, int) and not isinstance(found, bool):
        return abs(found) < 1 << 1000  # beyond it there is no double
    if isinstance(found, dict | list):
        inside = found.values() if isinstance(found, dict) else found
        return depth < MAX_DEPTH and all(_fits(item, depth + 1) for item in inside)
    return True
