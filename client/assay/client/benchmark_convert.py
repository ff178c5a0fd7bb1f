"""From the messages of `assay.v1` about benchmarks to the client's values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from assay.client import benchmark_types as types
from assay.client.convert import failure, number, optional_text, time, time_or_none, undefined
from assay.client.diagnostic_convert import reliability
from assay.v1 import benchmark_pb2 as pb
from assay.v1 import benchmark_service_pb2


def benchmark(message: pb.Benchmark) -> types.Benchmark:
    """Return a benchmark."""
    return types.Benchmark(
        benchmark_id=message.benchmark_id,
        name=message.name,
        dataset_id=message.dataset_id,
        run_id=optional_text(message, "run_id"),
        user_schema_id=optional_text(message, "user_schema_id"),
        job_id=message.job_id,
        status=message.status,
        accuracy_overall=number(message, "accuracy_overall"),
        accuracy_by_field=dict(sorted(message.accuracy_by_field.items())),
        documents_processed=message.documents_processed,
        documents_total=message.documents_total,
        duration_ms=int(message.duration_ms) if message.HasField("duration_ms") else None,
        accuracy_delta=number(message, "accuracy_delta"),
        compared_to_run_id=optional_text(message, "compared_to_run_id"),
        failure=failure(message),
        created_at=time(message.created_at),
        ended_at=time_or_none(message, "ended_at"),
    )


def report(message: benchmark_service_pb2.GetBenchmarkResponse) -> types.BenchmarkReport:
    """Return a benchmark with all its numbers, fields in the schema's order."""
    spec = _spec(message.spec) if message.HasField("spec") else None
    order = [] if spec is None else list(leaf_paths(spec.schema.get("fields", ())))
    return types.BenchmarkReport(
        benchmark=benchmark(message.benchmark),
        measures=_measures(message.measures, order) if message.HasField("measures") else None,
        spec=spec,
    )


def leaf_paths(fields: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of a schema's leaves in their order; of plain names, which most are."""
    for one in fields:
        here = f"{path}.{one['name']}" if path else str(one["name"])
        yield from _leaves(one, here)


def _leaves(one: Mapping[str, Any], here: str) -> Iterator[str]:
    if one.get("type") == "list":
        yield from _leaves(one.get("item") or {"type": "text"}, f"{here}[]")
    elif one.get("fields"):
        yield from leaf_paths(one["fields"], f"{here}[]" if one["type"] == "table" else here)
    else:
        yield here


def _measures(message: pb.BenchmarkMeasures, order: list[str]) -> types.BenchmarkMeasures:
    places = {path: place for place, path in enumerate(order)}
    paths = sorted(message.by_field, key=lambda path: (places.get(path, len(places)), path))
    return types.BenchmarkMeasures(
        overall=_field(message.overall),
        by_field={path: _field(message.by_field[path]) for path in paths},
        documents=message.documents,
        extracted_documents=message.extracted_documents,
        perfect_documents=message.perfect_documents,
        unexpected_fields=message.unexpected_fields,
        unexpected_by_path=dict(sorted(message.unexpected_by_path.items())),
    )


def _field(message: pb.FieldMeasures) -> types.FieldMeasures:
    return types.FieldMeasures(
        exact=_track(message.exact),
        normalised=_track(message.normalised),
        comparisons=message.comparisons,
        mean_similarity=number(message, "mean_similarity"),
        ambiguous=message.ambiguous,
        documents=message.documents,
        perfect_documents=message.perfect_documents,
        calibration=reliability(message.calibration) if message.HasField("calibration") else None,
    )


def _track(message: pb.TrackMeasures) -> types.TrackMeasures:
    return types.TrackMeasures(
        correct=message.correct,
        wrong_value=message.wrong_value,
        invented=message.invented,
        missed=message.missed,
        correctly_empty=message.correctly_empty,
        # Measures are the message's only fractions, so that a new one needs no line here.
        values={
            found.name: value for found, value in message.ListFields() if isinstance(value, float)
        },
        undefined=undefined(message.undefined),
    )


def _spec(message: pb.BenchmarkSpec) -> types.BenchmarkSpec:
    return types.BenchmarkSpec(
        spec_hash=message.spec_hash,
        schema_hash=message.schema_hash,
        schema_inferred=message.schema_inferred,
        normaliser=message.normaliser,
        ground_truth_hash=message.ground_truth_hash,
        schema=json.loads(message.schema_json),
        environment=dict(sorted(message.environment.items())),
    )


def document_result(message: pb.DocumentResult) -> types.DocumentResult:
    """Return what came of one document."""
    return types.DocumentResult(
        result_id=message.result_id,
        document_id=message.document_id,
        ground_truth_entry_id=message.ground_truth_entry_id,
        accuracy=number(message, "accuracy"),
        right=message.right,
        comparisons=message.comparisons,
        fields=tuple(map(_field_result, message.fields)),
        unexpected=tuple(message.unexpected),
    )


def _field_result(message: pb.FieldResult) -> types.FieldResult:
    return types.FieldResult(
        field=message.field,
        place=message.place,
        correct=message.correct,
        outcome=message.outcome,
        exact_outcome=message.exact_outcome,
        expected_json=optional_text(message, "expected_json"),
        extracted_json=optional_text(message, "extracted_json"),
        similarity=number(message, "similarity"),
        confidence=number(message, "confidence"),
    )


def comparison(
    message: benchmark_service_pb2.CompareBenchmarksResponse,
) -> types.BenchmarkComparison:
    """Return two benchmarks beside each other; both are completed."""
    found = message.differences
    return types.BenchmarkComparison(
        run_a=benchmark(message.run_a),
        run_b=benchmark(message.run_b),
        documents=found.documents,
        overall=_difference(found.overall),
        by_field={path: _difference(one) for path, one in sorted(found.by_field.items())},
        fixed_document_ids=tuple(found.fixed_document_ids),
        broken_document_ids=tuple(found.broken_document_ids),
    )


def _difference(message: pb.AccuracyDifference) -> types.AccuracyDifference:
    return types.AccuracyDifference(
        accuracy_a=number(message, "accuracy_a"),
        accuracy_b=number(message, "accuracy_b"),
        delta=number(message, "delta"),
        low=number(message, "low"),
        high=number(message, "high"),
        level=message.level,
        fixed=message.fixed,
        broken=message.broken,
        p_value=message.p_value,
        verdict=message.verdict,
    )
