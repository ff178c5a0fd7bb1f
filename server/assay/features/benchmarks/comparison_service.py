"""Two benchmarks against each other: refused unless they measured the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from assay.features.benchmarks.comparison import SideBySide
from assay.features.benchmarks.model import Benchmark, BenchmarkResult
from assay.features.benchmarks.paired_comparison import StoredResults, side_by_side
from assay.features.benchmarks.store import Benchmarks
from assay.kernel.cache import BoundedCache
from assay.kernel.errors import FailedPrecondition
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.jobs.ledger_runs import Jobs
from assay.kernel.kernel import Compute
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread
from assay.records import decode

REMEMBERED = 64  # comparisons; a document list and some numbers a field each
_WORDS = {
    "ground_truth": "their ground truth",
    "normaliser": "the version of the normaliser",
    "schema": "their field schemas",
}


@dataclass(frozen=True, kw_only=True)
class ComparedBenchmarks:
    """Two benchmarks and what they say of each other."""

    run_a: Benchmark
    run_b: Benchmark
    differences: SideBySide | None  # None unless both are completed

    @property
    def accuracy_delta(self) -> float | None:
        """Overall accuracy of a less that of b; None where one of them has none."""
        if self.run_a.scores is None or self.run_b.scores is None:
            return None
        a, b = self.run_a.scores.overall, self.run_b.scores.overall
        return None if a is None or b is None else a - b


class BenchmarkComparisons:
    """Comparisons of benchmarks; async, as a compute child makes them."""

    def __init__(
        self, store: Store, blobs: BlobStore, *, compute: Compute, run_in_thread: RunInThread
    ) -> None:
        self._store, self._blobs = store, blobs
        self._compute = compute
        self._run_in_thread = run_in_thread
        self._memory = BoundedCache(REMEMBERED)

    async def compare(self, organization_id: str, run_a: str, run_b: str) -> ComparedBenchmarks:
        """Compare run a with run b, document by document where both are completed.

        Raises:
            NotFound: one of them is absent.
            FailedPrecondition: their ground truths, schemas or normalisers differ.
            DataDamaged: the results of one, which is named, are not what was stored.
        """
        read = partial(self._read, organization_id, run_a, run_b)
        (a, first), (b, second) = await self._run_in_thread(read)
        if first is None or second is None:
            return ComparedBenchmarks(run_a=a, run_b=b, differences=None)
        _check_alike(a, first, b, second)
        # Addresses name contents, so that what was compared once is right for ever.
        key = (first.details, second.details, first.blobs, second.blobs)
        found = self._memory.peek(key)
        if found is None:
            paths = sorted({path for path, _ in first.scores.by_field + second.scores.by_field})
            context = ComputeContext(blobs=JobBlobs(self._blobs, organization_id))
            sides = (
                StoredResults(benchmark_id=a.benchmark_id, blobs=first.blobs),
                StoredResults(benchmark_id=b.benchmark_id, blobs=second.blobs),
            )
            found = await self._compute.run(side_by_side, context, paths, *sides)
            self._memory.get(key, lambda: (found, 1))
        return ComparedBenchmarks(run_a=a, run_b=b, differences=found)

    def _read(
        self, organization_id: str, *benchmark_ids: str
    ) -> list[tuple[Benchmark, BenchmarkResult | None]]:
        with self._store.read() as uow:
            found = [uow[Benchmarks].get(organization_id, one) for one in benchmark_ids]
            jobs = [uow[Jobs].get(organization_id, one.job_id) for one in found]
        return [
            (one, None if job.result is None else decode(BenchmarkResult, job.result))
            for one, job in zip(found, jobs, strict=True)
        ]


def _check_alike(
    a: Benchmark, first: BenchmarkResult, b: Benchmark, second: BenchmarkResult
) -> None:
    other = [name for name, value in first.spec.items() if second.spec[name] != value]
    if other:
        shown = " and ".join(_WORDS[name] for name in other)
        raise FailedPrecondition(
            f"The benchmarks '{a.benchmark_id}' and '{b.benchmark_id}' cannot be compared: "
            f"{shown} differ. Run one of them again on the dataset and schema of the other.",
            metadata={
                "run_a": a.benchmark_id, "run_b": b.benchmark_id, "different": ",".join(other)
            },
        )  # fmt: skip  # one call
