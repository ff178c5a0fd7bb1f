"""The feature of benchmarks: extractions against ground truth."""

from collections.abc import Iterable

from assay.features.benchmarks import tables
from assay.features.benchmarks.api import (
    BenchmarkService,
)
from assay.features.benchmarks.comparison_service import BenchmarkComparisons
from assay.features.benchmarks.job import BenchmarkKind
from assay.features.benchmarks.job_version import RunsOfCanceledBenchmarks, VersionBenchmarkKind
from assay.features.benchmarks.rest import BenchmarkRestService
from assay.features.benchmarks.results_service import BenchmarkReader
from assay.features.benchmarks.service import BenchmarkUseCases
from assay.features.benchmarks.store import Benchmarks
from assay.kernel.feature import Feature
from assay.kernel.kernel import Kernel
from assay.kernel.rpc.watch import JobWatch


def _services(kernel: Kernel) -> Iterable[object]:
    benchmarks = BenchmarkUseCases(
        kernel.store,
        kernel.blobs,
        kernel.ids,
        kernel.clock,
        max_attempts=kernel.limits.max_attempts,
    )
    reader = BenchmarkReader(kernel.store, kernel.blobs)
    comparisons = BenchmarkComparisons(
        kernel.store, kernel.blobs, compute=kernel.compute, run_in_thread=kernel.run_in_thread
    )
    yield BenchmarkService(benchmarks, reader, comparisons, JobWatch(kernel.watches))
    yield BenchmarkRestService(benchmarks, reader, comparisons)


FEATURE = Feature(
    name="benchmarks",
    tables=(tables.benchmarks,),
    stores=(Benchmarks,),
    hooks=(RunsOfCanceledBenchmarks(),),
    kinds=(BenchmarkKind(), VersionBenchmarkKind()),
    services=_services,
)
