"""Field schemas, ground truth and extraction runs: what benchmarks are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from google.protobuf import struct_pb2

from assay.client import quality_convert as convert
from assay.client import quality_types as types
from assay.client.importing import Rows, import_entries, import_extractions
from assay.client.json_text import json_text
from assay.client.transport import Transport
from assay.v1 import extraction_service_pb2, field_schema_service_pb2, ground_truth_service_pb2
from assay.v1.extraction_service_pb2_grpc import ExtractionServiceStub
from assay.v1.field_schema_service_pb2_grpc import FieldSchemaServiceStub
from assay.v1.ground_truth_service_pb2_grpc import GroundTruthServiceStub

PAGE = 500

Fields = Iterable[types.SchemaField | Mapping[str, Any]]


class Quality:
    """Schemas, ground truth and extractions; part of `Client`."""

    _transport: Transport
    _new_request_id: Callable[[], str]

    @property
    def _schemas(self) -> FieldSchemaServiceStub:
        return FieldSchemaServiceStub(self._transport.channel)

    @property
    def _truth(self) -> GroundTruthServiceStub:
        return GroundTruthServiceStub(self._transport.channel)

    @property
    def _extractions(self) -> ExtractionServiceStub:
        return ExtractionServiceStub(self._transport.channel)

    # --- field schemas

    def create_field_schema(
        self,
        name: str,
        fields: Fields,
        *,
        description: str = "",
        distinct_empties: Iterable[str] = (),
    ) -> types.FieldSchema:
        """Create a field schema.

        Args:
            name: a human name.
            fields: `SchemaField`s, or mappings such as {"name": "total", "type": "money"}.
            description: free text.
            distinct_empties: of missing, null and empty: those that are not the same absence.
        """
        request = field_schema_service_pb2.CreateFieldSchemaRequest(
            name=name,
            fields=convert.schema_fields(fields),
            description=description,
            distinct_empties=distinct_empties,
            request_id=self._new_request_id(),
        )
        return convert.field_schema(self._transport.call(self._schemas.CreateFieldSchema, request))

    def get_field_schema(self, user_schema_id: str) -> types.FieldSchema:
        """Return one field schema."""
        request = field_schema_service_pb2.GetFieldSchemaRequest(user_schema_id=user_schema_id)
        return convert.field_schema(self._transport.call(self._schemas.GetFieldSchema, request))

    def list_field_schemas(self) -> Iterator[types.FieldSchema]:
        """Yield all field schemas, newest first, reading page after page."""
        request = field_schema_service_pb2.ListFieldSchemasRequest(page_size=PAGE)
        while True:
            page = self._transport.call(self._schemas.ListFieldSchemas, request)
            yield from map(convert.field_schema, page.schemas)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def delete_field_schema(self, user_schema_id: str) -> None:
        """Delete a field schema that no dataset names."""
        request = field_schema_service_pb2.DeleteFieldSchemaRequest(user_schema_id=user_schema_id)
        self._transport.call(self._schemas.DeleteFieldSchema, request, again=False)

    # --- ground truth

    def create_dataset(
        self, name: str, *, description: str = "", user_schema_id: str = ""
    ) -> types.GroundTruthDataset:
        """Create an empty ground-truth dataset; without a schema its fields are inferred."""
        request = ground_truth_service_pb2.CreateGroundTruthDatasetRequest(
            name=name,
            description=description,
            user_schema_id=user_schema_id,
            request_id=self._new_request_id(),
        )
        return convert.dataset(self._transport.call(self._truth.CreateGroundTruthDataset, request))

    def get_dataset(self, dataset_id: str) -> types.GroundTruthDataset:
        """Return one dataset."""
        request = ground_truth_service_pb2.GetGroundTruthDatasetRequest(dataset_id=dataset_id)
        return convert.dataset(self._transport.call(self._truth.GetGroundTruthDataset, request))

    def list_datasets(self) -> Iterator[types.GroundTruthDataset]:
        """Yield all datasets, newest first, reading page after page."""
        request = ground_truth_service_pb2.ListGroundTruthDatasetsRequest(limit=PAGE)
        while True:
            page = self._transport.call(self._truth.ListGroundTruthDatasets, request)
            yield from map(convert.dataset, page.datasets)
            if not page.next_cursor:
                return
            request.cursor = page.next_cursor

    def set_dataset_schema(
        self, dataset_id: str, user_schema_id: str | None
    ) -> types.GroundTruthDataset:
        """Give a dataset another field schema; None has its fields inferred."""
        schema = (
            struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
            if user_schema_id is None
            else struct_pb2.Value(string_value=user_schema_id)
        )
        request = ground_truth_service_pb2.UpdateGroundTruthDatasetRequest(
            dataset_id=dataset_id, user_schema_id=schema
        )
        return convert.dataset(self._transport.call(self._truth.UpdateGroundTruthDataset, request))

    def dataset_schema(self, dataset_id: str) -> types.DatasetSchema:
        """Return the schema that a dataset names, or the one that its entries seem to have."""
        request = ground_truth_service_pb2.GetGroundTruthSchemaRequest(dataset_id=dataset_id)
        return convert.dataset_schema(
            self._transport.call(self._truth.GetGroundTruthSchema, request)
        )

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset with its entries; benchmarks keep what they were made with."""
        request = ground_truth_service_pb2.DeleteGroundTruthDatasetRequest(dataset_id=dataset_id)
        self._transport.call(self._truth.DeleteGroundTruthDataset, request, again=False)

    def add_entry(
        self,
        dataset_id: str,
        document_id: str,
        expected: Mapping[str, Any],
        *,
        notes: str | None = None,
    ) -> types.Entry:
        """Add one document to a dataset."""
        request = ground_truth_service_pb2.CreateEntryRequest(
            dataset_id=dataset_id,
            document_id=document_id,
            expected_json=json_text(expected),
            notes=notes,
            request_id=self._new_request_id(),
        )
        return convert.entry(self._transport.call(self._truth.CreateEntry, request))

    def list_entries(self, dataset_id: str, *, document_id: str = "") -> Iterator[types.Entry]:
        """Yield a dataset's entries, newest first; of one document where it is given."""
        request = ground_truth_service_pb2.ListEntriesRequest(
            dataset_id=dataset_id, limit=PAGE, document_id=document_id
        )
        while True:
            page = self._transport.call(self._truth.ListEntries, request)
            yield from map(convert.entry, page.entries)
            if not page.next_cursor:
                return
            request.cursor = page.next_cursor

    def delete_entry(self, dataset_id: str, entry_id: str) -> None:
        """Delete one entry."""
        request = ground_truth_service_pb2.DeleteEntryRequest(
            dataset_id=dataset_id, entry_id=entry_id
        )
        self._transport.call(self._truth.DeleteEntry, request, again=False)

    def import_ground_truth(self, dataset_id: str, rows: Rows) -> types.Imported:
        """Add documents to a dataset: all of them, or none where anything is wrong.

        Args:
            dataset_id: the dataset.
            rows: the path of a .csv or .jsonl file of any size, or an iterable of mappings with
                document_id, expected_data and maybe notes, or of tuples of these.

        Raises:
            BadInput: the rows cannot be sent.
            ServiceError: refused; the message names row and line.
        """
        return import_entries(self._transport, dataset_id, rows, self._new_request_id())

    # --- extraction runs

    def create_extraction_run(
        self, name: str, *, model: str = "", version: str = ""
    ) -> types.ExtractionRun:
        """Create an empty extraction run."""
        request = extraction_service_pb2.CreateExtractionRunRequest(
            name=name,
            model=model or None,
            version=version or None,
            request_id=self._new_request_id(),
        )
        return convert.extraction_run(
            self._transport.call(self._extractions.CreateExtractionRun, request)
        )

    def get_extraction_run(self, run_id: str) -> types.ExtractionRun:
        """Return one extraction run."""
        request = extraction_service_pb2.GetExtractionRunRequest(run_id=run_id)
        return convert.extraction_run(
            self._transport.call(self._extractions.GetExtractionRun, request)
        )

    def list_extraction_runs(self) -> Iterator[types.ExtractionRun]:
        """Yield all extraction runs, newest first, reading page after page."""
        request = extraction_service_pb2.ListExtractionRunsRequest(limit=PAGE)
        while True:
            page = self._transport.call(self._extractions.ListExtractionRuns, request)
            yield from map(convert.extraction_run, page.runs)
            if not page.next_cursor:
                return
            request.cursor = page.next_cursor

    def delete_extraction_run(self, run_id: str) -> None:
        """Delete a run with its extractions; benchmarks keep what they were made with."""
        request = extraction_service_pb2.DeleteExtractionRunRequest(run_id=run_id)
        self._transport.call(self._extractions.DeleteExtractionRun, request, again=False)

    def list_extractions(self, run_id: str, *, document_id: str = "") -> Iterator[types.Extraction]:
        """Yield a run's extractions, newest first; of one document where it is given."""
        request = extraction_service_pb2.ListExtractionsRequest(
            run_id=run_id, limit=PAGE, document_id=document_id
        )
        while True:
            page = self._transport.call(self._extractions.ListExtractions, request)
            yield from map(convert.extraction, page.extractions)
            if not page.next_cursor:
                return
            request.cursor = page.next_cursor

    def import_extractions(self, run_id: str, rows: Rows) -> types.Imported:
        """Add extractions to a run: all of them, or none where anything is wrong.

        Args:
            run_id: the run.
            rows: the path of a .csv or .jsonl file of any size, or an iterable of mappings with
                document_id, data and maybe confidence (place → 0 to 1), or of tuples of these.

        Raises:
            BadInput: the rows cannot be sent.
            ServiceError: refused; the message names row and line.
        """
        return import_extractions(self._transport, run_id, rows, self._new_request_id())
