"""The handlers of BenchmarkService.

Creating takes as long as a dataset is large, and results may be large: both are done in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.api import httpbody_pb2

from assay.features.benchmarks import convert
from assay.features.benchmarks.comparison_service import BenchmarkComparisons
from assay.features.benchmarks.model import NewBenchmark
from assay.features.benchmarks.results_service import BenchmarkReader, ResultQuery
from assay.features.benchmarks.service import BenchmarkQuery, BenchmarkUseCases
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import page_of, value_of
from assay.kernel.rpc.watch import JobWatch
from assay.v1 import (
    benchmark_pb2,
    benchmark_service_pb2,
    job_service_pb2,
)


class BenchmarkService:
    """Benchmarks of the caller's organization."""

    def __init__(
        self,
        benchmarks: BenchmarkUseCases,
        reader: BenchmarkReader,
        comparisons: BenchmarkComparisons,
        watch: JobWatch,
    ) -> None:
        self._benchmarks = benchmarks
        self._reader = reader
        self._comparisons = comparisons
        self._watch = watch

    async def CreateBenchmark(
        self, request: benchmark_service_pb2.CreateBenchmarkRequest, call: Call
    ) -> benchmark_pb2.Benchmark:
        """Create a benchmark."""
        made = await call.run_in_thread(
            lambda: self._benchmarks.create(
                call.organization_id,
                value_of(NewBenchmark, request),
                created_by=call.caller.subject,
                request_id=call.idempotency_key(request.request_id),
            )
        )
        return convert.benchmark(made)

    async def GetBenchmark(
        self, request: benchmark_service_pb2.GetBenchmarkRequest, call: Call
    ) -> benchmark_service_pb2.GetBenchmarkResponse:
        """Return a benchmark with its numbers."""
        return await call.run_in_thread(
            lambda: convert.detailed(
                self._reader.detailed(call.organization_id, request.benchmark_id, 0)
            )
        )

    async def ListBenchmarks(
        self, request: benchmark_service_pb2.ListBenchmarksRequest, call: Call
    ) -> benchmark_service_pb2.ListBenchmarksResponse:
        """Return a page of benchmarks."""
        query = value_of(BenchmarkQuery, request)
        return await call.run_in_thread(
            lambda: page_of(
                benchmark_service_pb2.ListBenchmarksResponse,
                self._benchmarks.list(call.organization_id, query),
                convert.benchmark,
            )
        )

    async def ListBenchmarkResults(
        self, request: benchmark_service_pb2.ListBenchmarkResultsRequest, call: Call
    ) -> benchmark_service_pb2.ListBenchmarkResultsResponse:
        """Return a page of documents' results."""
        query = value_of(ResultQuery, request)
        return await call.run_in_thread(
            lambda: page_of(
                benchmark_service_pb2.ListBenchmarkResultsResponse,
                self._reader.results(call.organization_id, query),
                convert.document_result,
            )
        )

    async def CompareBenchmarks(
        self, request: benchmark_service_pb2.CompareBenchmarksRequest, call: Call
    ) -> benchmark_service_pb2.CompareBenchmarksResponse:
        """Compare two benchmarks."""
        found = await self._comparisons.compare(call.organization_id, request.run_a, request.run_b)
        return convert.compared(found)

    async def CancelBenchmark(
        self, request: benchmark_service_pb2.CancelBenchmarkRequest, call: Call
    ) -> benchmark_pb2.Benchmark:
        """Ask a benchmark to end."""
        found = await call.run(self._benchmarks.cancel, call.organization_id, request.benchmark_id)
        return convert.benchmark(found)

    async def WatchBenchmark(
        self, request: benchmark_service_pb2.WatchBenchmarkRequest, call: Call
    ) -> AsyncGenerator[job_service_pb2.WatchJobResponse, None]:
        """Stream a benchmark's events."""
        job_id = await self._job_id(request, call)
        async with aclosing(self._watch.messages(call, job_id, request)) as stream:
            async for message in stream:
                yield message

    async def WatchBenchmarkEvents(
        self, request: benchmark_service_pb2.WatchBenchmarkRequest, call: Call
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Stream a benchmark as Server-Sent Events."""
        job_id = await self._job_id(request, call)
        async with aclosing(self._watch.events(call, job_id, request)) as stream:
            async for body in stream:
                yield body

    async def WatchBenchmarkLines(
        self, request: benchmark_service_pb2.WatchBenchmarkRequest, call: Call
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Stream a benchmark as NDJSON."""
        job_id = await self._job_id(request, call)
        async with aclosing(self._watch.lines(call, job_id, request)) as stream:
            async for body in stream:
                yield body

    async def _job_id(
        self, request: benchmark_service_pb2.WatchBenchmarkRequest, call: Call
    ) -> str:
        find = self._benchmarks.job_id
        return await call.run(find, call.organization_id, request.benchmark_id)
