"""Watching a job to its end over as many connections as that takes."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from assay.client import convert
from assay.client.errors import Refusal, ServiceUnavailable, from_rpc
from assay.client.transport import Transport, is_cut
from assay.client.types import TERMINAL_STATES, JobEvent, JobLevel
from assay.v1 import job_service_pb2 as pb
from assay.v1.job_service_pb2_grpc import JobServiceStub


def watch(transport: Transport, job_id: str, after_sequence: int) -> Iterator[JobEvent | JobLevel]:
    """Yield a job's events after a sequence, each once and in order, and its newest levels.

    Ends behind the terminal event; a stream that is cut before is taken up where it stood.

    Raises:
        ServiceError: refused, or not answered though it was tried again.
    """
    stub = JobServiceStub(transport.channel)
    attempts, ended = transport.patience.attempts(), False
    while True:
        call = stub.WatchJob(
            pb.WatchJobRequest(job_id=job_id, after_sequence=after_sequence),
            metadata=transport.metadata,
        )
        try:
            for answer in call:
                attempts = transport.patience.attempts()
                for message in answer.events:
                    event = convert.event(message)
                    after_sequence = event.sequence
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
            job = transport.call(stub.GetJob, pb.GetJobRequest(job_id=job_id))
            if job.status in TERMINAL_STATES and job.last_sequence <= after_sequence:
                return
            if not next(attempts, False):
                raise ServiceUnavailable(
                    Refusal(message=f"The stream of job {job_id} ends before the job does.")
                )
        finally:
            call.cancel()  # type: ignore[no-untyped-call]  # grpc's stubs leave it untyped
