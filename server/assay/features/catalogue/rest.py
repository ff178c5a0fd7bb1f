"""The catalogue over REST."""

from __future__ import annotations

import asyncio
from typing import Any

from assay.features.catalogue import convert
from assay.features.catalogue import rest_views as views
from assay.features.catalogue.engines_service import EngineReader
from assay.features.catalogue.service import CatalogueReader, CatalogueVersion, VersionChange
from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.numbered_pages import (
    MAX_PER_PAGE,
    add_links,
    check_query,
    requested_page,
)
from assay.kernel.rpc.rest import Body
from assay.v1 import catalogue_service_pb2 as pb


class EngineRestService:
    """Engines of the caller's organization."""

    def __init__(self, engines: EngineReader) -> None:
        self._engines = engines

    async def ListEngines(
        self, _request: pb.ListEnginesRequest, call: Call
    ) -> Body[tuple[views.EngineView, ...]]:
        """Return the engines of each version."""
        found = await call.run(self._engines.list, call.organization_id)
        return rest.body(tuple(map(views.engine, found)))

    async def ListEngineModels(
        self, _request: pb.ListEnginesRequest, call: Call
    ) -> Body[tuple[views.EngineModelView, ...]]:
        """Return the models whose versions have engines."""
        found = await call.run(self._engines.list, call.organization_id)
        return rest.body(views.engine_models(found))

    async def GetProcessingEngines(
        self, _request: pb.GetProcessingEnginesRequest, call: Call
    ) -> Body[views.EnginesSumView]:
        """Return how many engines are kept."""
        total = await call.run(self._engines.minimum_sum, call.organization_id)
        return rest.body(views.EnginesSumView(minimum_processing_engines_sum=total))


class CatalogueRestService:
    """Models and versions for those who run them."""

    def __init__(self, catalogue: CatalogueReader) -> None:
        self._catalogue = catalogue

    async def ListCatalogueModels(
        self, request: pb.ListCatalogueModelsRequest, call: Call
    ) -> Body[tuple[views.ListedModelView, ...]]:
        """Return a page of models."""
        found = await self._search(request, call)
        return rest.body(tuple(map(views.listed_model, found)))

    async def ListLatestModels(
        self, request: pb.ListCatalogueModelsRequest, call: Call
    ) -> Body[tuple[views.ModelView, ...]]:
        """Return a page of models in full."""
        return rest.body(tuple(map(views.model, await self._search(request, call))))

    async def _search(self, request: pb.ListCatalogueModelsRequest, call: Call) -> list[Any]:
        check_query(call)
        page = requested_page(request)
        found, has_more = await call.run(
            self._catalogue.search, call.organization_id, convert.model_query(request), page
        )
        add_links(call, page, has_more=has_more)
        return found

    async def GetCatalogueModel(
        self, request: pb.GetCatalogueModelRequest, call: Call
    ) -> Body[views.ModelView]:
        """Return one model."""
        found = await call.run(self._catalogue.get, call.organization_id, request.model_id)
        return rest.body(views.model(found))

    async def ListCatalogueVersions(
        self, request: pb.ListCatalogueVersionsRequest, call: Call
    ) -> Body[tuple[views.VersionNameView, ...]]:
        """Return a page of versions."""
        check_query(call)
        page = requested_page(request, default=MAX_PER_PAGE)
        found = await call.run(self._catalogue.get, call.organization_id, request.model_id)
        shown = found.versions[page.offset : page.offset + page.size]
        add_links(call, page, has_more=page.offset + page.size < len(found.versions))
        return rest.body(tuple(views.VersionNameView(version=one.shown) for one in shown))

    async def GetCatalogueVersion(
        self, request: pb.GetCatalogueVersionRequest, call: Call
    ) -> Body[views.VersionView]:
        """Return one version."""
        return await self._version(await self._find(request, call), call)

    async def UpdateCatalogueVersion(
        self, request: pb.UpdateCatalogueVersionRequest, call: Call
    ) -> Body[views.VersionView]:
        """Change a version."""
        return await self._version(
            await self._change(request, convert.version_change(request), call), call
        )

    async def UpdateProcessing(
        self, request: pb.UpdateProcessingRequest, call: Call
    ) -> Body[views.VersionView]:
        """Change how many engines a version has."""
        return await self._version(
            await self._change(request, convert.processing_change(request), call), call
        )

    async def GetSampleInput(self, request: pb.GetSampleRequest, call: Call) -> Body[Any]:
        """Return an example of a job."""
        return await self._sample_input(await self._find(request, call), call)

    async def GetSampleOutput(self, request: pb.GetSampleRequest, call: Call) -> Body[Any]:
        """Return an example of results."""
        return await self._sample_output(await self._find(request, call), call)

    async def PutSampleInput(self, request: pb.PutSampleRequest, call: Call) -> Body[Any]:
        """Set the example of a job."""
        change = convert.sample("sample_input", request.sample)
        return await self._sample_input(await self._change(request, change, call), call)

    async def PutSampleOutput(self, request: pb.PutSampleRequest, call: Call) -> Body[Any]:
        """Set the example of results."""
        change = convert.sample("sample_output", request.sample)
        return await self._sample_output(await self._change(request, change, call), call)

    async def ListRelatedModels(
        self, request: pb.GetCatalogueModelRequest, call: Call
    ) -> Body[tuple[views.ModelView, ...]]:
        """Return the models that share a tag with one."""
        found = await call.run(self._catalogue.related, call.organization_id, request.model_id)
        return rest.body(tuple(map(views.model, found)))

    async def ListTags(
        self, _request: pb.ListTagsRequest, call: Call
    ) -> Body[tuple[views.TagView, ...]]:
        """Return all tags."""
        found = await call.run(self._catalogue.tags, call.organization_id)
        return rest.body(tuple(map(views.tag, found)))

    async def GetTaggedModels(
        self, request: pb.GetTaggedModelsRequest, call: Call
    ) -> Body[views.TaggedModelsView]:
        """Return some tags and the models that have one of them."""
        tags, models = await call.run(
            self._catalogue.tagged, call.organization_id, convert.tag_list(request.tags)
        )
        return rest.body(views.tagged_models(tags, models))

    async def ListAccountRequirements(
        self, _request: pb.ListAccountRequirementsRequest, _call: Call
    ) -> Body[tuple[views.RequirementView, ...]]:
        """Return what an engine may use."""
        return rest.body((views.requirement(),))

    async def _find(
        self, request: pb.GetCatalogueVersionRequest | pb.GetSampleRequest, call: Call
    ) -> CatalogueVersion:
        return await call.run(
            self._catalogue.version, call.organization_id, request.model_id, request.version
        )

    async def _change(self, request: Any, change: VersionChange, call: Call) -> CatalogueVersion:
        return await call.run(
            self._catalogue.change, call.organization_id, request.model_id, request.version, change
        )

    async def _version(self, found: CatalogueVersion, call: Call) -> Body[views.VersionView]:
        org = call.organization_id
        samples = await asyncio.gather(
            self._catalogue.sample_input(org, found), self._catalogue.sample_output(org, found)
        )
        return rest.body(views.version(found, *samples))

    async def _sample_input(self, found: CatalogueVersion, call: Call) -> Body[Any]:
        text = await self._catalogue.sample_input(call.organization_id, found)
        return rest.body(views.sample(text))

    async def _sample_output(self, found: CatalogueVersion, call: Call) -> Body[Any]:
        text = await self._catalogue.sample_output(call.organization_id, found)
        return rest.body(views.sample(text))
