"""Browser callers who speak grpc-web, through the REST listener."""

import json
import time

import httpx
import pytest

from assay.client import Client
from assay.gateway import process as gateways
from assay.v1 import (
    evaluation_pb2,
    evaluation_service_pb2,
    job_pb2,
    job_service_pb2,
    key_service_pb2,
    model_pb2,
    model_service_pb2,
    server_service_pb2,
)
from tests.fixtures.gateway import ORIGIN, http_client, settings
from tests.support.grpc_web import BINARY, TEXT, GrpcWeb

MODELS = "/assay.v1.ModelService"
JOBS = "/assay.v1.JobService"
REST_ONLY = {"x-http-status", "x-error-body", "location"}
OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, PERMISSION_DENIED = 0, 3, 4, 5, 7
FAILED_PRECONDITION, UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED = 9, 12, 14, 16


@pytest.fixture
def web_of_service(service):
    with httpx.Client(base_url=service.rest, trust_env=False, timeout=20) as web:
        yield web


@pytest.fixture(params=[BINARY, TEXT], ids=["binary", "text"])
def caller(request, service, web_of_service):
    """A caller of the whole service with all permissions, in each encoding."""
    return GrpcWeb(web_of_service, request.param, authorization=f"Bearer {service.key}")


def get_model(caller, model_id, **headers):
    request = model_service_pb2.GetModelRequest(model_id=model_id)
    return caller.call(f"{MODELS}/GetModel", request, model_pb2.Model, **headers)


def test_unary_call(caller):
    """A model that is made by grpc-web is read by grpc-web, with no mark of REST."""
    request = model_service_pb2.CreateModelRequest(name="web ✓", task_type="classification")
    made, answer = caller.call(f"{MODELS}/CreateModel", request, model_pb2.Model)
    assert (answer.response.status_code, answer.code) == (200, OK)
    assert answer.response.http_version == "HTTP/1.1"
    assert answer.response.headers["content-type"].startswith("application/grpc-web")
    assert not REST_ONLY & set(answer.response.headers)
    found, answer = get_model(caller, made.model_id)
    assert answer.code == OK
    assert (found.model_id, found.name) == (made.model_id, "web ✓")


def test_open_method_needs_no_credential(web_of_service):
    """A method that is open to all answers without a credential."""
    reply, answer = GrpcWeb(web_of_service).call(
        "/assay.v1.ServerService/GetServerInfo",
        server_service_pb2.GetServerInfoRequest(),
        server_service_pb2.ServerInfo,
    )
    assert answer.code == OK
    assert reply.version


def test_refusals_are_those_of_grpc(caller, web_of_service, service):
    """A refusal has gRPC's status, message and details, and no body of REST."""
    request = model_service_pb2.CreateModelRequest(name="", task_type="nonsense")
    refused = {
        "NOT_FOUND": (get_model(caller, "mdl-absent"), NOT_FOUND),
        "UNAUTHENTICATED": (get_model(GrpcWeb(web_of_service), "m"), UNAUTHENTICATED),
        "INVALID_VALUE": (
            caller.call(f"{MODELS}/CreateModel", request, model_pb2.Model),
            INVALID_ARGUMENT,
        ),
    }
    for reason, ((reply, answer), code) in refused.items():
        assert reply is None
        assert answer.response.status_code == 200
        assert answer.code == code
        assert answer.reason() == reason
        assert answer.trailers["grpc-message"]
        assert not answer.trailers["grpc-message"].startswith("{")
        assert answer.response.num_bytes_downloaded == 0
        assert not REST_ONLY & {*answer.response.headers, *answer.trailers}


def test_permissions_hold(caller, web_of_service):
    """A key without the method's permission is refused, as everywhere."""
    request = key_service_pb2.CreateKeyRequest(name="web", permissions=["job:read"])
    made, _ = caller.call(
        "/assay.v1.KeyService/CreateKey", request, key_service_pb2.CreateKeyResponse
    )
    poor = GrpcWeb(web_of_service, authorization=f"Bearer {made.secret}")
    _, answer = get_model(poor, "m")
    assert (answer.code, answer.reason()) == (PERMISSION_DENIED, "PERMISSION_DENIED")


def test_method_that_does_not_exist(caller):
    """An unknown method, or a path of REST, is UNIMPLEMENTED and no page of HTTP."""
    request = model_service_pb2.GetModelRequest(model_id="m")
    for path in ("/assay.v1.Nothing/Get", "/api/v1/models", f"{MODELS}/Nothing"):
        _, answer = caller.call(path, request, model_pb2.Model)
        assert answer.code == UNIMPLEMENTED


