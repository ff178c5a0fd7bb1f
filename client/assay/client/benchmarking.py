"""Benchmarks as both clients tell of them: their progress, their reports and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from typing import Any, Literal

from assay.client import types
from assay.client.errors import BenchmarkFailed
from assay.client.evaluating import ended


@dataclass(frozen=True, kw_only=True)
class BenchmarkProgress:
    """How far a benchmark is, as `on_progress` is told."""

    phase: Literal["upload", "extract", "measure"]
    benchmark_id: str | None = None  # None while extractions are sent
    documents: int = 0  # compared so far, or sent; 0 while a version extracts
    documents_total: int | None = None
    fields: Mapping[str, types.FieldAccuracy] = field(default_factory=dict)  # by path

    @property
    def overall(self) -> types.FieldAccuracy | None:
        """All fields so far, together; None before the first document."""
        return reduce(add, self.fields.values()) if self.fields else None


OnBenchmark = Callable[[BenchmarkProgress], None]


@dataclass(frozen=True, kw_only=True)
class BenchmarkComparison:
    """Benchmark a against benchmark b on the same documents by the same rules."""

    run_a: types.Benchmark  # what is asked about
    run_b: types.Benchmark  # what it is compared with
    documents: int
    overall: types.AccuracyDifference
    by_field: Mapping[str, types.AccuracyDifference]
    fixed_document_ids: tuple[str, ...]  # the first 100
    broken_document_ids: tuple[str, ...]


def ignore_benchmark(_: BenchmarkProgress) -> None:
    """Do nothing; the default of `on_progress`."""


def in_schema_order(report: types.BenchmarkReport) -> types.BenchmarkReport:
    """Return a report whose measures by field are in the order of its schema."""
    if report.measures is None or report.spec is None:
        return report
    order = {path: at for at, path in enumerate(leaf_paths(report.spec.schema.get("fields", ())))}
    measures = report.measures.by_field
    paths = sorted(measures, key=lambda path: (order.get(path, len(order)), path))
    by_field = {path: measures[path] for path in paths}
    return replace(report, measures=replace(report.measures, by_field=by_field))


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


def failed(benchmark: types.Benchmark) -> BenchmarkFailed:
    """Return the exception for a benchmark whose job ended without a result."""
    return BenchmarkFailed(
        ended(
            benchmark.failure,
            otherwise=f"Benchmark {benchmark.name} has no result.",
            status=benchmark.status,
            benchmark_id=benchmark.benchmark_id,
        )
    )
