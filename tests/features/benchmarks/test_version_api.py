"""Benchmarks of versions over gRPC, on the whole service: run, read, refused, canceled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from assay.features.extraction_runs.model import Pair
from assay.learning.rows import TaskType, canonical_schema
from tests.support.benchmark_rows import add_dataset, finished, measured
from tests.support.oip_server import OipServer
from tests.support.rpc_service import Caller, Running
from tests.support.training_project import project

ROWS = {
    "row_id": ["d3", "d1", "d2"],
    "words": [["Sum", "seven"], ["Total", "12.50", "EUR"], ["666"]],
    "labels": [["O", "total"], ["O", "total", "O"], ["total"]],
}
TEXT_INPUTS = [{"name": "t", "datatype": "BYTES", "content": "text"}]
TRUTHS = {"d1": "12.5", "d2": "600", "d3": "7"}


@pytest.fixture(scope="module")
def server():
    """A server that labels words with a digit as the total."""
    with OipServer() as running:
        yield running


@dataclass(frozen=True, kw_only=True)
class Mine:
    """A version that is served elsewhere, documents that it can read, and their truth."""

    caller: Caller
    model_id: str
    version_id: str
    documents: str
    dataset_id: str

    def sent(self, **changes: Any) -> dict[str, Any]:
        """Return what a benchmark is created with."""
        given = {
            "dataset_id": self.dataset_id,
            "model_id": self.model_id,
            "documents": self.documents,
        }
        return given | changes

    def runs(self) -> list[Any]:
        """Return the extraction runs that there are."""
        return list(self.caller("ListExtractionRuns").runs)


def remote(server: OipServer, name: str = "words") -> dict[str, Any]:
    """What is sent as `remote`."""
    return {
        "endpoint": server.endpoint,
        "protocol": "oip-v2-grpc",
        "model_name": name,
        "inputs": [{"name": "w", "datatype": "BYTES", "content": "words"}],
        "output": "scores",
        "labels": ["O", "total"],
    }


@pytest.fixture
def mine(rpc: Running, me: Caller, server: OipServer) -> Mine:
    """Those of a new organization."""
    table = pa.table(ROWS, schema=canonical_schema(TaskType.EXTRACTION))
    made = project(rpc, me, {"train": table.slice(0, 1), "test": table}, TaskType.EXTRACTION)
    version = me("CreateVersion", model_id=made.model_id, label="2.1", remote=remote(server))
    truths = [
        Pair(entry_id="", document_id=one, expected=json.dumps({"total": total}))
        for one, total in TRUTHS.items()
    ]
    return Mine(
        caller=me,
        model_id=made.model_id,
        version_id=version.version_id,
        documents=made.dataset_id,
        dataset_id=add_dataset(rpc, me, truths),
    )


def test_a_version_is_measured_and_its_extractions_are_a_run(mine: Mine):
    """Its numbers are those of a benchmark of the run that it leaves, which is read as any other."""
    found = measured(mine.caller, **mine.sent(name="nightly", version="2.1"))
    assert found.benchmark.status == "completed", found.benchmark.error
    assert (found.benchmark.documents_processed, found.benchmark.documents_total) == (3, 3)
    assert found.benchmark.accuracy_overall == 1 / 3
    assert not found.benchmark.HasField("unmatched")
    [run] = mine.runs()
    assert (run.run_id, run.name) == (found.benchmark.run_id, "nightly")
    assert (run.model, run.version, run.document_count) == ("Languages", "2.1", 3)
    read = mine.caller("ListExtractions", run_id=run.run_id).extractions
    assert {one.document_id: json.loads(one.data_json) for one in read} == {
        "d1": {"total": "12.50"}, "d2": {"total": "666"}, "d3": {},
    }  # fmt: skip  # a table
    assert read[0].confidence or read[1].confidence
    again = measured(mine.caller, dataset_id=mine.dataset_id, run_id=run.run_id)
    assert again.benchmark.accuracy_overall == found.benchmark.accuracy_overall
    assert again.spec == found.spec
    key = {"run_a": found.benchmark.benchmark_id, "run_b": again.benchmark.benchmark_id}
    assert mine.caller("CompareBenchmarks", **key).differences.overall.delta == 0
    page = mine.caller("ListBenchmarkResults", benchmark_id=found.benchmark.benchmark_id).results
    assert [(one.document_id, one.right) for one in page] == [("d1", 1), ("d2", 0), ("d3", 0)]


def test_a_version_that_is_not_named_is_the_promoted_one(mine: Mine, server: OipServer):
    """Without a version the promoted one reads, of the split that is named."""
    key = {"model_id": mine.model_id}
    newer = mine.caller("CreateVersion", **key, label="2.2", remote=remote(server, "strange"))
    assert newer.status == "ready"
    mine.caller("PromoteVersion", **key, version_id=mine.version_id)
    found = measured(mine.caller, **mine.sent(split="train"))
    assert found.benchmark.status == "completed", found.benchmark.error
    told = found.benchmark.unmatched
    assert (told.extractions, told.entries, list(told.entry_document_ids)) == (0, 2, ["d1", "d2"])
    assert mine.runs()[0].version == "2.1"


def test_a_benchmark_that_fails_leaves_no_run(mine: Mine, server: OipServer):
    """Where the version cannot read a document the job says why, and the part of a run is gone."""
    bad = remote(server, "strange")
    mine.caller("CreateVersion", model_id=mine.model_id, label="3.0", remote=bad)
    found = measured(mine.caller, **mine.sent(version="3.0")).benchmark
    assert found.status == "failed"
    assert "the label 'maybe'" in found.error.message
    assert found.error.metadata["row_id"] == "d3"
    assert mine.runs() == []


def test_a_canceled_benchmark_leaves_no_run(mine: Mine, server: OipServer):
    """A benchmark that is canceled while it waits for an endpoint takes its run with it."""
    mine.caller("CreateVersion", model_id=mine.model_id, label="4.0", remote=remote(server, "hang"))
    made = mine.caller("CreateBenchmark", **mine.sent(version="4.0"))
    assert [one.run_id for one in mine.runs()] == [made.run_id]
    mine.caller("CancelBenchmark", benchmark_id=made.benchmark_id)
    assert finished(mine.caller, made.benchmark_id).benchmark.status == "failed"
    assert mine.runs() == []


def test_a_run_that_is_deleted_meanwhile_stays_deleted(mine: Mine, server: OipServer):
    """The benchmark goes on without it, as its documents are its own, and completes."""
    slow = remote(server, "away") | {"labels": ["O", "yes", "no"]}
    mine.caller("CreateVersion", model_id=mine.model_id, label="5.0", remote=slow)
    server.failures = 1  # the first call is refused, and made again after a while
    made = mine.caller("CreateBenchmark", **mine.sent(version="5.0"))
    mine.caller("DeleteExtractionRun", run_id=made.run_id)
    found = finished(mine.caller, made.benchmark_id)
    assert found.benchmark.status == "completed", found.benchmark.error
    assert found.measures.extracted_documents == 3
    assert found.benchmark.run_id == made.run_id
    assert mine.runs() == []


def test_a_repeat_makes_neither_a_benchmark_nor_a_run(mine: Mine):
    """The same request_id returns the first benchmark, and with another version it is refused."""
    first = mine.caller("CreateBenchmark", **mine.sent(request_id="once"))
    again = mine.caller("CreateBenchmark", **mine.sent(request_id="once"))
    assert (again.benchmark_id, again.run_id) == (first.benchmark_id, first.run_id)
    refused = mine.caller.refused("CreateBenchmark", **mine.sent(request_id="once", version="2.1"))
    assert refused.told[1] == "REQUEST_ID_REUSED"
    assert len(mine.runs()) == 1


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"run_id": "r"}, "INVALID_ARGUMENT", "send one"),
        ({"model_id": ""}, "INVALID_ARGUMENT", "without model_id"),
        ({"documents": ""}, "INVALID_ARGUMENT", "name the dataset whose rows"),
        ({"split": "tset"}, "INVALID_ARGUMENT", "did you mean 'test'"),
        ({"split": "validation"}, "FAILED_PRECONDITION", "no rows in its split validation"),
        ({"model_id": "mdl-0"}, "NOT_FOUND", "mdl-0"),
        ({"version": "9.9"}, "NOT_FOUND", "9.9"),
        ({"documents": "dst-0"}, "NOT_FOUND", "dst-0"),
        ({"dataset_id": "none"}, "NOT_FOUND", "none"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_run_is_refused(mine: Mine, changes: dict[str, str], code: str, words: str):
    """What is wrong is said before anything is queued, and no run is made."""
    refused = mine.caller.refused("CreateBenchmark", **mine.sent(**changes))
    assert refused.code == code
    assert words in refused.message
    assert mine.runs() == []


def test_versions_that_extract_nothing_are_refused(mine: Mine, server: OipServer):
    """One without an artifact, one of another task type, and rows of one."""
    bare = mine.caller("CreateVersion", model_id=mine.model_id, label="bare").version_id
    refused = mine.caller.refused("CreateBenchmark", **mine.sent(version=bare))
    assert refused.code == "FAILED_PRECONDITION"
    assert "no artifact" in refused.message
    texts = mine.caller("CreateDataset", name="texts", task_type="text_classification").dataset_id
    model = mine.caller("CreateModel", name="texts", task_type="classification").model_id
    mine.caller("CreateVersion", model_id=model, remote=remote(server) | {"inputs": TEXT_INPUTS})
    for changes in ({"documents": texts}, {"model_id": model}):
        refused = mine.caller.refused("CreateBenchmark", **mine.sent(**changes))
        assert refused.told == ("FAILED_PRECONDITION", "WRONG_TASK_TYPE")
        assert "evaluation job" in refused.message


def test_another_organizations_model_and_documents_are_absent(
    rpc: Running, mine: Mine, server: OipServer, other: Caller
):
    """Who has a ground truth, or a model too, cannot run what is of others, nor read their rows."""
    truth = Pair(entry_id="", document_id="d1", expected="{}")
    own = {"dataset_id": add_dataset(rpc, other, [truth])}
    model_id = other("CreateModel", name="own", task_type="extraction").model_id
    other("CreateVersion", model_id=model_id, remote=remote(server))
    for sent, kind in (
        ({}, "ground-truth dataset"), (own, "model"), (own | {"model_id": model_id}, "dataset"),
    ):  # fmt: skip  # a table
        refused = other.refused("CreateBenchmark", **mine.sent(**sent))
        assert refused.code == "NOT_FOUND"
        assert refused.metadata["resource_type"] == kind
