"""Ground truth: datasets of documents whose fields are known."""

from __future__ import annotations

from datetime import datetime

from assay.features.imports.document_files import RowFormat
from assay.kernel.text import MAX_NAME, MAX_TEXT, check_document_id, check_text
from assay.records import Record


class NewGroundTruthDataset(Record):
    """What a caller gives to make a dataset; wrong values are refused by name."""

    name: str  # 1 to 200 characters, unique in the organization
    description: str = ""  # at most 4 000 characters
    user_schema_id: str | None = None  # the schema of its fields; None: inferred from entries
    created_by: str = ""  # subject of the caller

    def __post_init__(self) -> None:
        check_dataset_fields(self)


class GroundTruthDataset(Record):
    """A ground-truth dataset as it is stored."""

    organization_id: str  # the organization that owns it
    dataset_id: str  # a UUID
    name: str  # what people call it
    description: str  # free text, may be empty
    user_schema_id: str | None  # the schema of its fields; None: inferred from entries
    document_count: int  # its entries
    created_at: datetime  # when it was made
    updated_at: datetime  # when it, or an entry of it, was last changed
    created_by: str  # subject of the caller that made it


class NewEntry(Record):
    """What is known of one document."""

    document_id: str  # 1 to 500 characters, unique in the dataset
    expected: str  # canonical JSON object: the value of each field
    notes: str | None = None  # free text of at most 4 000 characters; None: has none

    def __post_init__(self) -> None:
        check_document_id("document_id", self.document_id)
        if self.notes is not None:
            check_text("notes", self.notes, 0, MAX_TEXT)


class Entry(Record):
    """An entry of a dataset as it is stored."""

    organization_id: str  # the organization that owns it
    dataset_id: str  # the dataset that it is in
    entry_id: str  # a UUID
    document_id: str  # unique in the dataset
    expected: str  # canonical JSON object: the value of each field
    notes: str | None  # free text; None: has none
    created_at: datetime  # those of one import are a microsecond apart, in the file's order


def check_dataset_fields(dataset: NewGroundTruthDataset | GroundTruthDataset) -> None:
    """Raise InvalidArgument that names the first field of `dataset` with a wrong value."""
    check_text("name", dataset.name, 1, MAX_NAME)
    check_text("description", dataset.description, 0, MAX_TEXT)


def _check_row(document_id: str, data: str, more: str | None) -> None:
    NewEntry(document_id=document_id, expected=data, notes=more)


ENTRY_ROWS = RowFormat(data="expected_data", more="notes", check=_check_row)
