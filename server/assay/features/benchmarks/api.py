"""BenchmarkService, and its REST faces: BenchmarkRunService and BenchmarkWatchService.

Creating takes as long as a dataset is large, and results may be large: both are done in a thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.api import httpbody_pb2

from assay.features.benchmarks import convert
from assay.features.benchmarks import rest_convert as rest
from assay.features.benchmarks.comparison_service import BenchmarkComparisons
from assay.features.benchmarks.model import Benchmark, NewBenchmark
from assay.features.benchmarks.results_service import BenchmarkReader, ResultQuery
from assay.features.benchmarks.service import BenchmarkQuery, BenchmarkUseCases
from assay.features.benchmarks.watch import BenchmarkWatches
from assay.features.jobs import convert as jobs
from assay.features.jobs.api import resume_point
from assay.kernel.jobs.watch import MAX_BOOKMARK_SECONDS
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.paging import DEFAULT_LIMIT
from assay.v1 import (
    benchmark_pb2,
    benchmark_run_service_pb2,
    benchmark_service_pb2,
    benchmark_watch_service_pb2,
)

CreateRequest = (
    benchmark_service_pb2.CreateBenchmarkRequest
    | benchmark_run_service_pb2.CreateBenchmarkRunRequest
)
ListRequest = (
    benchmark_service_pb2.ListBenchmarksRequest | benchmark_run_service_pb2.ListBenchmarkRunsRequest
)
ResultsRequest = (
    benchmark_service_pb2.ListBenchmarkResultsRequest
    | benchmark_run_service_pb2.ListBenchmarkRunResultsRequest
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
        return convert.benchmark(await _create(self._benchmarks, request, call))

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
        query = _query(request)
        return await call.run_in_thread(
            lambda: convert.benchmark_page(self._benchmarks.list(call.organization_id, query))
        )

    async def ListBenchmarkResults(
        self, request: benchmark_service_pb2.ListBenchmarkResultsRequest, call: Call
    ) -> benchmark_service_pb2.ListBenchmarkResultsResponse:
        """Return a page of documents' results."""
        query = _results(request, request.benchmark_id)
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


class BenchmarkRunService:
    """The REST face of BenchmarkService."""

    def __init__(
        self,
        benchmarks: BenchmarkUseCases,
        reader: BenchmarkReader,
        comparisons: BenchmarkComparisons,
    ) -> None:
        self._benchmarks = benchmarks
        self._reader = reader
        self._comparisons = comparisons

    async def CreateBenchmarkRun(
        self, request: benchmark_run_service_pb2.CreateBenchmarkRunRequest, call: Call
    ) -> bytes:
        """Create a benchmark."""
        found = await _create(self._benchmarks, request, call)
        return _in_order(rest.run(found))

    async def ListBenchmarkRuns(
        self, request: benchmark_run_service_pb2.ListBenchmarkRunsRequest, call: Call
    ) -> bytes:
        """Return a page of benchmarks."""
        query = _query(request)
        return await call.run_in_thread(
            lambda: _in_order(rest.run_page(self._benchmarks.list(call.organization_id, query)))
        )

    async def GetBenchmarkRun(
        self, request: benchmark_run_service_pb2.GetBenchmarkRunRequest, call: Call
    ) -> bytes:
        """Return a benchmark with all that is known of it."""
        return await call.run_in_thread(
            lambda: _in_order(
                rest.detail(self._reader.detailed(call.organization_id, request.id, DEFAULT_LIMIT))
            )
        )

    async def ListBenchmarkRunResults(
        self, request: benchmark_run_service_pb2.ListBenchmarkRunResultsRequest, call: Call
    ) -> bytes:
        """Return a page of documents' results."""
        query = _results(request, request.id)
        return await call.run_in_thread(
            lambda: _in_order(rest.result_page(self._reader.results(call.organization_id, query)))
        )

    async def CompareBenchmarkRuns(
        self, request: benchmark_run_service_pb2.CompareBenchmarkRunsRequest, call: Call
    ) -> bytes:
        """Compare two benchmarks."""
        found = await self._comparisons.compare(call.organization_id, request.run_a, request.run_b)
        return _in_order(rest.compared(found))

    async def CancelBenchmarkRun(
        self, request: benchmark_run_service_pb2.CancelBenchmarkRunRequest, call: Call
    ) -> bytes:
        """Ask a benchmark to end."""
        found = await call.run(self._benchmarks.cancel, call.organization_id, request.id)
        return _in_order(rest.run(found))


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


async def _create(benchmarks: BenchmarkUseCases, request: CreateRequest, call: Call) -> Benchmark:
    new = NewBenchmark(
        dataset_id=request.dataset_id,
        name=request.name or None,
        run_id=request.run_id or None,
        user_schema_id=request.user_schema_id or None,
        compared_to_run_id=request.compared_to_run_id or None,
    )
    organization_id, created_by = call.organization_id, call.caller.subject
    request_id = call.idempotency_key(request.request_id)
    return await call.run_in_thread(
        lambda: benchmarks.create(
            organization_id, new, created_by=created_by, request_id=request_id
        )
    )


def _query(request: ListRequest) -> BenchmarkQuery:
    return BenchmarkQuery(
        limit=request.limit if request.HasField("limit") else None,
        cursor=request.cursor,
        dataset_id=request.dataset_id,
        status=request.status,
    )


def _results(request: ResultsRequest, benchmark_id: str) -> ResultQuery:
    return ResultQuery(
        benchmark_id=benchmark_id,
        limit=request.limit if request.HasField("limit") else None,
        cursor=request.cursor,
        field=request.field,
        outcome=request.outcome,
        only_wrong=request.only_wrong,
    )


def _in_order(
    message: benchmark_run_service_pb2.BenchmarkRun
    | benchmark_run_service_pb2.BenchmarkRunDetail
    | benchmark_run_service_pb2.ListBenchmarkRunsResponse
    | benchmark_run_service_pb2.ListBenchmarkRunResultsResponse
    | benchmark_run_service_pb2.CompareBenchmarkRunsResponse,
) -> bytes:
    """Return a reply whose objects have their keys in one order, call after call."""
    data: bytes = message.SerializeToString(deterministic=True)
    return data