def test_job_is_watched(caller, service):
    """WatchJob streams each event while the job goes on, and ends after the terminal one."""
    with Client(service.grpc, api_key=service.key) as client:
        model = client.models.create("watched", "classification").model_id
        version = client.versions.create(model).version_id
    request = evaluation_service_pb2.CreateEvaluationRequest(
        model_id=model, version_id=version, dataset_split="test"
    )
    path = "/assay.v1.EvaluationService/CreateEvaluation"
    made, answer = caller.call(path, request, evaluation_pb2.Evaluation)
    assert answer.code == OK, answer.trailers
    watch = job_service_pb2.WatchJobRequest(job_id=made.job_id)
    with caller.open(f"{JOBS}/WatchJob", watch) as response:
        messages, answer = caller.stream(response, job_service_pb2.WatchJobResponse)
        first = next(messages)  # it is here while the job is open
        assert [event.sequence for event in first.events] == [1]
        cancel = job_service_pb2.CancelJobRequest(job_id=made.job_id)
        job, _ = caller.call(f"{JOBS}/CancelJob", cancel, job_pb2.Job)
        events = [event.sequence for message in messages for event in message.events]
    assert job.status == "canceled"
    assert events == [2]
    assert answer.code == OK


def test_watch_that_is_refused(caller):
    """A stream that is refused before its first message tells status and reason in headers."""
    watch = job_service_pb2.WatchJobRequest(job_id="no-such-job")
    with caller.open(f"{JOBS}/WatchJob", watch) as response:
        messages, answer = caller.stream(response, job_service_pb2.WatchJobResponse)
        assert list(messages) == []
    assert (answer.code, answer.reason()) == (NOT_FOUND, "NOT_FOUND")


def test_preflight_allows_what_grpc_web_sends(web):
    """A configured origin may send the headers of grpc-web and read its status."""
    wanted = "content-type,x-grpc-web,x-user-agent,grpc-timeout,authorization"
    preflight = web.options(
        f"{MODELS}/GetModel",
        headers={
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": wanted,
        },
    )
    assert preflight.status_code == 200
    allowed = preflight.headers["access-control-allow-headers"].split(",")
    assert set(wanted.split(",")) <= set(allowed)
    for model in ("m", "bare"):
        _, answer = get_model(GrpcWeb(web), model, origin=ORIGIN)
        assert answer.response.headers["access-control-allow-origin"] == ORIGIN
        exposed = answer.response.headers["access-control-expose-headers"].split(",")
        assert {"grpc-status", "grpc-message", "grpc-status-details-bin"} <= set(exposed)
    _, answer = get_model(GrpcWeb(web), "m", origin="https://evil.example")
    assert "access-control-allow-origin" not in answer.response.headers


def test_metadata_passes_and_forged_marks_do_not(web):
    """The server sees a caller's metadata, binary too, and no header that only Envoy may set."""
    forged = {"x_envoy_original_path": "/forged", "x_http_status": "201"}
    found, _ = get_model(GrpcWeb(web), "echo", x_trace_bin="AQI", idempotency_key="once", **forged)
    seen = json.loads(found.description)
    assert seen["x-trace-bin"] == str(b"\x01\x02")
    assert seen["idempotency-key"] == "once"
    assert not {name.replace("_", "-") for name in forged} & set(seen)


def test_limit_of_json_bodies_does_not_hold(web):
    """A message over the limit of JSON bodies passes; the server's own limit is gRPC's."""
    request = model_service_pb2.CreateModelRequest(name="x" * 200_000)
    made, answer = GrpcWeb(web).call(f"{MODELS}/CreateModel", request, model_pb2.Model)
    assert answer.code == OK
    assert len(made.name) == 200_000


def test_marks_of_rest_are_taken_away(web):
    """What a server sends for REST alone does not reach a grpc-web caller, in success or refusal."""
    request = model_service_pb2.CreateModelRequest(name="n")
    _, made = GrpcWeb(web).call(f"{MODELS}/CreateModel", request, model_pb2.Model)
    _, refused = get_model(GrpcWeb(web), "shaped")
    assert (made.code, refused.code) == (OK, FAILED_PRECONDITION)
    for answer in (made, refused):
        assert answer.response.status_code == 200
        assert not REST_ONLY & {*answer.response.headers, *answer.trailers}


def test_deadline_of_the_caller(web, upstream):
    """The caller's grpc-timeout ends a call that takes longer, with DEADLINE_EXCEEDED."""
    upstream.models.go_on.clear()
    started = time.monotonic()
    _, answer = get_model(GrpcWeb(web), "slow", grpc_timeout="200m")
    upstream.models.go_on.set()
    assert answer.code == DEADLINE_EXCEEDED
    assert time.monotonic() - started < 10


def test_no_server():
    """Without a server grpc-web gets UNAVAILABLE in gRPC's form, not the body of REST."""
    running = gateways.start(settings(upstreams=("127.0.0.1:1",), access_log="/dev/null"))
    try:
        with http_client(running) as web:
            _, answer = get_model(GrpcWeb(web), "m")
    finally:
        running.stop(0)
    assert answer.code == UNAVAILABLE
    assert "{" not in answer.trailers["grpc-message"]
