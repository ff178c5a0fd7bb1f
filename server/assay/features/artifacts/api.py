"""OnnxService."""

from __future__ import annotations

from collections.abc import AsyncIterator

from assay.features.artifacts import convert
from assay.features.artifacts.service import OnnxUseCases
from assay.features.models.convert import version
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.uploads import file_parts, first_of
from assay.v1 import onnx_service_pb2 as pb
from assay.v1 import version_pb2


class OnnxService:
    """Versions of the caller's models that are ONNX files."""

    def __init__(self, files: OnnxUseCases) -> None:
        self._files = files

    async def UploadOnnxVersion(
        self, requests: AsyncIterator[pb.UploadOnnxVersionRequest], call: Call
    ) -> version_pb2.Version:
        """Store a file as a version."""
        first = await first_of(requests)
        asked = convert.upload(first, call)
        pieces = file_parts(first, requests, "model_id")
        found = await self._files.upload(call.organization_id, asked, pieces)
        if not found.is_checked:
            call.respond(202, location=f"/api/v1/jobs/{found.job.job_id}")
        return version(found.version)
