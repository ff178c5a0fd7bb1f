"""GRPCInferenceService of the Open Inference Protocol, version 2."""

from __future__ import annotations

from typing import ClassVar

from assay.features.open_inference import convert
from assay.features.open_inference.service import OpenInference
from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.kernel.rpc.call import Call


class GRPCInferenceService:
    """Versions as the models of an inference server."""

    SERVICE: ClassVar[str] = "inference.GRPCInferenceService"

    def __init__(self, inference: OpenInference, version: str) -> None:
        self._inference = inference
        self._version = version

    async def ServerLive(
        self, request: oip.ServerLiveRequest, call: Call
    ) -> oip.ServerLiveResponse:
        """Say that the server runs."""
        return oip.ServerLiveResponse(live=True)

    async def ServerReady(
        self, request: oip.ServerReadyRequest, call: Call
    ) -> oip.ServerReadyResponse:
        """Say whether the server can answer."""
        return oip.ServerReadyResponse(ready=await self._inference.is_serving())

    async def ServerMetadata(
        self, request: oip.ServerMetadataRequest, call: Call
    ) -> oip.ServerMetadataResponse:
        """Return the server's name and release."""
        return oip.ServerMetadataResponse(name="assay", version=self._version)

    async def ModelReady(
        self, request: oip.ModelReadyRequest, call: Call
    ) -> oip.ModelReadyResponse:
        """Say whether a version can be called."""
        ready = await call.run(
            self._inference.is_ready, call.organization_id, request.name, request.version
        )
        return oip.ModelReadyResponse(ready=ready)

    async def ModelMetadata(
        self, request: oip.ModelMetadataRequest, call: Call
    ) -> oip.ModelMetadataResponse:
        """Return the tensors of a version."""
        found = await self._inference.served(call.organization_id, request.name, request.version)
        versions = await call.run(self._inference.versions, call.organization_id, request.name)
        return convert.metadata(request, found, versions)

    async def ModelInfer(self, request: oip.ModelInferRequest, call: Call) -> bytes:
        """Return the predictions of rows, as an encoded response."""
        asked = convert.infer_request(request)
        found = await self._inference.infer(call.organization_id, asked)
        return convert.infer_response(request, found)
