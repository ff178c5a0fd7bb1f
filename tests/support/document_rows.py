"""Shorthand for the rows of extraction quality that tests of the stores need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from assay.features.extraction_runs.model import ExtractionRun, NewExtraction, NewExtractionRun
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.field_schemas.model import NewUserSchema, UserSchema
from assay.features.field_schemas.store import UserSchemas
from assay.features.ground_truth.model import GroundTruthDataset, NewEntry, NewGroundTruthDataset
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.kernel.cursor import Cursor, Page
from assay.kernel.storage.unit_of_work import UnitOfWork
from assay.records import replace
from tests.support.store_rows import ORG

T = TypeVar("T")

NEW_SCHEMA = NewUserSchema(name="invoice", definition=b'{"fields":[]}')
NEW_DATASET = NewGroundTruthDataset(name="invoices")
NEW_RUN = NewExtractionRun(name="nightly")


def add_schema(uow: UnitOfWork, organization_id: str = ORG, **changes: Any) -> UserSchema:
    return uow[UserSchemas].create(organization_id, replace(NEW_SCHEMA, **changes))


def add_dataset(uow: UnitOfWork, organization_id: str = ORG, **changes: Any) -> GroundTruthDataset:
    new = replace(NEW_DATASET, **{"name": f"invoices {uow.ids.new_uuid()}", **changes})
    return uow[GroundTruthDatasets].create(organization_id, new)


def entry(document_id: str, expected: str = '{"k":"v"}') -> NewEntry:
    return NewEntry(document_id=document_id, expected=expected)


def add_entries(uow: UnitOfWork, dataset_id: str, *document_ids: str) -> None:
    assert uow[Entries].add_many(ORG, dataset_id, [entry(one) for one in document_ids]) == ()


def extraction(document_id: str, data: str = '{"k":"v"}') -> NewExtraction:
    return NewExtraction(document_id=document_id, data=data, confidence='{"k":0.5}')


def add_extractions(uow: UnitOfWork, *document_ids: str, data: str = '{"k":"v"}') -> ExtractionRun:
    """Make a run with an extraction of each document."""
    run = uow[ExtractionRuns].create(ORG, NEW_RUN)
    new = [extraction(one, data) for one in document_ids]
    assert uow[Extractions].add_many(ORG, run.run_id, new) == ()
    return run


def walk(page: Callable[[Cursor | None], Page[T]]) -> list[T]:
    """Return the items of all pages; `page` returns the one after a cursor."""
    seen: list[T] = []
    after: Cursor | None = None
    while True:
        found = page(after)
        seen += found.items
        after = found.next
        if after is None:
            return seen
