"""The demo's chapter of ground truth and extractions: every route of them, by curl alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.demo.curl import Answer, Curl

TRUTH = "/v1/quality/ground-truth"
BENCHMARKS = "/v1/quality/benchmarks"
SCHEMAS = "/v1/quality/schemas"
RUNS = "/v1/quality/extractions"
LINES = "application/x-ndjson"

FIELDS = [
    {"name": "vendor", "type": "object", "fields": [{"name": "name", "type": "text"}]},
    {"name": "total", "type": "money", "locale": "de_DE"},
]
CSV = 'document_id,vendor.name,total,notes\ninv-1,Müller GmbH,"1.234,50",\ninv-1,twice,1,\n,nobody,2,\n'
ENTRY = {"document_id": "inv-2", "expected_data": {"vendor": {"name": "Acme"}, "total": 99.5}}


def ground_truth(
    curl: Curl,
    folder: Path,
    status: Callable[[Answer, int], None],
    that: Callable[[bool, str], None],
) -> None:
    """Make, change, read and delete a field schema, a dataset, its entries and a run."""
    created = curl(SCHEMAS, method="POST", body={"name": "Invoice", "fields": FIELDS})
    status(created, 201)
    schema = created.json["id"]
    status(curl(f"{SCHEMAS}/{schema}", method="PATCH", body={"description": "German"}), 200)
    status(curl(TRUTH, method="POST", body={"name": "Throw-away"}), 201)
    made = curl(TRUTH, method="POST", body={"name": "Invoices"})
    status(made, 201)
    dataset = f"{TRUTH}/{made.json['id']}"
    entry = _entries(curl, folder, dataset, status, that)
    inferred = curl(f"{dataset}/schema")
    that(inferred.json["inferred"], "a dataset without a schema shows no inferred one")
    status(curl(dataset, method="PATCH", body={"user_schema_id": schema}), 200)
    run = _extractions(curl, folder, status)
    for path in (SCHEMAS, f"{SCHEMAS}/{schema}", TRUTH, dataset, f"{dataset}/schema", entry, RUNS):
        status(curl(path), 200)
    benchmark = curl(BENCHMARKS, method="POST", body={"dataset_id": made.json["id"]}).json
    path = str(benchmark["links"]["self"])
    status(curl(f"{path}:watch.ndjson"), 200)
    status(curl(path, method="DELETE"), 200)
    status(curl(f"{SCHEMAS}/{schema}", method="DELETE"), 422)
    for path in (entry, run, dataset, f"{SCHEMAS}/{schema}"):
        status(curl(path, method="DELETE"), 200)


def _entries(
    curl: Curl,
    folder: Path,
    dataset: str,
    status: Callable[[Answer, int], None],
    that: Callable[[bool, str], None],
) -> str:
    """Bring entries in, each way; return the path of one."""
    status(curl(f"{dataset}/entries", method="POST", body=ENTRY), 201)
    table = _file(folder / "truth.csv", CSV)
    imported = curl(f"{dataset}/entries/import-csv", method="POST", file=table)
    status(imported, 200)
    that((imported.json["imported"], imported.json["skipped"]) == (1, 2), "two rows are skipped")
    lines = _file(folder / "truth.jsonl", _lines({**ENTRY, "document_id": "inv-3"}, ENTRY))
    path = f"{dataset}/entries/import-jsonl"
    status(curl(path, method="POST", file=lines, content_type=LINES), 200)
    listed = curl(f"{dataset}/entries?limit=2")
    that(listed.json["pagination"]["total"] == 3, "three documents were brought in")
    path = str(listed.json["data"][0]["links"]["self"])
    status(curl(path), 200)
    return path


def _extractions(curl: Curl, folder: Path, status: Callable[[Answer, int], None]) -> str:
    """Bring a run in; return its path."""
    made = curl(RUNS, method="POST", body={"name": "Nightly", "model": "reader", "version": "7"})
    status(made, 201)
    run = f"{RUNS}/{made.json['id']}"
    read = {"document_id": "inv-1", "data": {"total": 1234.5}, "confidence": {"total": 0.9}}
    lines = _file(folder / "run.jsonl", _lines(read))
    path = f"{run}/documents/import-jsonl"
    status(curl(path, method="POST", file=lines, content_type=LINES), 200)
    table = _file(folder / "run.csv", "document_id,total,confidence:total\ninv-2,99.50,0.7\n")
    status(curl(f"{run}/documents/import-csv", method="POST", file=table), 200)
    status(curl(run), 200)
    listed = curl(f"{run}/documents")
    status(listed, 200)
    status(curl(listed.json["data"][0]["links"]["self"]), 200)
    return run


def _file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)
