"""Ground truth and extractions put into the store, and benchmarks of them run to their end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from assay.extraction.schema import FieldSchema
from assay.features.extraction_runs.model import NewExtraction, NewExtractionRun, Pair
from assay.features.extraction_runs.store import ExtractionRuns, Extractions
from assay.features.field_schemas.model import NewUserSchema
from assay.features.field_schemas.store import UserSchemas
from assay.features.ground_truth.model import NewEntry, NewGroundTruthDataset
from assay.features.ground_truth.store import Entries, GroundTruthDatasets
from assay.kernel.storage.store import Store
from tests.support.rpc_service import Caller, Running, message


def add_dataset(rpc: Running, me: Caller, pairs: Sequence[Pair], **fields: Any) -> str:
    """Store the ground truth of documents; return the dataset's id."""
    return put_dataset(rpc.backend.store, me.organization, pairs, **fields)


def put_dataset(store: Store, organization_id: str, pairs: Sequence[Pair], **fields: Any) -> str:
    """Store the ground truth of documents in an organization; return the dataset's id."""
    with store.write() as uow:
        new = NewGroundTruthDataset(name=f"invoices {uow.ids.new_uuid()}", **fields)
        dataset_id = uow[GroundTruthDatasets].create(organization_id, new).dataset_id
        entries = [NewEntry(document_id=one.document_id, expected=one.expected) for one in pairs]
        uow[Entries].add_many(organization_id, dataset_id, entries)
    return dataset_id


def add_run(rpc: Running, me: Caller, pairs: Sequence[Pair]) -> str:
    """Store the extractions of documents; return the run's id."""
    return put_run(rpc.backend.store, me.organization, pairs)


def put_run(store: Store, organization_id: str, pairs: Sequence[Pair]) -> str:
    """Store the extractions of documents in an organization; return the run's id."""
    with store.write() as uow:
        run_id = uow[ExtractionRuns].create(organization_id, NewExtractionRun(name="r")).run_id
        found = [
            NewExtraction(document_id=one.document_id, data=one.data, confidence=one.confidence)
            for one in pairs
            if one.data is not None
        ]
        uow[Extractions].add_many(organization_id, run_id, found)
    return run_id


def add_schema(rpc: Running, me: Caller, schema: FieldSchema) -> str:
    """Store a field schema; return its id."""
    with rpc.backend.store.write() as uow:
        new = NewUserSchema(name="invoice", definition=schema.encoded())
        return uow[UserSchemas].create(me.organization, new).user_schema_id


def finished(me: Caller, benchmark_id: str) -> Any:
    """Watch a benchmark to its end; return what GetBenchmark then tells."""
    me.raw("WatchBenchmark", message("WatchBenchmark", benchmark_id=benchmark_id))
    return me("GetBenchmark", benchmark_id=benchmark_id)


def measured(me: Caller, dataset_id: str, **fields: Any) -> Any:
    """Run a benchmark to its end; return what GetBenchmark then tells."""
    made = me("CreateBenchmark", dataset_id=dataset_id, **fields)
    return finished(me, made.benchmark_id)


def three_fields(wrong: dict[str, int], documents: int = 50) -> list[Pair]:
    """Return documents of three fields; the first `wrong[field]` have that field wrong.

    The numbers of document 003: 49, 45 and 46 of 50 right are 140 of 150.
    """
    pairs = []
    for number in range(documents):
        expected = {
            "vendor_name": f"Vendor {number}",
            "total_amount": f"{number}.00",
            "invoice_number": f"INV-{number:04d}",
        }
        found = {
            name: "another" if number < wrong.get(name, 0) else value
            for name, value in expected.items()
        }
        pairs.append(
            Pair(
                entry_id="", document_id=f"doc-{number:03d}", expected=json.dumps(expected),
                extraction_id="x", run_id="r", data=json.dumps(found), confidence=None,
            )
        )  # fmt: skip  # one value
    return pairs


DOCUMENT_003 = {"vendor_name": 1, "total_amount": 5, "invoice_number": 4}
