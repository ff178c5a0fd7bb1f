"""How calls are refused: in which order, in which words, and with which body."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf import struct_pb2

from assay.kernel.identity import Permission
from tests.support import rpc_service
from tests.support.rpc_service import CALLS, Caller, Running, message

BODY_KEYS = [
    "statusCode", "status", "code", "error", "message", "retryable", "request_id",
    "timestamp", "path", "details", "reportErrorUrl",
]  # fmt: skip  # in the order of the body


def test_401_precedes_403_and_all_else(rpc: Running):
    """Without a credential every method answers 401, whatever was sent."""
    nobody = Caller(rpc.channel, None, "none")
    for name, (method, _) in CALLS.items():
        if not method.anonymous:
            sent = b"\xff\xff"
            refused = nobody.refused(name, iter([sent]) if method.client_streaming else sent)
            assert refused.told == ("UNAUTHENTICATED", "UNAUTHENTICATED"), name
            assert refused.trailers["www-authenticate"].startswith("Bearer")


def test_403_precedes_400_404_and_422(organization: Callable[..., Caller]):
    """A principal without the method's permission is refused before its request is looked at."""
    for name, (method, _) in CALLS.items():
        if method.anonymous:
            continue
        lacking = organization(*(str(p) for p in {*Permission} - method.permissions - {"admin"}))
        sent = b"\xff\xff"
        refused = lacking.refused(name, iter([sent]) if method.client_streaming else sent)
        assert refused.told == ("PERMISSION_DENIED", "PERMISSION_DENIED"), name
        assert refused.metadata["permissions"] == ", ".join(sorted(method.permissions))


def test_400_precedes_404(me: Caller):
    """A value that is wrong whatever exists is refused before absence is told."""
    absent = {"model_id": "mdl-absent"}
    both = {**absent, "version_id": "ver-absent"}
    wrong = {
        "GetPerformanceSummary": {**absent, "dataset_split": "dev"},
        "GetClassificationReport": {**absent, "average": "samples"},
        "GetConfusionMatrix": {**absent, "dataset_split": "dev"},
        "PerformanceRest.GetConfusionMatrix": {**absent, "dataset_split": "dev"},
        "CreateEvaluation": {**both, "dataset_split": "dev"},
        "ListEvaluations": {**both, "page_size": -1},
        "ListVersions": {**absent, "page_size": -1},
        "CreateVersion": {**absent, "version_id": "../x"},
        "UpdateModel": {**absent, "name": "n" * 201},
        "WatchJobLines": {"job_id": "absent", "bookmark_seconds": 11},
    }
    for name, fields in wrong.items():
        assert me.refused(name, **fields).code == "INVALID_ARGUMENT", name


def test_404_precedes_422(me: Caller):
    """An absent version is told before the model's task type is."""
    model_id = me.model(task_type="regression").model_id
    refused = me.refused("GetClassificationReport", model_id=model_id, version_id="ver-absent")
    assert refused.told == ("NOT_FOUND", "NOT_FOUND")
    assert me.refused("GetClassificationReport", model_id=model_id).code == "FAILED_PRECONDITION"


def test_required_fields_are_named(me: Caller):
    """Each method refuses an empty request with one violation for each required field."""
    for name, (method, _) in CALLS.items():
        required = {*method.requirements.scalars, *method.requirements.messages}
        if not required:
            continue
        refused = me.refused(name, iter([b""]) if method.client_streaming else b"")
        assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE"), name
        assert {field for field, _ in refused.violations} == required, name
        assert set(refused.metadata["missing"].split(", ")) == required


def test_undecodable_requests_are_invalid(me: Caller):
    """Bytes that are no message of the method are refused as INVALID_ARGUMENT."""
    for name, (method, _) in CALLS.items():
        if not method.anonymous:
            sent = b"\x0a\xff\xff\xff\xff\xff\xff"
            refused = me.refused(name, iter([sent]) if method.client_streaming else sent)
            assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE"), name


def test_invalid_utf8_is_invalid(me: Caller):
    """Text that is not UTF-8 is refused as INVALID_ARGUMENT."""
    assert me.refused("GetModel", b"\x0a\x02\xc3\x28").code == "INVALID_ARGUMENT"


