"""Datasets: create, read, list, delete; their revisions and profiles."""

from __future__ import annotations

import asyncio

from assay.features.datasets.model import Dataset, DatasetRevision, NewDataset
from assay.features.datasets.profile import RevisionProfile, revision_profile
from assay.features.datasets.store import Datasets
from assay.kernel.errors import Unavailable
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.kernel import Compute
from assay.kernel.rpc.paging import Listing, cursor, listing, page_size
from assay.kernel.storage.blobs import BlobStore
from assay.kernel.storage.store import Store
from assay.kernel.threads import RunInThread
from assay.records import replace

PROFILE_SECONDS = 8.0  # within the gateway's time for a read, and that of a write beside a job


class DatasetUseCases:
    """The datasets of an organization."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self,
        organization_id: str,
        new: NewDataset,
        *,
        if_absent: bool = False,
        request_id: str | None = None,
    ) -> Dataset:
        """Create a dataset, or return the one that the same request made before.

        With `if_absent` a dataset that has the name and the task type is returned as it is.

        Raises:
            AlreadyExists: a dataset has the name.
            RequestIdReused: the request_id came before with another body.
        """
        body = replace(new, created_by="")
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                CreateRequest(method="CreateDataset", request_id=request_id, body=body),
                make=lambda: uow[Datasets].create(organization_id, new, if_absent=if_absent),
                again=lambda key: uow[Datasets].get(organization_id, key),
                key_of=lambda made: made.dataset_id,
            )

    def get(self, organization_id: str, key: str) -> Dataset:
        """Return the dataset of an id or a name; raises NotFound."""
        with self._store.read() as uow:
            return uow[Datasets].find(organization_id, key)

    def list(self, organization_id: str, size: int, token: str) -> Listing[Dataset]:
        """Return a page of datasets, newest first; raises InvalidArgument and BadPageToken."""
        scope = self._store.scope(f"datasets/{organization_id}")
        with self._store.read() as uow:
            page = uow[Datasets].list(
                organization_id, limit=page_size(size), after=cursor(token, scope)
            )
        return listing(page, scope, lambda one: one)

    def delete(self, organization_id: str, dataset_id: str, *, cascade: bool) -> None:
        """Delete a dataset, with `cascade` its revisions too.

        Raises:
            NotFound: no such dataset.
            ResourceInUse: it has rows that must stay, or a job of it has not ended.
        """
        with self._store.write() as uow:
            uow[Datasets].delete(organization_id, dataset_id, cascade=cascade)

    def revision(self, organization_id: str, key: str, number: int) -> DatasetRevision:
        """Return a revision, 0 being the newest; raises NotFound."""
        with self._store.read() as uow:
            dataset = uow[Datasets].find(organization_id, key)
            return uow[Datasets].revision(organization_id, dataset.dataset_id, number or None)

    def list_revisions(
        self, organization_id: str, key: str, size: int, token: str
    ) -> Listing[DatasetRevision]:
        """Return a page of revisions, newest first.

        Raises InvalidArgument, BadPageToken, and NotFound for an absent dataset.
        """
        with self._store.read() as uow:
            dataset_id = uow[Datasets].find(organization_id, key).dataset_id
            scope = self._store.scope(f"dataset_revisions/{organization_id}/{dataset_id}")
            page = uow[Datasets].list_revisions(
                organization_id, dataset_id, limit=page_size(size), after=cursor(token, scope)
            )
        return listing(page, scope, lambda one: one)


class DatasetProfiles:
    """Profiles of revisions, made when they are first asked for; async, as children make them."""

    def __init__(
        self, store: Store, blobs: BlobStore, *, compute: Compute, run_in_thread: RunInThread
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._compute = compute
        self._run_in_thread = run_in_thread
        self._making: dict[tuple[str, str, int], asyncio.Task[RevisionProfile]] = {}

    async def of(self, revision: DatasetRevision) -> RevisionProfile:
        """Return the profile of a revision.

        Raises Unavailable when it is not made within PROFILE_SECONDS; it is made nevertheless, and
        whoever asks later gets it.
        """
        here = (revision.organization_id, revision.dataset_id, revision.revision)
        making = self._making.get(here)
        if making is None:
            making = self._making[here] = asyncio.create_task(self._made(revision))
            making.add_done_callback(lambda _: self._making.pop(here, None))
        done, _ = await asyncio.wait({making}, timeout=PROFILE_SECONDS)
        if not done:
            raise Unavailable(
                f"The profile of revision {revision.revision} of the dataset "
                f"'{revision.dataset_id}' is still being made. Ask for it again in a moment.",
                metadata={"dataset_id": revision.dataset_id, "revision": revision.revision},
                retry_after=PROFILE_SECONDS,
            )
        return making.result()

    async def _made(self, revision: DatasetRevision) -> RevisionProfile:
        here = (revision.organization_id, revision.dataset_id, revision.revision)
        known = await self._run_in_thread(lambda: self._stored(*here))
        if known is not None:
            return known
        manifests = {name: split.manifest for name, split in revision.splits.items()}
        whose = ("dataset", revision.dataset_id)
        blobs = JobBlobs(self._blobs, revision.organization_id, whose=whose)
        profile = await self._compute.run(revision_profile, manifests, blobs)
        await self._run_in_thread(lambda: self._keep(*here, profile))
        return profile

    def _stored(self, organization_id: str, dataset_id: str, number: int) -> RevisionProfile | None:
        with self._store.read() as uow:
            return uow[Datasets].profile(organization_id, dataset_id, number)

    def _keep(
        self, organization_id: str, dataset_id: str, number: int, profile: RevisionProfile
    ) -> None:
        with self._store.write() as uow:
            uow[Datasets].put_profile(organization_id, dataset_id, number, profile)
