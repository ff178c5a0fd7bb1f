"""The handlers of JobService."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from assay.features.jobs import convert
from assay.features.jobs.service import JobUseCases
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import page_of
from assay.kernel.rpc.values import timestamp
from assay.kernel.rpc.watch import JobWatch
from assay.kernel.rpc.watch_tokens import WatchTokens
from assay.v1 import job_pb2, job_service_pb2


class JobService:
    """Jobs of the caller's organization."""

    def __init__(self, jobs: JobUseCases, watch: JobWatch, tokens: WatchTokens) -> None:
        self._jobs = jobs
        self._watch = watch
        self._tokens = tokens

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
        return page_of(job_service_pb2.ListJobsResponse, page, lambda one: convert.job(*one))

    async def CancelJob(self, request: job_service_pb2.CancelJobRequest, call: Call) -> job_pb2.Job:
        """Ask a job to end."""
        job, progress = await call.run(self._jobs.cancel, call.organization_id, request.job_id)
        return convert.job(job, progress)

    async def CreateWatchToken(
        self, request: job_service_pb2.CreateWatchTokenRequest, call: Call
    ) -> job_service_pb2.CreateWatchTokenResponse:
        """Return a token to watch a job with."""
        job, _ = await call.run(self._jobs.get, call.organization_id, request.job_id)
        token, ends = await call.run(self._tokens.mint, call.caller, job.job_id)
        return job_service_pb2.CreateWatchTokenResponse(
            access_token=token, expires_at=timestamp(ends)
        )

    def WatchJob(
        self, request: job_service_pb2.WatchJobRequest, call: Call
    ) -> AsyncGenerator[bytes, None]:
        """Stream a job's events."""
        return self._watch.messages(call, request.job_id, request)

    def WatchJobEvents(
        self, request: job_service_pb2.WatchJobRequest, call: Call
    ) -> AsyncGenerator[bytes, None]:
        """Stream a job as Server-Sent Events."""
        return self._watch.events(call, request.job_id, request)

    def WatchJobLines(
        self, request: job_service_pb2.WatchJobRequest, call: Call
    ) -> AsyncGenerator[bytes, None]:
        """Stream a job as NDJSON."""
        return self._watch.lines(call, request.job_id, request)
