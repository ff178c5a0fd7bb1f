"""Ground truth as typed messages."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf import struct_pb2

from assay.features.field_schemas import convert as field_schemas
from assay.features.ground_truth.model import Entry, GroundTruthDataset, NewEntry
from assay.features.ground_truth.schema_service import DatasetSchema
from assay.features.ground_truth.service import GroundTruthDatasetChange
from assay.features.imports import documents
from assay.features.imports.document_files import TypedRow
from assay.kernel.errors import InvalidArgument
from assay.kernel.rpc import values
from assay.kernel.rpc.messages import message_of, value_of
from assay.kernel.rpc.require import missing_fields
from assay.v1 import (
    field_schema_pb2,
    ground_truth_pb2,
    ground_truth_service_pb2,
)


def change(
    request: ground_truth_service_pb2.UpdateGroundTruthDatasetRequest,
) -> GroundTruthDatasetChange:
    """Return what the request changes; a null takes the schema away, nothing leaves it."""
    schema_id: str | None = None
    if request.HasField("user_schema_id"):
        sent = request.user_schema_id
        if sent.WhichOneof("kind") not in {"null_value", "string_value"}:
            raise InvalidArgument.of("user_schema_id", "a schema's id or null is allowed")
        schema_id = sent.string_value
    return value_of(GroundTruthDatasetChange, request, user_schema_id=schema_id)


def dataset(stored: GroundTruthDataset) -> ground_truth_pb2.GroundTruthDataset:
    """Return a dataset as a message."""
    return message_of(ground_truth_pb2.GroundTruthDataset, stored, values.instant)


def dataset_schema(
    found: DatasetSchema,
) -> ground_truth_service_pb2.GetGroundTruthSchemaResponse:
    """Return the schema of a dataset, named or inferred."""
    named = found.user_schema
    schema: field_schema_pb2.FieldSchema = (
        field_schemas.definition(found.definition) if named is None else field_schemas.schema(named)
    )
    return ground_truth_service_pb2.GetGroundTruthSchemaResponse(
        schema=schema,
        inferred=named is None,
        documents=found.documents,
        reasons=found.reasons,
    )


def new_entry(request: ground_truth_service_pb2.CreateEntryRequest) -> NewEntry:
    """Return the entry that was sent, as text or as an object; BadDocument."""
    if not request.WhichOneof("expected"):
        raise missing_fields(["expected_data"])
    return NewEntry(
        document_id=request.document_id,
        expected=(
            _text_from_struct("expected_data", request.expected_data)
            if request.HasField("expected_data")
            else _text_from_json("expected_json", request.expected_json)
        ),
        notes=request.notes if request.HasField("notes") else None,
    )


def _text_from_json(field: str, text: str) -> str:
    """Return the canonical text of the JSON object that a gRPC caller sent; BadDocument."""
    return documents.text_of(field, documents.parse(field, text))


def _text_from_struct(field: str, message: struct_pb2.Struct) -> str:
    """Return the canonical text of the object that a REST caller sent; BadDocument.

    A Struct's numbers are doubles: a whole one below 2**53 is written without a point, any
    other with the fewest digits that mean it.
    """
    sent = {key: values.plain(one) for key, one in message.fields.items()}
    return documents.text_of(field, documents.check(field, sent))


def entry(stored: Entry) -> ground_truth_pb2.Entry:
    """Return an entry as a message."""
    return message_of(ground_truth_pb2.Entry, stored, values.instant, expected_json=stored.expected)


def rows(message: ground_truth_service_pb2.ImportEntriesRequest) -> Sequence[TypedRow]:
    """Return the documents of one message of an import."""
    return [
        TypedRow(
            document_id=one.document_id,
            data=one.expected_json,
            more=one.notes if one.HasField("notes") else None,
        )
        for one in message.entries
    ]
