"""DatasetService: rows in, splits, revisions and profiles out."""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.protobuf import empty_pb2

from assay.features.datasets import convert
from assay.features.datasets.service import DatasetProfiles, DatasetUseCases
from assay.features.datasets.splits_service import ChangedSplits, SplitUseCases
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import page_of
from assay.kernel.rpc.uploads import file_parts, first_of
from assay.v1 import dataset_pb2, dataset_service_pb2


class DatasetService:
    """Datasets of the caller's organization."""

    def __init__(
        self, datasets: DatasetUseCases, splits: SplitUseCases, profiles: DatasetProfiles
    ) -> None:
        self._datasets = datasets
        self._splits = splits
        self._profiles = profiles

    async def CreateDataset(
        self, request: dataset_service_pb2.CreateDatasetRequest, call: Call
    ) -> dataset_pb2.Dataset:
        """Create a dataset."""
        made = await call.run(
            self._datasets.create,
            call.organization_id,
            convert.new_dataset(request, call.caller.subject),
            if_absent=request.if_absent,
            request_id=call.idempotency_key(request.request_id),
        )
        return convert.dataset(made)

    async def GetDataset(
        self, request: dataset_service_pb2.GetDatasetRequest, call: Call
    ) -> dataset_pb2.Dataset:
        """Return one dataset."""
        found = await call.run(self._datasets.get, call.organization_id, request.dataset_id)
        return convert.dataset(found)

    async def ListDatasets(
        self, request: dataset_service_pb2.ListDatasetsRequest, call: Call
    ) -> dataset_service_pb2.ListDatasetsResponse:
        """Return a page of datasets."""
        page = await call.run(
            self._datasets.list, call.organization_id, request.page_size, request.page_token
        )
        return page_of(dataset_service_pb2.ListDatasetsResponse, page, convert.dataset)

    async def DeleteDataset(
        self, request: dataset_service_pb2.DeleteDatasetRequest, call: Call
    ) -> empty_pb2.Empty:
        """Delete a dataset."""
        await call.run(
            self._datasets.delete,
            call.organization_id,
            request.dataset_id,
            cascade=request.cascade,
        )
        return empty_pb2.Empty()

    async def UploadSplit(
        self, requests: AsyncIterator[dataset_service_pb2.UploadSplitRequest], call: Call
    ) -> dataset_pb2.SplitChange:
        """Store a file as a split."""
        first = await first_of(requests)
        changed = await self._splits.upload(
            call.organization_id,
            first.dataset_id,
            first.split,
            content_type=first.file.content_type or call.metadata.get("content-type", ""),
            pieces=file_parts(first, requests, "dataset_id"),
            request_id=call.idempotency_key(first.request_id),
            created_by=call.caller.subject,
            wait=not first.no_wait,
        )
        return _told(changed, call)

    async def MakeSplits(
        self, request: dataset_service_pb2.MakeSplitsRequest, call: Call
    ) -> dataset_pb2.SplitChange:
        """Make splits from one."""
        request_id = call.idempotency_key(request.request_id)
        asked = convert.partition(request, request_id, call.caller.subject)
        return _told(await self._splits.make(call.organization_id, asked), call)

    async def ListDatasetRevisions(
        self, request: dataset_service_pb2.ListDatasetRevisionsRequest, call: Call
    ) -> dataset_service_pb2.ListDatasetRevisionsResponse:
        """Return a page of a dataset's revisions."""
        page = await call.run(
            self._datasets.list_revisions,
            call.organization_id,
            request.dataset_id,
            request.page_size,
            request.page_token,
        )
        return page_of(dataset_service_pb2.ListDatasetRevisionsResponse, page, convert.revision)

    async def GetDatasetRevision(
        self, request: dataset_service_pb2.GetDatasetRevisionRequest, call: Call
    ) -> dataset_pb2.DatasetRevision:
        """Return one revision."""
        found = await call.run(
            self._datasets.revision, call.organization_id, request.dataset_id, request.revision
        )
        return convert.revision(found)

    async def GetDatasetProfile(
        self, request: dataset_service_pb2.GetDatasetProfileRequest, call: Call
    ) -> dataset_pb2.DatasetProfile:
        """Return the profile of a revision."""
        revision = await call.run(
            self._datasets.revision, call.organization_id, request.dataset_id, request.revision
        )
        profile = await self._profiles.of(revision)
        return await call.build(lambda: convert.profile(revision, profile), is_large=True)


def _told(changed: ChangedSplits, call: Call) -> dataset_pb2.SplitChange:
    """Return what came of a job; of one that goes on a REST caller learns where to look."""
    if not changed.is_terminal:
        call.respond(202, location=f"/api/v1/jobs/{changed.job.job_id}")
    return convert.change(changed)
