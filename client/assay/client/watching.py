"""Watching a job or a benchmark to its end over as many connections as that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import grpc

from assay.client import convert
from assay.client.errors import Refusal, ServiceUnavailable, from_rpc
from assay.client.transport import Transport, is_cut
from assay.client.types import TERMINAL_STATES, DocumentsCompared, JobEvent, JobLevel
from assay.v1 import benchmark_service_pb2, job_service_pb2
from assay.v1.benchmark_service_pb2_grpc import BenchmarkServiceStub
from assay.v1.job_service_pb2_grpc import JobServiceStub

if TYPE_CHECKING:  # grpc's stubs name this type, grpc itself does not
    _Call = (
        grpc.CallIterator[job_service_pb2.WatchJobResponse]
        | grpc.CallIterator[benchmark_service_pb2.WatchBenchmarkResponse]
    )

Item = JobEvent | DocumentsCompared | JobLevel


def watch(transport: Transport, job_id: str, after_sequence: int) -> Iterator[Item]:
    """Yield a job's events after a sequence, each once and in order, and its newest levels.

    Ends behind the terminal event; a stream that is cut before is taken up where it stood.

    Raises:
        ServiceError: refused, or not answered though it was tried again.
    """
    stub = JobServiceStub(transport.channel)

    def opened(after: int) -> _Call:
        request = job_service_pb2.WatchJobRequest(job_id=job_id, after_sequence=after)
        return stub.WatchJob(request, metadata=transport.metadata)

    def is_behind_the_end(after: int) -> bool:
        job = transport.call(stub.GetJob, job_service_pb2.GetJobRequest(job_id=job_id))
        return job.status in TERMINAL_STATES and job.last_sequence <= after

    return _followed(transport, f"job {job_id}", after_sequence, opened, is_behind_the_end)


def watch_benchmark(transport: Transport, benchmark_id: str, after_sequence: int) -> Iterator[Item]:
    """Yield a benchmark's events as `watch` does a job's, and how right its fields are so far."""
    stub = BenchmarkServiceStub(transport.channel)

    def opened(after: int) -> _Call:
        request = benchmark_service_pb2.WatchBenchmarkRequest(
            benchmark_id=benchmark_id, after_sequence=after
        )
        return stub.WatchBenchmark(request, metadata=transport.metadata)

    def is_behind_the_end(_: int) -> bool:
        request = benchmark_service_pb2.GetBenchmarkRequest(benchmark_id=benchmark_id)
        found = transport.call(stub.GetBenchmark, request).benchmark
        # Who may read benchmarks may not read jobs; what ended and tells nothing more is over.
        return found.status in {"completed", "failed"}

    return _followed(
        transport, f"benchmark {benchmark_id}", after_sequence, opened, is_behind_the_end
    )


def _followed(
    transport: Transport,
    name: str,
    after_sequence: int,
    opened: Callable[[int], _Call],
    is_behind_the_end: Callable[[int], bool],
) -> Iterator[Item]:
    attempts, ended = transport.patience.attempts(), False
    while True:
        call = opened(after_sequence)
        quiet = True
        try:
            for answer in call:
                attempts = transport.patience.attempts()
                for message in answer.events:
                    event = convert.event(message)
                    after_sequence, quiet = event.sequence, False
                    ended = ended or event.is_terminal
                    yield event
                yield from map(convert.level, answer.levels)
                after_sequence = max(after_sequence, answer.bookmark)
                if ended:
                    return
        except grpc.RpcError as error:
            if not is_cut(error) or not next(attempts):
                raise from_rpc(error) from error
        else:
            # A watch that starts behind the terminal event ends at once and in peace.
            if quiet and is_behind_the_end(after_sequence):
                return
            if not next(attempts, False):
                raise ServiceUnavailable(
                    Refusal(message=f"The stream of {name} ends before it does.")
                )
        finally:
            call.cancel()  # type: ignore[no-untyped-call]  # grpc's stubs leave it untyped
