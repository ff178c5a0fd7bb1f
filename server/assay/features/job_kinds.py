"""The kinds of job that runners know. A new kind is one file here and one row below."""

from collections.abc import Mapping
from types import MappingProxyType

from assay.features.benchmarks.job import Benchmark
from assay.features.comparisons.job import Comparison
from assay.features.evaluations.job import Evaluation
from assay.kernel.jobs.kind import Kind

KINDS: Mapping[str, Kind] = MappingProxyType(
    {kind.name: kind for kind in (Evaluation(), Comparison(), Benchmark())}
)

__all__ = ["KINDS", "Kind"]
