"""Between the messages of `assay.v1` about documents and the client's values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from assay.client import quality_types as types
from assay.client.convert import optional_text, time, time_or_none
from assay.client.errors import BadInput
from assay.client.json_text import json_text
from assay.v1 import extraction_pb2, field_schema_pb2, ground_truth_pb2, ground_truth_service_pb2

_PREFIX = "FIELD_TYPE_"
_TYPES = {
    name.removeprefix(_PREFIX).lower(): number
    for name, number in field_schema_pb2.FieldType.items()
    if number
}


def schema_fields(
    given: Iterable[types.SchemaField | Mapping[str, Any]],
) -> list[field_schema_pb2.SchemaField]:
    """Return fields as messages; raises BadInput."""
    return [_sent_field(one) for one in given]


def _sent_field(given: types.SchemaField | Mapping[str, Any]) -> field_schema_pb2.SchemaField:
    one = given if isinstance(given, types.SchemaField) else types.SchemaField.from_mapping(given)
    if one.type not in _TYPES:
        raise BadInput(f"field '{one.name}': type is one of {', '.join(_TYPES)}, not '{one.type}'.")
    return field_schema_pb2.SchemaField(
        name=one.name,
        type=_TYPES[one.type],
        description=one.description,
        fuzzy=one.fuzzy or None,
        threshold=one.threshold,
        locale=one.locale,
        date_formats=one.date_formats,
        day_first=one.day_first,
        values=one.values,
        item=None if one.item is None else _sent_field(one.item),
        fields=schema_fields(one.fields),
        default_json=None if one.default is None else json_text(one.default),
    )


def field_schema(message: field_schema_pb2.FieldSchema) -> types.FieldSchema:
    """Return a field schema."""
    return types.FieldSchema(
        user_schema_id=message.user_schema_id or None,
        name=message.name,
        description=message.description,
        fields=tuple(map(_field, message.fields)),
        distinct_empties=tuple(message.distinct_empties),
        schema_hash=message.schema_hash,
        created_at=time_or_none(message, "created_at"),
        updated_at=time_or_none(message, "updated_at"),
    )


def _field(message: field_schema_pb2.SchemaField) -> types.SchemaField:
    return types.SchemaField(
        name=message.name,
        type=field_schema_pb2.FieldType.Name(message.type).removeprefix(_PREFIX).lower(),
        description=message.description,
        fuzzy=message.fuzzy,
        threshold=message.threshold if message.HasField("threshold") else None,
        locale=optional_text(message, "locale"),
        date_formats=tuple(message.date_formats),
        day_first=message.day_first if message.HasField("day_first") else None,
        values=tuple(message.values),
        item=_field(message.item) if message.HasField("item") else None,
        fields=tuple(map(_field, message.fields)),
        default=types.values_of(message.default_json) if message.HasField("default_json") else None,
    )


def dataset_schema(
    message: ground_truth_service_pb2.GetGroundTruthSchemaResponse,
) -> types.DatasetSchema:
    """Return the schema of a dataset."""
    return types.DatasetSchema(
        schema=field_schema(message.schema),
        inferred=message.inferred,
        documents=message.documents,
    )


def dataset(message: ground_truth_pb2.GroundTruthDataset) -> types.GroundTruthDataset:
    """Return a dataset."""
    return types.GroundTruthDataset(
        dataset_id=message.dataset_id,
        name=message.name,
        description=message.description,
        user_schema_id=optional_text(message, "user_schema_id"),
        document_count=message.document_count,
        created_at=time(message.created_at),
        updated_at=time(message.updated_at),
    )


def entry(message: ground_truth_pb2.Entry) -> types.Entry:
    """Return an entry."""
    return types.Entry(
        entry_id=message.entry_id,
        dataset_id=message.dataset_id,
        document_id=message.document_id,
        expected_json=message.expected_json,
        notes=optional_text(message, "notes"),
        created_at=time(message.created_at),
    )


def extraction_run(message: extraction_pb2.ExtractionRun) -> types.ExtractionRun:
    """Return an extraction run."""
    return types.ExtractionRun(
        run_id=message.run_id,
        name=message.name,
        model=optional_text(message, "model"),
        version=optional_text(message, "version"),
        document_count=message.document_count,
        created_at=time(message.created_at),
    )


def extraction(message: extraction_pb2.Extraction) -> types.Extraction:
    """Return an extraction."""
    return types.Extraction(
        extraction_id=message.extraction_id,
        run_id=message.run_id,
        document_id=message.document_id,
        data_json=message.data_json,
        confidence=dict(message.confidence),
        created_at=time(message.created_at),
    )


def imported(message: ground_truth_pb2.ImportResponse) -> types.Imported:
    """Return what an import did."""
    return types.Imported(
        imported=message.imported,
        skipped=message.skipped,
        skipped_rows=tuple(
            types.SkippedRow(row=one.row, document_id=one.document_id, reason=one.reason)
            for one in message.skipped_rows
        ),
    )
