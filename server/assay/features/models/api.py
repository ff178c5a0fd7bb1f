"""ModelService and VersionService."""

from __future__ import annotations

from google.protobuf import empty_pb2

from assay.features.models import convert
from assay.features.models.service import ModelUseCases
from assay.features.models.versions_service import VersionUseCases
from assay.features.remote.convert import remote_credentials
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import message_of, page_of
from assay.v1 import model_pb2, model_service_pb2, version_pb2, version_service_pb2


class ModelService:
    """Models of the caller's organization."""

    def __init__(self, models: ModelUseCases) -> None:
        self._models = models

    async def CreateModel(
        self, request: model_service_pb2.CreateModelRequest, call: Call
    ) -> model_pb2.Model:
        """Create a model."""
        known = await call.run(
            self._models.create,
            call.organization_id,
            convert.new_model(request, call.caller.subject),
            if_absent=request.if_absent,
            request_id=call.idempotency_key(request.request_id),
        )
        return convert.model(known)

    async def GetModel(
        self, request: model_service_pb2.GetModelRequest, call: Call
    ) -> model_pb2.Model:
        """Return one model."""
        known = await call.run(self._models.get, call.organization_id, request.model_id)
        return convert.model(known)

    async def ListModels(
        self, request: model_service_pb2.ListModelsRequest, call: Call
    ) -> model_service_pb2.ListModelsResponse:
        """Return a page of models."""
        page = await call.run(
            self._models.list,
            call.organization_id,
            request.page_size,
            request.page_token,
            project_path=request.project_path or None,
        )
        return page_of(model_service_pb2.ListModelsResponse, page, convert.model)

    async def UpdateModel(
        self, request: model_service_pb2.UpdateModelRequest, call: Call
    ) -> model_pb2.Model:
        """Change the fields that are sent."""
        known = await call.run(
            self._models.update,
            call.organization_id,
            request.model_id,
            convert.model_change(request),
        )
        return convert.model(known)

    async def DeleteModel(
        self, request: model_service_pb2.DeleteModelRequest, call: Call
    ) -> empty_pb2.Empty:
        """Delete a model with all that belongs to it."""
        await call.run(self._models.delete, call.organization_id, request.model_id)
        return empty_pb2.Empty()


class VersionService:
    """Versions of a model."""

    def __init__(self, versions: VersionUseCases) -> None:
        self._versions = versions

    async def CreateVersion(
        self, request: version_service_pb2.CreateVersionRequest, call: Call
    ) -> version_pb2.Version:
        """Create a version."""
        version = await call.run(
            self._versions.create,
            call.organization_id,
            request.model_id,
            convert.new_version(request, call.caller.subject),
            credentials=remote_credentials(request.remote),
            if_absent=request.if_absent,
            request_id=call.idempotency_key(request.request_id),
        )
        return convert.version(version)

    async def ListVersions(
        self, request: version_service_pb2.ListVersionsRequest, call: Call
    ) -> version_service_pb2.ListVersionsResponse:
        """Return a page of versions."""
        page = await call.run(
            self._versions.list,
            call.organization_id,
            request.model_id,
            request.page_size,
            request.page_token,
        )
        return page_of(version_service_pb2.ListVersionsResponse, page, convert.version)

    async def GetVersion(
        self, request: version_service_pb2.GetVersionRequest, call: Call
    ) -> version_pb2.Version:
        """Return one version."""
        version = await call.run(
            self._versions.get, call.organization_id, request.model_id, request.version_id
        )
        return convert.version(version)

    async def DeleteVersion(
        self, request: version_service_pb2.DeleteVersionRequest, call: Call
    ) -> empty_pb2.Empty:
        """Delete a version."""
        await call.run(
            self._versions.delete,
            call.organization_id,
            request.model_id,
            request.version_id,
            cascade=request.cascade,
        )
        return empty_pb2.Empty()

    async def PromoteVersion(
        self, request: version_service_pb2.PromoteVersionRequest, call: Call
    ) -> version_service_pb2.PromoteVersionResponse:
        """Make a version the one that is served."""
        version = await call.run(
            self._versions.promote,
            call.organization_id,
            request.model_id,
            request.version_id,
            promoted_by=call.caller.subject,
        )
        return message_of(version_service_pb2.PromoteVersionResponse, version)
