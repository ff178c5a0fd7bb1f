"""The kinds of job that runners know. A new kind is one file here and one row below."""

from collections.abc import Mapping
from types import MappingProxyType

from assay.jobs.kinds.benchmark import Benchmark
from assay.jobs.kinds.comparison import Comparison
from assay.jobs.kinds.evaluation import Evaluation
from assay.jobs.kinds.kind import Kind

KINDS: Mapping[str, Kind] = MappingProxyType(
    {kind.name: kind for kind in (Evaluation(), Comparison(), Benchmark())}
)

__all__ = ["KINDS", "Kind"]
