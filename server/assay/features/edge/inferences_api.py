"""InferenceService of the edge API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import ClassVar

from assay.features.edge import convert
from assay.features.edge.model import INPUT_NAME
from assay.features.edge.results_convert import ResultWriter
from assay.features.edge.service import EdgeJobs
from assay.features.inference.results_service import ResultReader
from assay.features.inference.results_store import read
from assay.foreign.edge import inferences_pb2 as pb
from assay.kernel.rpc.call import Call


class InferenceService:
    """Inferences: jobs of one input, of the caller's organization."""

    SERVICE: ClassVar[str] = "inferences.api.v1.InferenceService"

    def __init__(self, jobs: EdgeJobs, reader: ResultReader) -> None:
        self._jobs, self._reader = jobs, reader

    async def PerformInference(self, request: pb.InferenceRequest, call: Call) -> pb.Inference:
        """Submit an input and return the inference, most often before it has run."""
        identifier = await self._submit(request, call)
        return await self._told(identifier, call, request)

    async def GetInferenceDetails(
        self, request: pb.InferenceIdentifier, call: Call
    ) -> pb.Inference:
        """Return where an inference stands, and its result once it is there."""
        job = await self._jobs.get(call.organization_id, request.identifier)
        return await self._told(job.job_id, call)

    async def StreamInferences(
        self, requests: AsyncIterator[pb.InferenceRequest], call: Call
    ) -> AsyncGenerator[pb.Inference, None]:
        """Run inferences one after another, and return each when it has ended."""
        async for request in requests:
            identifier = await self._submit(request, call)
            await self._jobs.ended(call.organization_id, identifier)
            yield await self._told(identifier, call, request)

    async def _submit(self, request: pb.InferenceRequest, call: Call) -> str:
        asked = await call.run_in_thread(lambda: convert.inference_request(request, call))
        return (await self._jobs.submit(call.organization_id, asked)).job_id

    async def _told(
        self, identifier: str, call: Call, request: pb.InferenceRequest | None = None
    ) -> pb.Inference:
        def told() -> pb.Inference:
            found, row = self._reader.one(call.organization_id, identifier, INPUT_NAME)
            message = ResultWriter(self._reader, found).inference(read(row))
            if request is not None:
                message.tags.update(request.tags)
            return message

        return await call.run_in_thread(told)
