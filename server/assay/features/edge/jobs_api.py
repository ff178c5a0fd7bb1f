"""JobService of the edge API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import ClassVar

from google.protobuf import empty_pb2

from assay.features.edge import convert
from assay.features.edge.service import EdgeJobs
from assay.features.inference.model import CHUNK_SIZE, MAX_CHUNKS, MAX_INPUTS, InferenceJob
from assay.features.inference.opened_service import Chunk
from assay.foreign.edge import jobs_pb2
from assay.kernel.clock import Clock
from assay.kernel.rpc.call import Call

LARGE = 100  # inputs of a job whose details are made in a thread


class JobService:
    """Inference jobs of the caller's organization."""

    SERVICE: ClassVar[str] = "jobs.v1.JobService"

    def __init__(self, jobs: EdgeJobs, clock: Clock) -> None:
        self._jobs, self._clock = jobs, clock

    async def SubmitJob(
        self, request: jobs_pb2.JobSubmission, call: Call
    ) -> jobs_pb2.JobSubmissionReceipt:
        """Submit inputs to a version of a model, or open a job for inputs that come later."""
        asked = await call.run_in_thread(lambda: convert.submission(request, call))
        return convert.receipt(await self._jobs.submit(call.organization_id, asked))

    async def GetJobs(self, request: jobs_pb2.JobFilter, call: Call) -> jobs_pb2.JobSummaryList:
        """List the newest jobs."""
        history, now = self._jobs.history, self._clock.now()

        def listed() -> jobs_pb2.JobSummaryList:
            page = history.page(call.organization_id, convert.query(request, now))
            jobs = history.jobs(call.organization_id, page)
            return convert.summaries(jobs, has_more=page.has_more)

        return await call.run_in_thread(listed)

    async def GetJob(self, request: jobs_pb2.JobIdentifier, call: Call) -> jobs_pb2.JobDetails:
        """Return where a job stands."""
        job = await self._jobs.get(call.organization_id, request.identifier)
        return await self._details(job, call)

    async def GetFeatures(self, request: empty_pb2.Empty, call: Call) -> jobs_pb2.JobFeatures:
        """Return what a submission may hold."""
        del request, call
        return jobs_pb2.JobFeatures(
            input_chunk_maximum_size=CHUNK_SIZE,
            maximum_input_chunks=MAX_CHUNKS,
            maximum_inputs_per_job=MAX_INPUTS,
        )

    async def CancelJob(self, request: jobs_pb2.JobIdentifier, call: Call) -> jobs_pb2.JobDetails:
        """Cancel a job and return where it stands."""
        job = await self._jobs.cancel(call.organization_id, request.identifier)
        return await self._details(job, call)

    async def CloseJob(
        self, request: jobs_pb2.JobIdentifier, call: Call
    ) -> jobs_pb2.JobSubmissionReceipt:
        """Submit an open job."""
        return convert.receipt(await self._jobs.close(call.organization_id, request.identifier))

    async def AddInputToJob(
        self, request: jobs_pb2.AppendableJobInput, call: Call
    ) -> empty_pb2.Empty:
        """Append a chunk to an input of an open job."""
        chunk = Chunk(
            input_name=request.datasource_name,
            item_name=request.input_name,
            pieces=_only(request.data),
        )
        await self._jobs.add_chunk(call.organization_id, request.job_identifier, chunk)
        return empty_pb2.Empty()

    async def _details(self, job: InferenceJob, call: Call) -> jobs_pb2.JobDetails:
        told = partial(convert.details, job, self._clock.now())
        return await call.build(told, is_large=job.total > LARGE)


async def _only(data: bytes) -> AsyncIterator[bytes]:
    yield data
