"""BenchmarkService and BenchmarkWatchService.

Creating takes as long as a dataset is large, and results may be large: both are done in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.api import httpbody_pb2

from assay.features.benchmarks import convert
from assay.features.benchmarks.comparison_service import BenchmarkComparisons
from assay.features.benchmarks.results_service import BenchmarkReader
from assay.features.benchmarks.service import BenchmarkUseCases
from assay.features.benchmarks.watch import BenchmarkWatches
from assay.features.jobs import convert as jobs
from assay.features.jobs.api import resume_point
from assay.kernel.jobs.watch import MAX_BOOKMARK_SECONDS
from assay.kernel.rpc.call import Call
from assay.v1 import (
    benchmark_pb2,
    benchmark_service_pb2,
    benchmark_watch_service_pb2,
)


class BenchmarkService:
    """Benchmarks of the caller's organization."""

    def __init__(
        self,
        benchmarks: BenchmarkUseCases,
        reader: BenchmarkReader,
        comparisons: BenchmarkComparisons,
        watches: BenchmarkWatches,
    ) -> None:
        self._benchmarks = benchmarks
        self._reader = reader
        self._comparisons = comparisons
        self._watches = watches

    async def CreateBenchmark(
        self, request: benchmark_service_pb2.CreateBenchmarkRequest, call: Call
    ) -> benchmark_pb2.Benchmark:
        """Create a benchmark."""
        made = await call.run_in_thread(
            lambda: self._benchmarks.create(
                call.organization_id,
                convert.new_benchmark(request),
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
        query = convert.query(request)
        return await call.run_in_thread(
            lambda: convert.benchmark_page(self._benchmarks.list(call.organization_id, query))
        )

    async def ListBenchmarkResults(
        self, request: benchmark_service_pb2.ListBenchmarkResultsRequest, call: Call
    ) -> benchmark_service_pb2.ListBenchmarkResultsResponse:
        """Return a page of documents' results."""
        query = convert.results_query(request)
        return await call.run_in_thread(
            lambda: convert.result_page(self._reader.results(call.organization_id, query))
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
    ) -> AsyncGenerator[benchmark_service_pb2.WatchBenchmarkResponse, None]:
        """Stream a benchmark's events."""
        interval = request.bookmark_interval.ToMilliseconds() / 1000
        batches = self._watches.watch(
            call.organization_id,
            request.benchmark_id,
            after_sequence=request.after_sequence,
            bookmark_seconds=interval or MAX_BOOKMARK_SECONDS,
        )
        async with aclosing(batches):
            async for batch in batches:
                told = jobs.batch(batch)
                yield benchmark_service_pb2.WatchBenchmarkResponse(
                    events=told.events, levels=told.levels, bookmark=told.bookmark
                )


class BenchmarkWatchService:
    """The REST face of BenchmarkService.WatchBenchmark."""

    def __init__(self, watches: BenchmarkWatches) -> None:
        self._watches = watches

    async def WatchBenchmarkEvents(
        self, request: benchmark_watch_service_pb2.WatchBenchmarkEventsRequest, call: Call
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Stream a benchmark as Server-Sent Events."""
        batches = self._watches.watch(
            call.organization_id,
            request.id,
            after_sequence=resume_point(call, request.after_sequence),
            bookmark_seconds=request.bookmark_seconds or MAX_BOOKMARK_SECONDS,
        )
        async with aclosing(batches):
            async for batch in batches:
                data = b"".join(jobs.server_sent_events(batch))
                yield httpbody_pb2.HttpBody(content_type="text/event-stream", data=data)

    async def WatchBenchmarkLines(
        self, request: benchmark_watch_service_pb2.WatchBenchmarkLinesRequest, call: Call
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Stream a benchmark as NDJSON."""
        batches = self._watches.watch(
            call.organization_id,
            request.id,
            after_sequence=request.after_sequence,
            bookmark_seconds=request.bookmark_seconds or MAX_BOOKMARK_SECONDS,
        )
        async with aclosing(batches):
            async for batch in batches:
                data = b"".join(jobs.lines(batch))
                yield httpbody_pb2.HttpBody(content_type="application/x-ndjson", data=data)
