"""Field schemas, ground truth and extraction runs, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from assay.client.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class SchemaField:
    """One field of a document; options that its type does not have are refused.

    Attributes:
        name: unique among its neighbours.
        type: text, number, money, date, boolean, enum, code, list, table or object.
        description: free text.
        fuzzy: of text: right when its similarity (ANLS) reaches the threshold.
        threshold: of fuzzy text; None is 0.5.
        locale: of number, money and date: an id such as de_DE.
        date_formats: of date: patterns such as dd.MM.yyyy, tried in their order.
        day_first: of date: whether 3/4/2024 is the third of April.
        values: of enum.
        item: of list: what an item is.
        fields: of table: the columns; of object: its fields.
        default: what an absent value stands for: a text, a number or a boolean.
    """

    name: str
    type: str
    description: str = ""
    fuzzy: bool = False
    threshold: float | None = None
    locale: str | None = None
    date_formats: tuple[str, ...] = ()
    day_first: bool | None = None
    values: tuple[str, ...] = ()
    item: SchemaField | None = None
    fields: tuple[SchemaField, ...] = ()
    default: str | int | float | bool | Decimal | None = None

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> SchemaField:
        """Return the field that JSON describes, such as {"name": "total", "type": "money"}.

        Raises:
            BadInput: a key is not known, or a value has the wrong shape.
        """
        known = {one.name for one in fields(cls)}
        if not isinstance(data, Mapping):
            raise BadInput(f"A field is an object with {', '.join(sorted(known))}, not {data!r}.")
        unknown = sorted(set(data) - known)
        if unknown:
            raise BadInput(
                f"'{unknown[0]}' is no part of a field; there are {', '.join(sorted(known))}."
            )
        given = {name: value for name, value in data.items() if value is not None}
        for name in ("date_formats", "values"):
            if name in given:
                given[name] = tuple(map(str, _list_of(name, given[name])))
        if "item" in given:
            given["item"] = cls.from_mapping({"name": "item", **given["item"]})
        if "fields" in given:
            given["fields"] = tuple(map(cls.from_mapping, _list_of("fields", given["fields"])))
        return cls(**{"name": "", "type": "", **given})

    def to_mapping(self) -> dict[str, Any]:
        """Return what `from_mapping` reads; options that say nothing are left out."""
        out: dict[str, Any] = {"name": self.name, "type": self.type}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in out or value == one.default:
                continue
            if isinstance(value, SchemaField):
                value = value.to_mapping()
            elif one.name == "fields":
                value = [inner.to_mapping() for inner in value]
            out[one.name] = list(value) if isinstance(value, tuple) else value
        return out


def _list_of(name: str, value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise BadInput(f"{name} is a list, not {value!r}.")
    return list(value)


@dataclass(frozen=True, kw_only=True)
class FieldSchema:
    """Which fields documents have, and how each is compared."""

    user_schema_id: str | None  # None for one that was inferred and is not stored
    name: str
    description: str
    fields: tuple[SchemaField, ...]
    distinct_empties: tuple[str, ...]  # of missing, null and empty: those that do not collapse
    schema_hash: str
    created_at: datetime | None  # None for one that was inferred
    updated_at: datetime | None

    def to_mapping(self) -> dict[str, Any]:
        """Return the schema as JSON values: what can be shown, edited and sent again."""
        out: dict[str, Any] = {"fields": [one.to_mapping() for one in self.fields]}
        if self.distinct_empties:
            out["distinct_empties"] = list(self.distinct_empties)
        return out


@dataclass(frozen=True, kw_only=True)
class DatasetSchema:
    """The schema by which a dataset's documents are compared."""

    schema: FieldSchema
    inferred: bool
    documents: int  # entries that it was inferred from


@dataclass(frozen=True, kw_only=True)
class GroundTruthDataset:
    """Documents whose fields are known."""

    dataset_id: str
    name: str
    description: str
    user_schema_id: str | None  # None: the fields are inferred from the entries
    document_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One document with what is known of it."""

    entry_id: str
    dataset_id: str
    document_id: str
    expected_json: str  # canonical, every number with the digits that were sent
    notes: str | None
    created_at: datetime

    @property
    def expected(self) -> dict[str, Any]:
        """The value of each field; fractions are Decimals."""
        return dict(values_of(self.expected_json))


@dataclass(frozen=True, kw_only=True)
class ExtractionRun:
    """What a model read from documents, at one time."""

    run_id: str
    name: str
    model: str | None
    version: str | None
    document_count: int
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """What was read from one document."""

    extraction_id: str
    run_id: str
    document_id: str
    data_json: str  # canonical, every number with the digits that were sent
    confidence: Mapping[str, float]  # 0 to 1, by place: total, vendor.name, items[0].amount
    created_at: datetime

    @property
    def data(self) -> dict[str, Any]:
        """The value of each field; fractions are Decimals."""
        return dict(values_of(self.data_json))


@dataclass(frozen=True, kw_only=True)
class SkippedRow:
    """One row that an import left out."""

    row: int  # from 0
    document_id: str  # "" when it has none
    reason: str  # no_document_id, duplicate_in_upload or already_stored


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import did; where anything is wrong, it raises and nothing is stored."""

    imported: int
    skipped: int
    skipped_rows: tuple[SkippedRow, ...] = field(default=())  # the first 100


def values_of(text: str) -> Any:
    """Return the JSON values of a text, with fractions as Decimals."""
    return json.loads(text, parse_float=Decimal)
