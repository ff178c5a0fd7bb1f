"""Benchmarks of versions from the shell, by the Python client and over REST."""

from __future__ import annotations

import re
import shlex
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from assay.client import BadInput, Client, FailedPrecondition
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import open_store
from assay.learning.rows import TaskType
from tests.support.trained_versions import put_version
from tests.support.training_rows import OrganizationBlobs, Rows, invoices, put_dataset

ORG = "default"
ROOT = Path(__file__).parents[2]
TRUTH, PATH, DOCUMENTS = "printed-invoices", "team/Invoices", "invoice-pages"
[COMMAND] = re.findall(
    r"^assay (bench run .*--model.*)$", (ROOT / "docs/extraction.md").read_text(), re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A model of extractions with a version, pages that it can read, and their ground truth."""

    model_id: str
    documents: str  # the name of their dataset
    dataset_id: str


@pytest.fixture(scope="module")
def reader(service) -> Reader:
    """Those of the printed invoices."""
    blobs = open_blobs(service.data_dir / "blobs")
    pages = invoices()["test"]
    with closing(open_store(sqlite_url(service.data_dir))) as store:
        rows = Rows(TaskType.EXTRACTION, {"test": pages}, OrganizationBlobs(blobs, ORG))
        with store.write() as uow:
            put_dataset(uow, ORG, DOCUMENTS, rows)
        version = put_version(
            store, blobs, ORG, TaskType.EXTRACTION, label="2.1", project_path=PATH
        )
    truths = [
        {
            "document_id": row["row_id"],
            "expected_data": {"iban": _first(row, "iban"), "bic": "wrong"},
        }
        for row in pages.select(["row_id", "words", "labels"]).to_pylist()
    ]
    with Client(service.grpc, api_key=service.key) as client:
        dataset_id = client.ground_truth.create(TRUTH).dataset_id
        client.ground_truth.import_entries(dataset_id, truths)
    return Reader(model_id=version.model_id, documents=DOCUMENTS, dataset_id=dataset_id)


def _first(row: dict[str, Any], field: str) -> str | None:
    words = [
        word for word, label in zip(row["words"], row["labels"], strict=True) if label == field
    ]
    return " ".join(words) or None


def test_one_command_measures_a_version(assay, client, reader):
    """The command of docs/extraction.md predicts, leaves a run, and is judged by what is required."""
    done = assay(*shlex.split(COMMAND), "--name", "by version")
    assert done.returncode == 0, done.stderr
    assert "pass  iban>=0.8" in done.stdout
    assert "the version extracts" in done.stderr
    [run] = [one for one in client.extraction_runs.list() if one.name == "by version"]
    assert (run.version, run.document_count) == ("2.1", 20)
    absent = assay("bench", "run", TRUTH, "--model", PATH, "--documents", "no pages")
    assert absent.returncode == 2
    assert "no pages" in absent.stderr


def test_python_and_rest_measure_the_same(service, client, reader):
    """A benchmark by either has the numbers of one of the run that the version leaves."""
    by_client = client.benchmarks.run(
        reader.dataset_id, model_id=reader.model_id, documents=reader.documents, split="test"
    ).benchmark
    again = client.benchmarks.run(reader.dataset_id, run_id=by_client.run_id).benchmark
    headers = {"authorization": f"Bearer {service.key}"}
    body = {
        "dataset_id": reader.dataset_id,
        "model_id": reader.model_id,
        "documents": reader.documents,
    }
    with httpx.Client(base_url=service.rest, headers=headers, trust_env=False) as rest:
        made = rest.post("/v1/quality/benchmarks", json=body)
        assert made.status_code == 201, made.text
        client.benchmarks.follow(made.json()["id"])
        shown = rest.get(made.json()["links"]["self"]).json()
        refused = rest.post("/v1/quality/benchmarks", json=body | {"split": "train"})
    assert (refused.status_code, "split train" in refused.text) == (422, True)
    assert shown["status"] == "completed"
    assert 0.4 < shown["accuracy_overall"] < 0.6
    assert shown["accuracy_overall"] == by_client.accuracy_overall == again.accuracy_overall
    assert shown["run_id"] != by_client.run_id
    assert shown["accuracy_by_field"] == dict(again.accuracy_by_field)


def test_extractions_come_from_one_place(assay, client, reader):
    """Rows and a model, or a run and a model, are refused before anything is sent."""
    with pytest.raises(BadInput, match="`extractions` or `model_id`, not both"):
        client.benchmarks.run(reader.dataset_id, [("d", {})], model_id=reader.model_id)
    with pytest.raises(FailedPrecondition, match="no rows in its split train"):
        client.benchmarks.run(
            reader.dataset_id, model_id=reader.model_id, documents=reader.documents, split="train"
        )
