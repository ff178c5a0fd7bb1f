"""REST views of ground truth: datasets, their samples and schemas, and entries."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from assay.features.field_schemas.convert import FieldJson
from assay.features.ground_truth import convert
from assay.features.ground_truth.model import Dataset, Entry, NewDataset
from assay.features.ground_truth.schema_service import DatasetSchema, DatasetSchemas
from assay.features.ground_truth.service import GroundTruthUseCases, SampledDataset
from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import value_of
from assay.kernel.rpc.paging import requested_limit
from assay.kernel.rpc.rest import Body, Count, Instant, JsonObject, ViewPage
from assay.kernel.rpc.values import millis
from assay.records import Record
from assay.v1 import ground_truth_service_pb2 as pb

PATH = "/v1/quality/ground-truth"


class DatasetLinks(Record):
    """The links of a dataset."""

    self: str  # The path of this dataset.
    entries: str  # The path of its entries.
    schema: str  # The path of its field schema.


class DatasetView(Record):
    """A ground-truth dataset."""

    id: str  # A UUID.
    name: str  # A human name.
    description: str  # Free text.
    # The field schema of its documents; null: inferred from the entries.
    user_schema_id: str | None
    document_count: Count  # How many entries it has.
    created_at: Instant  # When the dataset was created, with milliseconds.
    # When the dataset or an entry of it was last changed, with milliseconds.
    updated_at: Instant
    links: DatasetLinks  # Where to go from here.


class EntryLinks(Record):
    """The links of an entry."""

    self: str  # The path of this entry.
    dataset: str  # The path of its dataset.


class EntryView(Record):
    """One document of a dataset."""

    id: str  # A UUID.
    document_id: str  # The document, unique in the dataset.
    expected_data: JsonObject  # The value of each field, every number with its digits.
    notes: str | None  # Free text; null: there is none.
    created_at: Instant  # When the entry was added, with milliseconds.
    links: EntryLinks  # Where to go from here.


class SampledDatasetView(DatasetView):
    """A ground-truth dataset with samples."""

    # The newest entries, at most 10, fewer when they are large.
    samples: tuple[EntryView, ...]


class DatasetSchemaView(Record):
    """The field schema by which a dataset's documents are compared."""

    user_schema_id: str | None  # The schema that the dataset names; null: inferred.
    # True when the dataset names no schema. To edit it, create a schema from it and set the
    # dataset's user_schema_id.
    inferred: bool
    documents: Count  # Entries that it was inferred from: at most 10 000, the first by document_id.
    fields: tuple[FieldJson, ...]  # The fields, in their order.
    # Those of missing, null and empty that are not the same absence of a value.
    distinct_empties: tuple[str, ...]
    schema_hash: str  # SHA-256 of the canonical JSON of fields and distinct_empties.
    reasons: dict[str, str]  # Why each field of an inferred schema has its type, by its path.


