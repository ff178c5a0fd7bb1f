"""JobService, and JobWatchService for REST."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.api import httpbody_pb2

from assay.features.jobs import convert
from assay.features.jobs.service import JobUseCases
from assay.kernel.errors import InvalidArgument, clip
from assay.kernel.jobs.watch import MAX_BOOKMARK_SECONDS, Watches
from assay.kernel.rpc.call import Call
from assay.v1 import job_pb2, job_service_pb2, job_watch_service_pb2


class JobService:
    """Jobs of the caller's organization."""

    def __init__(self, jobs: JobUseCases, watches: Watches) -> None:
        self._jobs = jobs
        self._watches = watches

    async def GetJob(self, request: job_service_pb2.GetJobRequest, call: Call) -> job_pb2.Job:
        """Return one job."""
        job, progress = await call.run(self._jobs.get, call.organization_id, request.job_id)
        return convert.job(job, progress)

    async def ListJobs(
        self, request: job_service_pb2.ListJobsRequest, call: Call
    ) -> job_service_pb2.ListJobsResponse:
        """Return a page of jobs."""
        page = await call.run(
            self._jobs.list,
            call.organization_id,
            convert.chosen(request),
            request.page_size,
            request.page_token,
        )
        return job_service_pb2.ListJobsResponse(
            jobs=[convert.job(job, progress) for job, progress in page.items],
            next_page_token=page.next_token,
        )

    async def CancelJob(self, request: job_service_pb2.CancelJobRequest, call: Call) -> job_pb2.Job:
        """Ask a job to end."""
        job, progress = await call.run(self._jobs.cancel, call.organization_id, request.job_id)
        return convert.job(job, progress)

    async def WatchJob(
        self, request: job_service_pb2.WatchJobRequest, call: Call
    ) -> AsyncGenerator[job_service_pb2.WatchJobResponse, None]:
        """Stream a job's events."""
        interval = request.bookmark_interval.ToMilliseconds() / 1000
        batches = self._watches.watch(
            call.organization_id,
            request.job_id,
            after_sequence=request.after_sequence,
            bookmark_seconds=interval or MAX_BOOKMARK_SECONDS,
        )
        async with aclosing(batches):
            async for batch in batches:
                yield convert.batch(batch)


class JobWatchService:
    """The REST face of JobService.WatchJob."""

    def __init__(self, watches: Watches) -> None:
        self._watches = watches

    async def WatchJobEvents(
        self, request: job_watch_service_pb2.WatchJobEventsRequest, call: Call
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Stream a job as Server-Sent Events."""
        batches = self._watches.watch(
            call.organization_id,
            request.job_id,
            after_sequence=resume_point(call, request.after_sequence),
            bookmark_seconds=request.bookmark_seconds or MAX_BOOKMARK_SECONDS,
        )
        async with aclosing(batches):
            async for batch in batches:
                data = b"".join(convert.server_sent_events(batch))
                yield httpbody_pb2.HttpBody(content_type="text/event-stream", data=data)

    async def WatchJobLines(
        self, request: job_watch_service_pb2.WatchJobLinesRequest, call: Call
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Stream a job as NDJSON."""
        batches = self._watches.watch(
            call.organization_id,
            request.job_id,
            after_sequence=request.after_sequence,
            bookmark_seconds=request.bookmark_seconds or MAX_BOOKMARK_SECONDS,
        )
        async with aclosing(batches):
            async for batch in batches:
                data = b"".join(convert.lines(batch))
                yield httpbody_pb2.HttpBody(content_type="application/x-ndjson", data=data)


def resume_point(call: Call, after_sequence: int) -> int:
    """Return after which event a watch begins: what Last-Event-ID says wins."""
    sent = call.metadata.get("last-event-id")
    if sent is None:
        return after_sequence
    if not (sent.isascii() and sent.isdigit() and len(sent) < 19):
        raise InvalidArgument.of(
            "Last-Event-ID", f"'{clip(sent)}' was sent; the id of an event of this job is allowed"
        )
    return int(sent)