@pytest.mark.parametrize("depth", [33, 60, 90, 200, 5000])
def test_deep_values_are_invalid(me: Caller, depth: int):
    """Settings nested deeper than allowed are refused, however deep they are."""
    model_id = me.model().model_id
    leaf = struct_pb2.Value(number_value=1).SerializeToString()
    for _ in range(depth):
        entry = _bytes(1, b"x") + _bytes(2, leaf)
        leaf = _bytes(5, _bytes(1, entry))  # Value.struct_value = Struct{fields: {x: leaf}}
    settings = _bytes(1, _bytes(1, b"x") + _bytes(2, leaf))
    request = message("CreateVersion", model_id=model_id).SerializeToString() + _bytes(5, settings)
    assert me.refused("CreateVersion", request).code == "INVALID_ARGUMENT"


def test_values_that_are_not_json_are_invalid(me: Caller):
    """NaN and infinity in settings are refused and the setting is named."""
    model_id = me.model().model_id
    for value in (float("nan"), float("inf")):
        request = message("CreateVersion", model_id=model_id)
        request.hyperparameters["rate"] = {"first": [value]}
        refused = me.refused("CreateVersion", request)
        assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")
        assert refused.violations[0][0].startswith("hyperparameters")


def test_large_settings_are_invalid(me: Caller):
    """Settings over their limit are refused, so that a page of versions always fits a message."""
    model_id = me.model().model_id
    request = message("CreateVersion", model_id=model_id)
    request.hyperparameters["text"] = "x" * 100_000
    assert me.refused("CreateVersion", request).code == "INVALID_ARGUMENT"


def test_an_empty_upload_stream_is_invalid(me: Caller):
    """A file upload without a single message is refused as INVALID_ARGUMENT."""
    assert me.refused("UploadEvaluationFile", iter([])).code == "INVALID_ARGUMENT"


def test_a_message_over_the_limit_is_refused(me: Caller):
    """A message of more than 8 MiB is refused and the connection goes on."""
    request = message("CreateModel", name="n", task_type="regression", description="x" * 9_000_000)
    assert me.refused("CreateModel", request).code == "RESOURCE_EXHAUSTED"
    me.model()


def test_the_rest_body_has_every_key_of_every_family(me: Caller):
    """Through the gateway a refusal carries the one body, with its status and path."""
    before = datetime.now(UTC)
    rest = me.rest("/api/v1/models/mdl-x/versions?page_size=1")
    refused = rest.refused("ListVersions", model_id="mdl-x")
    body = refused.body
    assert list(body) == BODY_KEYS
    assert refused.trailers["x-http-status"] == "404"
    assert body["statusCode"] == 404
    assert (body["status"], body["code"], body["error"]) == ("NOT_FOUND", "not_found", "Not Found")
    assert body["message"] == refused.message
    assert body["retryable"] is False
    assert body["request_id"] == refused.trailers["x-request-id"]
    assert body["path"] == "/api/v1/models/mdl-x/versions"
    assert body["reportErrorUrl"] is None
    assert body["details"] == [
        {
            "reason": "NOT_FOUND",
            "domain": "assay",
            "metadata": {"resource_type": "model", "resource_id": "mdl-x"},
        }
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["timestamp"])
    told = datetime.fromisoformat(body["timestamp"])
    assert abs((told - before).total_seconds()) < 30


def test_violations_are_in_the_rest_body(me: Caller):
    """Each field that is wrong is among the body's details, with what is allowed."""
    body = me.rest().refused("GetPerformanceSummary", model_id="m", dataset_split="dev").body
    assert body["statusCode"] == 400
    assert body["code"] == "validation_error"
    assert body["details"][1]["field"] == "dataset_split"
    assert "validation" in body["details"][1]["description"]


def test_native_callers_get_no_rest_body(me: Caller):
    """Without the gateway's header no REST body and no HTTP status are sent."""
    refused = me.refused("GetModel", model_id="mdl-x")
    assert "x-error-body" not in refused.trailers
    assert "x-http-status" not in refused.trailers


def test_creates_through_the_gateway_answer_201(me: Caller):
    """A create tells the gateway 201, and native callers nothing of the kind."""
    rest = me.rest()
    rest.model()
    assert rest.headers["x-http-status"] == "201"
    me.model()
    assert "x-http-status" not in me.headers


