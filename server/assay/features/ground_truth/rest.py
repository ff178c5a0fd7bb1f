"""REST views of ground truth: datasets, their samples and schemas, and entries."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from assay.features.field_schemas.convert import FieldJson
from assay.features.ground_truth.api import GroundTruthCalls
from assay.features.ground_truth.model import Entry, GroundTruthDataset
from assay.features.ground_truth.schema_service import DatasetSchema
from assay.features.ground_truth.service import SampledDataset
from assay.kernel.rpc import rest
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.handler import page_handler, view_handler
from assay.kernel.rpc.rest import Body, Count, Instant, JsonObject
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


def dataset(stored: GroundTruthDataset) -> DatasetView:
    """Return the view of a dataset."""
    return DatasetView(**_shown(stored))


def sampled(found: SampledDataset) -> SampledDatasetView:
    """Return the view of a dataset with its samples."""
    samples = tuple(entry(one) for one in found.samples)
    return SampledDatasetView(**_shown(found.dataset), samples=samples)


def _shown(stored: GroundTruthDataset) -> dict[str, Any]:
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


class GroundTruthRestService(GroundTruthCalls):
    """Datasets and entries of the caller's organization."""

    CreateGroundTruthDataset = view_handler(GroundTruthCalls.created, dataset)
    ListGroundTruthDatasets = page_handler(GroundTruthCalls.listed, dataset)
    UpdateGroundTruthDataset = view_handler(GroundTruthCalls.changed, dataset)
    CreateEntry = view_handler(GroundTruthCalls.entry_added, entry)
    GetEntry = view_handler(GroundTruthCalls.entry, entry)
    ListEntries = page_handler(GroundTruthCalls.entries, entry)

    async def GetGroundTruthDataset(
        self, request: pb.GetGroundTruthDatasetRequest, call: Call
    ) -> Body[SampledDatasetView]:
        """Return one dataset with samples."""
        return await call.run_in_thread(
            lambda: rest.body(
                sampled(self._truth.sampled(call.organization_id, request.dataset_id))
            )
        )

    async def GetGroundTruthSchema(
        self, request: pb.GetGroundTruthSchemaRequest, call: Call
    ) -> Body[DatasetSchemaView]:
        """Return the schema that a dataset names, or the inferred one."""
        found = await self._schemas.of(call.organization_id, request.dataset_id)
        return await call.run_in_thread(lambda: rest.body(schema(found)))
