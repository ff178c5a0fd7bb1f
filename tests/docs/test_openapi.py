"""The OpenAPI document: legal, complete, and true of what the descriptors say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.kernel.rpc.test_contract import DESCRIPTORS, METHODS, rules
from tests.support.rpc_service import Caller, Running
from tools import openapi, protos
from tools.openapi_errors import COMMON

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())
OPERATIONS = {
    (verb, path): operation
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
}
IDS = [operation["operationId"] for operation in OPERATIONS.values()]
# A further path of a method is called `Method_1`; all else of it is as at its first.
BY_ID = {
    operation["operationId"]: operation
    for operation in OPERATIONS.values()
    if "_" not in operation["operationId"]
}


def test_the_document_is_legal_openapi():
    """A validator finds nothing wrong with the document, and it is OpenAPI 3.1."""
    assert DOCUMENT["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_http_rule_has_its_operation_and_no_other_exists():
    """The operations of the document are the HTTP rules of the contract, one for one."""
    expected = {(verb, path) for _, verb, path, _ in rules()}
    assert set(OPERATIONS) == expected


def test_operation_ids_are_unique_and_are_the_methods():
    """Each operation is called as its RPC, one of its further paths with a number, and none twice."""
    assert len(IDS) == len(set(IDS))
    assert {name.partition("_")[0] for name in IDS} == set(BY_ID)
    assert set(BY_ID) <= {method.name for method in METHODS}


def test_every_request_field_goes_somewhere():
    """Each field of a request is in the path, the query or the body, and in one of them alone."""
    for method, verb, path, body in rules():
        operation = OPERATIONS[verb, path]
        parameters = operation["parameters"]
        names = [one["name"].partition(".")[0] for one in parameters if one["in"] != "header"]
        spelt = {field.json_name: field.name for field in method.input_type.fields}
        named = [spelt.get(name, name) for name in names]
        if body == "*":
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            named += [spelt.get(name, name) for name in schema["properties"]]
        elif body:
            named.append(body)
        assert set(named) == {field.name for field in method.input_type.fields}, method.full_name
        assert len(named) == len(set(named)), method.full_name


def test_path_parameters_are_those_of_the_path():
    """Each variable of a path is a required parameter of it."""
    for (_, path), operation in OPERATIONS.items():
        found = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert found == set(re.findall(r"\{(\w+)\}", path)), path
        assert all(one["required"] for one in operation["parameters"] if one["in"] == "path")


def test_permissions_are_those_of_the_policies():
    """Each operation wants the permissions that its method's policy declares."""
    policies = {method.name: method for method in METHODS}
    for name, operation in BY_ID.items():
        wanted = [set(scheme.popitem()[1]) for scheme in map(dict, operation["security"])]
        if policies[name].anonymous:
            assert wanted == [], name
        else:
            assert wanted == [set(policies[name].permissions)] * 2, name


def test_every_answer_is_described():
    """Each operation has its success status, and refusals with the one body of all of them."""
    statuses = {method.name: str(method.http_status) for method in METHODS}
    for name, operation in BY_ID.items():
        responses = operation["responses"]
        assert statuses[name] in responses, name
        assert {"400", "500", "503"} <= set(responses), name
        assert ("401" in responses) == bool(operation["security"]), name
        for status, response in responses.items():
            assert status[0] == "2" or int(status) in COMMON, (name, status)
            if status[0] != "2" and "$ref" not in response:
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Error"}


def test_errors_that_a_comment_points_to_are_told():
    """A comment that says `as` another method gives its own method those refusals too."""
    report = set(BY_ID["GetClassificationReport"]["responses"])
    assert {"404", "422"} <= report <= set(BY_ID["GetConfusionMatrix"]["responses"])


def test_bodies_that_are_not_json_have_their_content_types():
    """Streams and files are described by the content types that their policies declare."""
    assert list(BY_ID["WatchJobEvents"]["responses"]["200"]["content"]) == ["text/event-stream"]
    assert list(BY_ID["WatchJobLines"]["responses"]["200"]["content"]) == ["application/x-ndjson"]
    assert "text/csv" in BY_ID["UploadEvaluationFile"]["requestBody"]["content"]
    for descriptor in DESCRIPTORS:
        operation = BY_ID.get(descriptor.name)
        if operation is None:
            continue
        for response in operation["responses"].values():
            assert response.get("content", {"x": 1}) != {}, descriptor.full_name


def test_a_deletion_answers_without_a_body():
    """204 has no content."""
    assert "content" not in BY_ID["DeleteModel"]["responses"]["204"]