def test_the_callers_request_id_comes_back(me: Caller):
    """A harmless x-request-id is kept; another one is replaced."""
    kept = me.having(x_request_id="trace-1").refused("GetModel", model_id="x")
    assert kept.trailers["x-request-id"] == "trace-1"
    replaced = me.having(x_request_id="a b{}" * 30).refused("GetModel", model_id="x")
    assert replaced.trailers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("word", ["名" * 5000, "💥" * 5000, "x" * 100_000, '"\\\n\x01' * 2000])
def test_no_value_makes_a_refusal_too_large(me: Caller, word: str):
    """However long and odd a value is, its refusal arrives, at most 4 KiB of it."""
    rest = me.rest("/api/v1/models/" + "p" * 3000)
    for name, fields in {
        "GetModel": {"model_id": word},
        "GetVersion": {"model_id": word, "version_id": word},
        "GetJob": {"job_id": word},
        "RevokeKey": {"prefix": word},
        "GetEvaluation": {"evaluation_id": word},
    }.items():
        assert rest.refused(name, **fields).code == "NOT_FOUND", name
    for name, fields in {
        "CreateModel": {"name": word * 2, "task_type": word, "model_id": word},
        "GetPerformanceSummary": {"model_id": "m", "dataset_split": word},
        "ListModels": {"page_token": word},
        "CreateKey": {"name": "k", "permissions": [word] * 50},
    }.items():
        refused = rest.refused(name, **fields)
        assert refused.code == "INVALID_ARGUMENT", name
        size = len(refused.trailers["x-error-body"])
        size += len(refused.trailers["grpc-status-details-bin"])
        assert size <= 4096


def test_long_labels_in_a_refusal_still_arrive(me: Caller):
    """A refusal that lists a model's labels arrives even when those are long and not ASCII."""
    labels = [f"{number}{'💥' * 200}" for number in range(20)]
    model_id, version_id = me.pair(labels=labels)
    for caller in (me, me.rest()):
        refused = caller.refused(
            "CreateEvaluation",
            model_id=model_id,
            version_id=version_id,
            dataset_split="test",
            positive_label="ö" * 1000,
        )
        assert refused.told == ("INVALID_ARGUMENT", "INVALID_VALUE")


def test_a_forged_page_token_is_refused(me: Caller):
    """Page tokens that were not made by the listing are refused, whatever they decode to."""
    import base64
    import hashlib
    import json

    mark = hashlib.sha256(f"models/{me.organization}".encode()).hexdigest()[:16]
    forged = (
        [0, "\ud800", mark], [1e400, "x", mark], [0, {"a": 1}, mark], [10**30, "x", mark], [], "x",
    )  # fmt: skip  # a table
    tokens = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in forged]
    deep = base64.urlsafe_b64encode(b"[" * 50_000).decode()
    for token in (*tokens, deep, "!!!", "ä", "A" * 100_001):
        code = me.refused("ListModels", page_token=token).code
        assert code == "INVALID_ARGUMENT", token[:60]


def test_a_stopped_store_is_told_without_its_words(rpc: Running, me: Caller):
    """Whatever breaks inside is told as INTERNAL with a request id and none of its text."""
    store = rpc.backend.store
    original = type(store).read

    def broken(self):
        raise RuntimeError("secret /var/path")

    type(store).read = broken
    try:
        refused = me.rest().refused("ListModels")
        streamed = me.refused("WatchJob", job_id="x")
    finally:
        type(store).read = original
    for told in (refused, streamed):
        assert told.told == ("INTERNAL", "INTERNAL")
        assert "secret" not in str(told.trailers) + told.message
        assert told.trailers["x-request-id"]
    assert refused.body["statusCode"] == 500


def _bytes(field: int, data: bytes) -> bytes:
    """Return a length-delimited protobuf field."""
    head = bytearray([field << 3 | 2])
    size = len(data)
    while size >= 128:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return bytes(head) + data


def test_a_connection_outlives_its_refusals(rpc: Running, me: Caller):
    """After all kinds of refusals the same channel still answers."""
    with pytest.raises(grpc.RpcError):
        me.raw("GetModel", b"\xff")
    assert rpc_service.message("GetServerInfo") is not None
    assert me("GetServerInfo").version
