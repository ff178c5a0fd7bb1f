"""Another organization's ids: absent everywhere, and told exactly as absent ones are."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2

from tests.support.benchmark_rows import add_dataset, add_run, measured, three_fields
from tests.support.rpc_service import CALLS, Caller, Refused, Running, binary, chunk, message

IDS = {
    "model_id", "version_id", "version_a", "version_b", "job_id", "evaluation_id", "prefix",
    "benchmark_id", "id", "run_a", "run_b", "dataset_id", "run_id", "compared_to_run_id",
    "user_schema_id", "entry_id", "extraction_id",
}  # fmt: skip  # a set

FILTERED = {"CatalogueRest.ListCatalogueModels", "CatalogueRest.ListLatestModels"}  # by an id

LEFT_OUT = {
    "CreateVersion": ("version_id",),
    "CreateBenchmark": ("model_id", "version", "split"),  # that make the run, which is named
}


def requests(ids: dict[str, str]) -> dict[str, Any]:
    """Return a well-formed request of each method that names something by id."""
    others = {
        "name": "n", "task_type": "regression", "dataset_split": "test", "rows": 20,
        "revision": 1, "permissions": ["model:read"], "document_id": "d2", "expected_json": "{}",
        "split": "train", "fractions": {"train": 0.5, "test": 0.5}, "job_type": "training",
        "model_project_path": "mine", "version": "1.0.0", "input_name": "i", "item_name": "n", "output_name": "o",
    }  # fmt: skip  # a table
    made: dict[str, Any] = {}
    for name, (method, _) in CALLS.items():
        fields = method.request.DESCRIPTOR.fields_by_name
        if name in FILTERED or name in {"CreateModel", "CreateKey"} or not IDS & set(fields):
            continue
        if name == "UploadPredictions":
            made[name] = [chunk(ids["evaluation_id"], 0, binary(20).chunk(0, 20))]
            continue
        left_out = LEFT_OUT.get(name.rpartition(".")[2], ())
        sent = {
            key: value
            for key, value in (others | ids).items()
            if key in fields and key not in left_out
        }
        if name.endswith("UpdateGroundTruthDataset"):
            sent["user_schema_id"] = struct_pb2.Value(string_value=ids["user_schema_id"])
        if name == "EvaluateRows":
            sent["rows"] = [{}]
        if name == "UploadOnnxVersion":
            sent["task_type"] = "tabular_regression"
        if "sample" in fields:
            sent["sample"] = struct_pb2.Value(bool_value=True)
        request = message(name, **sent)
        if "file" in fields:
            request.file.data = binary(20).csv
            lines = name.endswith("JsonLines")
            request.file.content_type = "application/x-ndjson" if lines else "text/csv"
            if name.endswith("InferenceInput"):
                request.file.content_type = "application/octet-stream"
        made[name] = [request] if method.client_streaming else request
    return made


def refusal(caller: Caller, name: str, request: Any) -> Refused:
    return caller.refused(name, iter(request) if isinstance(request, list) else request)


@pytest.fixture
def mine(rpc: Running, me: Caller) -> dict[str, str]:
    """One thing of every kind, in my organization."""
    model_id, version_id = me.ready()
    evaluation = me(
        "CreateEvaluation", model_id=model_id, version_id=version_id, dataset_split="test"
    )
    key = me("CreateKey", name="k", permissions=["model:read"]).key
    documents = three_fields({}, 2)
    dataset_id, run_id = add_dataset(rpc, me, documents), add_run(rpc, me, documents)
    benchmark_id = measured(me, dataset_id).benchmark.benchmark_id
    return {
        "model_id": model_id, "version_id": version_id, "version_a": version_id,
        "version_b": version_id, "job_id": evaluation.job_id, "prefix": key.prefix,
        **inside(me, dataset_id, run_id),
        "evaluation_id": evaluation.evaluation_id, "dataset_id": dataset_id, "run_id": run_id,
        **dict.fromkeys(
            ("benchmark_id", "id", "run_a", "run_b", "compared_to_run_id"), benchmark_id
        ),
    }  # fmt: skip  # a table


def inside(me: Caller, dataset_id: str, run_id: str) -> dict[str, str]:
    """Make a field schema; return its id, that of an entry and that of an extraction."""
    schema = me("CreateFieldSchema", name="s", fields=[{"name": "a", "type": "text"}])
    return {
        "user_schema_id": schema.user_schema_id,
        "entry_id": me("ListEntries", dataset_id=dataset_id).entries[0].entry_id,
        "extraction_id": me("ListExtractions", run_id=run_id).extractions[0].extraction_id,
    }


def test_every_method_with_an_id_is_walked(mine: dict[str, str]):
    """Only creates of top-level things, listings of them and server info name no id."""
    walked = set(requests(mine))
    ours = {name for name, (method, _) in CALLS.items() if method.path.startswith("/assay.")}
    assert ours - walked == {
        "CreateModel", "CreateKey", "ListModels", "ListKeys", "ListJobs", "GetServerInfo",
        "GetOpenApi", "GetDocs", "ListModelJobs", "CreateDataset", "ListDatasets",
        "CreateFieldSchema", "FieldSchemaRest.CreateFieldSchema",
        "ListFieldSchemas", "FieldSchemaRest.ListFieldSchemas",
        "ListGroundTruthDatasets", "GroundTruthRest.ListGroundTruthDatasets",
        "CreateExtractionRun", "ExtractionRest.CreateExtractionRun",
        "ListExtractionRuns", "ExtractionRest.ListExtractionRuns",
        "EngineRest.ListEngines", "EngineRest.ListEngineModels", "EngineRest.GetProcessingEngines",
        "CatalogueRest.ListTags", "CatalogueRest.GetTaggedModels",
        "CatalogueRest.ListAccountRequirements", *FILTERED,
        "SubmitInferenceJob", "InferenceJobRest.SubmitInferenceJob",
        "ListInferenceJobs", "InferenceHistoryRest.ListInferenceJobs",
        "InferenceHistoryRest.ListInferenceJobSummaries",
        "InferenceHistoryRest.ListInferenceStatistics",
        "CancelInferenceJobs", "InferenceHistoryRest.CancelInferenceJobs",
        "GetInferenceFeatures", "InferenceHistoryRest.GetInferenceFeatures",
    }  # fmt: skip  # a set


def test_another_organizations_ids_are_absent_everywhere(
    me: Caller, other: Caller, mine: dict[str, str]
):
    """Each method answers another organization NOT_FOUND, and nothing of mine changes."""
    model = me("GetModel", model_id=mine["model_id"])
    for name, request in requests(mine).items():
        refused = refusal(other, name, request)
        assert refused.told == ("NOT_FOUND", "NOT_FOUND"), name
    assert me("GetModel", model_id=mine["model_id"]) == model
    assert me("GetJob", job_id=mine["job_id"]).status == "open"
    assert me("GetEvaluation", evaluation_id=mine["evaluation_id"]).next_row == 0
    dataset = me("GetGroundTruthDataset", dataset_id=mine["dataset_id"])
    assert (dataset.document_count, dataset.user_schema_id) == (2, "")
    assert me("GetExtractionRun", run_id=mine["run_id"]).document_count == 2
    assert me("GetFieldSchema", user_schema_id=mine["user_schema_id"]).name == "s"


def test_a_foreign_id_is_told_exactly_as_an_absent_one(other: Caller, mine: dict[str, str]):
    """The refusals of a foreign id and of an absent one differ in the id alone."""
    absent = {key: "zz-" + value[3:] for key, value in mine.items()}
    there, nowhere = requests(mine), requests(absent)
    for name in there:
        foreign = refusal(other.rest("/p"), name, there[name])
        unknown = refusal(other.rest("/p"), name, nowhere[name])
        texts = []
        for refused, ids in ((foreign, mine), (unknown, absent)):
            body = {k: v for k, v in refused.body.items() if k not in {"request_id", "timestamp"}}
            text = repr((refused.message, refused.metadata, refused.violations, body))
            for value in ids.values():
                text = text.replace(value, "ID")
            texts.append(text)
        assert texts[0] == texts[1], name


def test_listings_show_ones_own_alone(
    rpc: Running, me: Caller, other: Caller, mine: dict[str, str]
):
    """Listings of another organization hold nothing of mine."""
    assert other("ListModels").models == []
    assert other("ListJobs").jobs == []
    prefixes = {key.prefix for key in other("ListKeys").keys}
    assert mine["prefix"] not in prefixes
    assert other("ListFieldSchemas").total == 0
    assert other("ListGroundTruthDatasets").total == 0
    assert other("ListExtractionRuns").total == 0
    assert len(prefixes) == 1
    assert not other("ListBenchmarks").benchmarks
    assert other.view("BenchmarkRest.ListBenchmarks")["data"] == []


def test_equal_ids_in_two_organizations_do_not_meet(me: Caller, other: Caller):
    """Two organizations may choose the same ids, and each sees its own numbers."""
    for caller, seed in ((me, 1), (other, 2)):
        caller.model(model_id="m")
        caller.version("m", version_id="v")
        caller.measure("m", "v", binary(40, seed=seed).csv)
        caller("PromoteVersion", model_id="m", version_id="v")
    mine = me("GetPerformanceSummary", model_id="m")
    theirs = other("GetPerformanceSummary", model_id="m")
    assert mine.evaluation_id != theirs.evaluation_id
    assert mine.metrics != theirs.metrics
    assert me("GetPerformanceSummary", model_id="m") == mine
    other("DeleteModel", model_id="m")
    assert me("GetPerformanceSummary", model_id="m") == mine
