"""Ground truth: datasets and their entries, created, read, listed, changed and deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.features.ground_truth.model import (
    ENTRY_ROWS,
    Entry,
    GroundTruthDataset,
    NewEntry,
    NewGroundTruthDataset,
)
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.features.imports.model import StagedRow
from assay.features.imports.service import ImportTarget
from assay.kernel.idempotency import CreateRequest, create_once
from assay.kernel.rpc.paging import Counted, counted, place_of
from assay.kernel.storage.store import Store
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import replace

SAMPLES = 10  # newest entries that are shown with a dataset
SAMPLES_BYTES = 256 * 1024  # JSON of these


@dataclass(frozen=True, kw_only=True)
class GroundTruthDatasetChange:
    """The fields to change; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    user_schema_id: str | None = None  # empty takes the schema away

    def __post_init__(self) -> None:
        # What is wrong for every dataset is refused before anything is said of this one.
        NewGroundTruthDataset(
            name="any" if self.name is None else self.name, description=self.description or ""
        )

    def apply(self, dataset: GroundTruthDataset) -> GroundTruthDataset:
        """Return `dataset` with the changes made."""
        changed = replace(
            dataset,
            name=dataset.name if self.name is None else self.name,
            description=dataset.description if self.description is None else self.description,
        )
        if self.user_schema_id is not None:
            changed = replace(changed, user_schema_id=self.user_schema_id or None)
        return changed


@dataclass(frozen=True, kw_only=True)
class SampledDataset:
    """A dataset and its newest entries."""

    dataset: GroundTruthDataset
    samples: tuple[Entry, ...]  # at most SAMPLES, fewer when they are large


class GroundTruthUseCases:
    """The ground truth of an organization."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self,
        organization_id: str,
        new: NewGroundTruthDataset,
        *,
        if_absent: bool = False,
        request_id: str | None = None,
    ) -> GroundTruthDataset:
        """Create a dataset, or return the one that the same request made before.

        With `if_absent` a dataset that has the name is returned as it is.

        Raises:
            AlreadyExists: a dataset has the name.
            NotFound: no such field schema.
            RequestIdReused: the request_id came before with another body.
        """
        body = replace(new, created_by="")
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                CreateRequest(method="CreateGroundTruthDataset", request_id=request_id, body=body),
                make=lambda: uow[GroundTruthDatasets].create(
                    organization_id, new, if_absent=if_absent
                ),
                again=lambda key: uow[GroundTruthDatasets].get(organization_id, key),
                key_of=lambda made: made.dataset_id,
            )

    def get(self, organization_id: str, dataset_id: str) -> GroundTruthDataset:
        """Return one dataset; raises NotFound."""
        with self._store.read() as uow:
            return uow[GroundTruthDatasets].get(organization_id, dataset_id)

    def sampled(self, organization_id: str, dataset_id: str) -> SampledDataset:
        """Return one dataset with its newest entries; raises NotFound."""
        with self._store.read() as uow:
            return SampledDataset(
                dataset=uow[GroundTruthDatasets].get(organization_id, dataset_id),
                samples=uow[Entries]
                .list(organization_id, dataset_id, limit=SAMPLES, max_bytes=SAMPLES_BYTES)
                .items,
            )

    def list(self, organization_id: str, limit: int, token: str) -> Counted[GroundTruthDataset]:
        """Return a page of datasets, newest first; raises BadPageToken."""
        scope = self._store.scope(f"ground_truth/{organization_id}")
        after = place_of(token, scope)
        with self._store.read() as uow:
            page = uow[GroundTruthDatasets].list(organization_id, limit=limit, after=after)
            total = uow[GroundTruthDatasets].count(organization_id)
        return counted(page, scope, total=total, limit=limit)

    def update(
        self, organization_id: str, dataset_id: str, change: GroundTruthDatasetChange
    ) -> GroundTruthDataset:
        """Change a dataset.

        Raises:
            NotFound: no such dataset or field schema.
            InvalidArgument: a value is not allowed.
            AlreadyExists: another dataset has the name.
        """
        with self._store.write() as uow:
            before = uow[GroundTruthDatasets].get(organization_id, dataset_id)
            dataset = change.apply(before)
            if dataset == before:
                return before
            return uow[GroundTruthDatasets].update(organization_id, dataset)

    def delete(self, organization_id: str, dataset_id: str) -> None:
        """Delete a dataset with its entries; raises NotFound."""
        with self._store.write() as uow:
            uow[GroundTruthDatasets].delete(organization_id, dataset_id)

    def add_entry(
        self,
        organization_id: str,
        dataset_id: str,
        new: NewEntry,
        *,
        request_id: str | None = None,
    ) -> Entry:
        """Add an entry, or return the one that the same request added before.

        Raises:
            NotFound: no such dataset.
            AlreadyExists: the dataset has an entry of the document.
            TooLarge: the dataset is full.
            RequestIdReused: the request_id came before with another body.
        """
        body = {"dataset_id": dataset_id, "entry": new}
        with self._store.write() as uow:
            return create_once(
                uow,
                organization_id,
                CreateRequest(method="CreateEntry", request_id=request_id, body=body),
                make=lambda: uow[Entries].add(organization_id, dataset_id, new),
                again=lambda key: uow[Entries].get(organization_id, dataset_id, key),
                key_of=lambda made: made.entry_id,
            )

    def get_entry(self, organization_id: str, dataset_id: str, entry_id: str) -> Entry:
        """Return one entry; raises NotFound."""
        with self._store.read() as uow:
            return uow[Entries].get(organization_id, dataset_id, entry_id)

    def list_entries(
        self, organization_id: str, dataset_id: str, limit: int, token: str, *, document_id: str
    ) -> Counted[Entry]:
        """Return a page of entries, newest first, of one document if it is given.

        Raises:
            NotFound: no such dataset.
            BadPageToken: the token is of another listing.
        """
        scope = self._store.scope(f"entries/{organization_id}/{dataset_id}/{document_id}")
        after = place_of(token, scope)
        with self._store.read() as uow:
            page = uow[Entries].list(
                organization_id,
                dataset_id,
                limit=limit,
                after=after,
                document_id=document_id or None,
            )
            total = (
                len(page.items)
                if document_id
                else uow[GroundTruthDatasets].get(organization_id, dataset_id).document_count
            )
        return counted(page, scope, total=total, limit=limit)

    def delete_entry(self, organization_id: str, dataset_id: str, entry_id: str) -> None:
        """Delete an entry; raises NotFound."""
        with self._store.write() as uow:
            uow[Entries].delete(organization_id, dataset_id, entry_id)


def _add(
    uow: UnitOfWork, organization_id: str, holder_id: str, rows: Sequence[StagedRow]
) -> tuple[int, ...]:
    documents = [
        NewEntry(document_id=row.document_id, expected=row.data, notes=row.more) for row in rows
    ]
    return uow[Entries].add_many(organization_id, holder_id, documents)


ENTRIES = ImportTarget(
    kind="entries",
    shape=ENTRY_ROWS,
    find=lambda uow, organization_id, key: uow[GroundTruthDatasets].get(organization_id, key),
    add=_add,
)
