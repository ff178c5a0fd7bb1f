"""InferenceJobService."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assay.features.inference import convert
from assay.features.inference.opened_service import OpenedJobs
from assay.features.inference.service import InferenceUseCases
from assay.features.inference.storage_service import StorageInputs
from assay.features.inference.submission_service import InferenceSubmissions
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.uploads import file_parts, first_of
from assay.v1 import inference_job_pb2
from assay.v1 import inference_job_service_pb2 as pb


class InferenceJobService:
    """Inference jobs of the caller's organization."""

    def __init__(
        self,
        jobs: InferenceUseCases,
        submissions: InferenceSubmissions,
        opened: OpenedJobs,
        storages: StorageInputs,
    ) -> None:
        self._jobs = jobs
        self._submissions = submissions
        self._opened = opened
        self._storages = storages

    async def SubmitInferenceJob(
        self, request: pb.SubmitInferenceJobRequest, call: Call
    ) -> inference_job_pb2.InferenceJob:
        """Submit inputs to a version of a model."""
        asked = await self._storages.resolved(
            await call.run_in_thread(lambda: convert.request(request, call))
        )
        return await call.run_in_thread(
            lambda: convert.inference_job(self._submissions.submit(call.organization_id, asked))
        )

    async def GetInferenceJob(
        self, request: pb.GetInferenceJobRequest, call: Call
    ) -> inference_job_pb2.InferenceJob:
        """Return one job."""
        return convert.inference_job(
            await call.run(self._jobs.get, call.organization_id, request.job_id)
        )

    async def CancelInferenceJob(
        self, request: pb.CancelInferenceJobRequest, call: Call
    ) -> inference_job_pb2.InferenceJob:
        """Cancel a job."""
        return convert.inference_job(await self._jobs.cancel(call.organization_id, request.job_id))

    async def AddInferenceInput(
        self, requests: AsyncIterator[pb.AddInferenceInputRequest], call: Call
    ) -> inference_job_pb2.ReceivedInferenceInput:
        """Append a chunk to an input of an open job."""
        first = await first_of(requests)
        received = await self._opened.add_chunk(
            call.organization_id, first.job_id, convert.chunk(first, requests, call)
        )
        return convert.received_input(received)

    async def AddInferenceRows(
        self, requests: AsyncIterator[pb.AddInferenceRowsRequest], call: Call
    ) -> inference_job_pb2.InferenceJob:
        """Add the rows of a file to an open job."""
        first = await first_of(requests)
        job = await self._opened.add_rows(
            call.organization_id,
            first.job_id,
            convert.rows_format(first, call),
            file_parts(first, requests, "job_id"),
        )
        return convert.inference_job(job)

    async def CloseInferenceJob(
        self, request: pb.CloseInferenceJobRequest, call: Call
    ) -> inference_job_pb2.InferenceJob:
        """Submit an open job."""
        job = await call.run(self._submissions.close, call.organization_id, request.job_id)
        return convert.inference_job(job)
