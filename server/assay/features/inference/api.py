"""InferenceJobService."""

from __future__ import annotations

from assay.features.inference import convert
from assay.features.inference.service import InferenceUseCases
from assay.features.inference.submission_service import InferenceSubmissions
from assay.kernel.rpc.call import Call
from assay.v1 import inference_job_pb2
from assay.v1 import inference_job_service_pb2 as pb


class InferenceJobService:
    """Inference jobs of the caller's organization."""

    def __init__(self, jobs: InferenceUseCases, submissions: InferenceSubmissions) -> None:
        self._jobs = jobs
        self._submissions = submissions

    async def SubmitInferenceJob(
        self, request: pb.SubmitInferenceJobRequest, call: Call
    ) -> inference_job_pb2.InferenceJob:
        """Submit inputs to a version of a model."""

        def submit() -> inference_job_pb2.InferenceJob:
            asked = convert.request(request, call)
            return convert.inference_job(self._submissions.submit(call.organization_id, asked))

        return await call.run_in_thread(submit)

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