class GroundTruthRestService:
    """Datasets and entries of the caller's organization."""

    def __init__(self, truth: GroundTruthUseCases, schemas: DatasetSchemas) -> None:
        self._truth = truth
        self._schemas = schemas

    async def CreateGroundTruthDataset(
        self, request: pb.CreateGroundTruthDatasetRequest, call: Call
    ) -> Body[DatasetView]:
        """Create an empty dataset."""
        made = await call.run_in_thread(
            lambda: self._truth.create(
                call.organization_id,
                value_of(NewDataset, request, created_by=call.caller.subject),
                request_id=call.idempotency_key(request.request_id),
            )
        )
        return rest.body(dataset(made))

    async def GetGroundTruthDataset(
        self, request: pb.GetGroundTruthDatasetRequest, call: Call
    ) -> Body[SampledDatasetView]:
        """Return one dataset with samples."""
        return await call.run_in_thread(
            lambda: rest.body(
                sampled(self._truth.sampled(call.organization_id, request.dataset_id))
            )
        )

    async def ListGroundTruthDatasets(
        self, request: pb.ListGroundTruthDatasetsRequest, call: Call
    ) -> Body[ViewPage[DatasetView]]:
        """Return a page of datasets."""
        page = await call.run(
            self._truth.list, call.organization_id, requested_limit(request), request.cursor
        )
        return rest.body(rest.page(page, dataset))

    async def UpdateGroundTruthDataset(
        self, request: pb.UpdateGroundTruthDatasetRequest, call: Call
    ) -> Body[DatasetView]:
        """Change what is sent."""
        found = await call.run(
            self._truth.update, call.organization_id, request.dataset_id, convert.change(request)
        )
        return rest.body(dataset(found))

    async def GetGroundTruthSchema(
        self, request: pb.GetGroundTruthSchemaRequest, call: Call
    ) -> Body[DatasetSchemaView]:
        """Return the schema that a dataset names, or the inferred one."""
        found = await self._schemas.of(call.organization_id, request.dataset_id)
        return await call.run_in_thread(lambda: rest.body(schema(found)))

    async def CreateEntry(self, request: pb.CreateEntryRequest, call: Call) -> Body[EntryView]:
        """Add one entry."""
        return await call.run_in_thread(
            lambda: rest.body(
                entry(
                    self._truth.add_entry(
                        call.organization_id,
                        request.dataset_id,
                        convert.new_entry(request),
                        request_id=call.idempotency_key(request.request_id),
                    )
                )
            )
        )

    async def GetEntry(self, request: pb.GetEntryRequest, call: Call) -> Body[EntryView]:
        """Return one entry."""
        found = await call.run(
            self._truth.get_entry, call.organization_id, request.dataset_id, request.entry_id
        )
        return rest.body(entry(found))

    async def ListEntries(
        self, request: pb.ListEntriesRequest, call: Call
    ) -> Body[ViewPage[EntryView]]:
        """Return a page of entries."""
        return await call.run_in_thread(
            lambda: rest.body(
                rest.page(
                    self._truth.list_entries(
                        call.organization_id,
                        request.dataset_id,
                        requested_limit(request),
                        request.cursor,
                        document_id=request.document_id,
                    ),
                    entry,
                )
            )
        )


def dataset(stored: Dataset) -> DatasetView:
    """Return the view of a dataset."""
    return DatasetView(**_shown(stored))


def sampled(found: SampledDataset) -> SampledDatasetView:
    """Return the view of a dataset with its samples."""
    samples = tuple(entry(one) for one in found.samples)
    return SampledDatasetView(**_shown(found.dataset), samples=samples)


def _shown(stored: Dataset) -> dict[str, Any]:
    path = f"{PATH}/{stored.dataset_id}"
    return {
        "id": stored.dataset_id,
        "name": stored.name,
        "description": stored.description,
        "user_schema_id": stored.user_schema_id,
        "document_count": stored.document_count,
        "created_at": millis(stored.created_at),
        "updated_at": millis(stored.updated_at),
        "links": DatasetLinks(self=path, entries=f"{path}/entries", schema=f"{path}/schema"),
    }


def schema(found: DatasetSchema) -> DatasetSchemaView:
    """Return the view of a dataset's schema, named or inferred."""
    named = found.user_schema
    return DatasetSchemaView(
        user_schema_id=None if named is None else named.user_schema_id,
        inferred=named is None,
        documents=found.documents,
        fields=tuple(found.definition.to_mapping()["fields"]),
        distinct_empties=tuple(found.definition.distinct_empties),
        schema_hash=found.definition.hash,
        reasons=dict(found.reasons),
    )


def entry(stored: Entry) -> EntryView:
    """Return the view of an entry."""
    path = f"{PATH}/{stored.dataset_id}"
    return EntryView(
        id=stored.entry_id,
        document_id=stored.document_id,
        expected_data=Raw(stored.expected),
        notes=stored.notes,
        created_at=millis(stored.created_at),
        links=EntryLinks(self=f"{path}/entries/{stored.entry_id}", dataset=path),
    )
