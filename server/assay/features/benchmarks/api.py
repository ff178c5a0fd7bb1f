"""The handlers of BenchmarkService.

Creating takes as long as a dataset is large, and results may be large: both are done in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from assay.features.benchmarks import convert
from assay.features.benchmarks.comparison_service import BenchmarkComparisons, ComparedBenchmarks
from assay.features.benchmarks.model import Benchmark, NewBenchmark
from assay.features.benchmarks.results_service import (
    BenchmarkReader,
    Detailed,
    KnownDocument,
    ResultQuery,
)
from assay.features.benchmarks.service import BenchmarkQuery, BenchmarkUseCases
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.handler import handler
from assay.kernel.rpc.messages import page_of, value_of
from assay.kernel.rpc.paging import DEFAULT_LIMIT, Counted
from assay.kernel.rpc.watch import JobWatch
from assay.v1 import benchmark_service_pb2 as pb

R = TypeVar("R")


class BenchmarkCalls:
    """Calls of benchmarks that have a typed and a REST reply."""

    def __init__(
        self,
        benchmarks: BenchmarkUseCases,
        reader: BenchmarkReader,
        comparisons: BenchmarkComparisons,
    ) -> None:
        self._benchmarks = benchmarks
        self._reader = reader
        self._comparisons = comparisons

    def created(self, request: pb.CreateBenchmarkRequest, call: Call) -> Benchmark:
        """Create a benchmark."""
        return self._benchmarks.create(
            call.organization_id,
            value_of(NewBenchmark, request),
            created_by=call.caller.subject,
            request_id=call.idempotency_key(request.request_id),
        )

    def listed(self, request: pb.ListBenchmarksRequest, call: Call) -> Counted[Benchmark]:
        """Return a page of benchmarks."""
        return self._benchmarks.list(call.organization_id, value_of(BenchmarkQuery, request))

    def detailed(self, request: pb.GetBenchmarkRequest, call: Call) -> Detailed:
        """Return a benchmark with its numbers."""
        return self._reader.detailed(call.organization_id, request.benchmark_id, 0)

    def sampled(self, request: pb.GetBenchmarkRequest, call: Call) -> Detailed:
        """Return a benchmark with its numbers and the results of its first documents."""
        return self._reader.detailed(call.organization_id, request.benchmark_id, DEFAULT_LIMIT)

    def results(
        self, request: pb.ListBenchmarkResultsRequest, call: Call
    ) -> Counted[KnownDocument]:
        """Return a page of documents' results."""
        return self._reader.results(call.organization_id, value_of(ResultQuery, request))

    def canceled(self, request: pb.CancelBenchmarkRequest, call: Call) -> Benchmark:
        """Ask a benchmark to end."""
        return self._benchmarks.cancel(call.organization_id, request.benchmark_id)

    def deleted(self, request: pb.DeleteBenchmarkRequest, call: Call) -> None:
        """Delete a benchmark."""
        self._benchmarks.delete(call.organization_id, request.benchmark_id, cascade=request.cascade)

    async def compared(
        self, request: pb.CompareBenchmarksRequest, call: Call
    ) -> ComparedBenchmarks:
        """Compare two benchmarks."""
        return await self._comparisons.compare(call.organization_id, request.run_a, request.run_b)


def _watcher(
    watch: Callable[[JobWatch, Call, str, pb.WatchBenchmarkRequest], AsyncGenerator[R, None]],
) -> Callable[[BenchmarkService, pb.WatchBenchmarkRequest, Call], AsyncGenerator[R, None]]:
    """Return the method that streams a benchmark's job as `watch` does."""

    async def follow(
        self: BenchmarkService, request: pb.WatchBenchmarkRequest, call: Call
    ) -> AsyncGenerator[R, None]:
        job_id = await call.run(self.job_id, call.organization_id, request.benchmark_id)
        async with aclosing(watch(self.watch, call, job_id, request)) as stream:
            async for one in stream:
                yield one

    return follow


class BenchmarkService(BenchmarkCalls):
    """Benchmarks of the caller's organization."""

    def __init__(
        self,
        benchmarks: BenchmarkUseCases,
        reader: BenchmarkReader,
        comparisons: BenchmarkComparisons,
        watch: JobWatch,
    ) -> None:
        super().__init__(benchmarks, reader, comparisons)
        self.watch = watch
        self.job_id = benchmarks.job_id

    CreateBenchmark = handler(BenchmarkCalls.created, convert.benchmark)
    GetBenchmark = handler(BenchmarkCalls.detailed, convert.detailed)
    ListBenchmarks = handler(
        BenchmarkCalls.listed,
        lambda found: page_of(pb.ListBenchmarksResponse, found, convert.benchmark),
    )
    ListBenchmarkResults = handler(
        BenchmarkCalls.results,
        lambda found: page_of(pb.ListBenchmarkResultsResponse, found, convert.document_result),
    )
    CancelBenchmark = handler(BenchmarkCalls.canceled, convert.benchmark)
    DeleteBenchmark = handler(
        BenchmarkCalls.deleted, lambda _: pb.DeleteBenchmarkResponse(deleted=True)
    )

    async def CompareBenchmarks(
        self, request: pb.CompareBenchmarksRequest, call: Call
    ) -> pb.CompareBenchmarksResponse:
        """Compare two benchmarks."""
        return convert.compared(await self.compared(request, call))

    WatchBenchmark = _watcher(JobWatch.messages)
    WatchBenchmarkEvents = _watcher(JobWatch.events)
    WatchBenchmarkLines = _watcher(JobWatch.lines)