@pytest.mark.parametrize("name", ["GetPerformanceSummary", "GetClassificationReport"])
def test_examples_obey_their_schemas(name: str):
    """What the documents show is a reply as its schema has it."""
    content = BY_ID[name]["responses"]["200"]["content"]["application/json"]
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(content["example"])


def test_a_reply_has_every_plain_field():
    """What the gateway always prints is required of a reply; what may be absent is not."""
    summary = DOCUMENT["components"]["schemas"]["PerformanceSummaryView"]
    assert {"model_id", "rows", "undefined", "label_set_inferred"} <= set(summary["required"])
    assert not {"averaging", "positive_label"} & set(summary["required"])


def test_the_served_document_is_the_committed_one(rpc: Running):
    """The server sends the committed document to anybody."""
    nobody = Caller(rpc.channel, None, "none")
    reply = nobody("GetOpenApi")
    assert reply.content_type == "application/json"
    assert json.loads(reply.data) == DOCUMENT


def test_camel_services_are_described_in_camel_case():
    """Names are printed as the gateway prints them: by the JSON style of the route."""
    from tools.openapi_schemas import Contract, Schemas

    contract = Contract.of(protos.descriptor_set(source_info=True))
    shown = Schemas(contract, "camel").object(".assay.v1.Limits", sent=False)
    assert "chunkBytes" in shown["properties"]
    assert openapi.page({"a": "ü"}) == '{\n "a": "ü"\n}\n'


def test_types_are_exact():
    """Nulls, enumerations, defaults and bounds are those of the service: documents 001 to 003."""
    shown = DOCUMENT["components"]["schemas"]["BenchmarkView"]
    accuracy = {"type": "number", "minimum": 0, "maximum": 1}
    assert shown["properties"]["accuracy_overall"]["anyOf"] == [accuracy, {"type": "null"}]
    assert shown["required"] == list(shown["properties"])
    words = DOCUMENT["components"]["schemas"]["BenchmarkStatus"]["enum"]
    assert set(words) == {"queued", "running", "completed", "failed"}
    report = {one["name"]: one["schema"] for one in BY_ID["GetClassificationReport"]["parameters"]}
    splits = ["train", "validation", "test"]
    assert report["dataset_split"] == {"type": "string", "enum": splits, "default": "test"}
    averages = ["micro", "macro", "weighted"]
    assert report["average"] == {"type": "string", "enum": averages, "default": "weighted"}
    listing = {one["name"]: one["schema"] for one in BY_ID["ListBenchmarks"]["parameters"]}
    assert (listing["limit"]["minimum"], listing["limit"]["default"]) == (1, 20)
    models = {one["name"]: one["schema"] for one in BY_ID["ListModels"]["parameters"]}
    assert (models["page_size"]["minimum"], models["page_size"]["default"]) == (0, 50)
    mistakes = BY_ID["ListMisclassificationErrors"]["parameters"]
    limits = next(one["schema"] for one in mistakes if one["name"] == "limit")
    assert (limits["minimum"], limits["maximum"], limits["default"]) == (1, 2**31 - 1, 50)
    assert set(listing["status"]["enum"]) == set(words)


def test_every_bound_of_a_page_is_in_the_document():
    """Each `limit` and `page_size` has its least, its most that is read, and its default."""
    found = [
        one["schema"]
        for operation in OPERATIONS.values()
        for one in operation["parameters"]
        if one["name"] in {"limit", "page_size"}
    ]
    assert len(found) >= 10
    assert all({"minimum", "maximum", "default"} <= set(one) for one in found)


def test_null_is_absence_in_a_body():
    """Of a JSON body what is not required may be null; what is required, and items, may not."""
    body = BY_ID["CreateModel"]["requestBody"]["content"]["application/json"]["schema"]
    valid = Draft202012Validator({**body, "components": DOCUMENT["components"]})
    plain = {"name": "n", "task_type": "classification"}
    assert valid.is_valid({**plain, "description": None, "labels": None})
    assert not valid.is_valid({**plain, "name": None})
    assert not valid.is_valid({**plain, "labels": [None]})


def test_files_and_streams_have_a_schema():
    """A body that is no JSON is text, with an example where rows are read, or binary."""
    body = BY_ID["UploadEvaluationFile"]["requestBody"]["content"]
    assert body["text/csv"]["schema"]["type"] == "string"
    assert body["text/csv"]["example"].startswith("y_true,y_pred")
    assert body["application/vnd.apache.parquet"]["schema"]["format"] == "binary"
    for operation in OPERATIONS.values():
        content = dict(operation.get("requestBody", {}).get("content", {}))
        for response in operation["responses"].values():
            content |= response.get("content", {})
        assert all(one["schema"] for one in content.values()), operation["operationId"]
