"""What passes through the gateway, and how it looks on the other side."""

import json
import time

import grpc
import pytest

from assay.v1 import model_service_pb2, model_service_pb2_grpc
from tests.fixtures.gateway import ORIGIN


def seen_by_server(web, **headers):
    """Return the metadata that the server gets for a call with `headers`."""
    response = web.get("/api/v1/models/echo", headers=headers)
    assert response.status_code == 200
    return json.loads(response.json()["description"])


def test_names_are_snake_case_and_scalars_always_printed(web):
    """JSON has the proto's own names, and empty scalars and lists are printed."""
    body = web.get("/api/v1/models/m").json()
    assert body["model_id"] == "m"
    assert (body["task_type"], body["labels"]) == ("", [])
    assert "project_path" not in body


def test_created(web):
    """A create answers 201 with the Location that the server sets."""
    response = web.post("/api/v1/models", json={"name": "n"})
    assert response.status_code == 201
    assert response.headers["location"] == "/api/v1/models/new"
    assert response.json()["model_id"] == "new"


def test_deleted(web):
    """A delete answers 204 with neither a body nor a content type."""
    response = web.delete("/api/v1/models/m")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers


def test_ids_are_decoded_whole(web):
    """A slash, a space or a plus in an id arrives as itself."""
    assert web.get("/api/v1/models/a%2Fb%20c+d").json()["model_id"] == "a/b c+d"


def test_request_id_is_kept_and_echoed(web):
    """A caller's x-request-id reaches the server and comes back."""
    response = web.get("/api/v1/models/echo", headers={"x-request-id": "mine"})
    assert response.headers["x-request-id"] == "mine"
    assert json.loads(response.json()["description"])["x-request-id"] == "mine"


def test_a_trace_passes_through_unchanged(web):
    """The server sees the caller's traceparent and tracestate byte for byte."""
    sent = {
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "vendor=opaque",
    }
    seen = seen_by_server(web, **sent)
    assert {name: seen.get(name) for name in sent} == sent


def test_request_id_is_made(web):
    """A call without an id gets one that the server and the caller both see."""
    response = web.get("/api/v1/models/echo")
    seen = json.loads(response.json()["description"])
    assert seen["x-request-id"] == response.headers["x-request-id"] != ""


def test_credentials_and_original_path_reach_the_server(web):
    """The server sees the Authorization header and the path that the caller used."""
    seen = seen_by_server(web, authorization="ApiKey a.b")
    assert seen["authorization"] == "ApiKey a.b"
    assert seen["x-envoy-original-path"] == "/api/v1/models/echo"


@pytest.mark.parametrize(
    "name",
    ["x-http-status", "x-error-body", "x_http_status", "grpc-timeout", "x-trace-bin",
     "grpc-status-details-bin"],
)  # fmt: skip
def test_headers_with_a_meaning_inside_are_not_taken_from_outside(web, name):
    """A header that gRPC or the gateway obeys is dropped when a caller sends it."""
    assert name not in seen_by_server(web, **{name: "500"})


def test_original_path_cannot_be_forged(web):
    """A caller who sends x-envoy-original-path does not change the path that the server sees."""
    seen = seen_by_server(web, **{"x-envoy-original-path": "/forged"})
    assert seen["x-envoy-original-path"] == "/api/v1/models/echo"


def test_long_answers_are_compressed_when_asked(web):
    """An answer over 1 KiB is gzipped for those who accept it, and only for them."""
    zipped = web.get("/api/v1/models/big", headers={"accept-encoding": "gzip"})
    plain = web.get("/api/v1/models/big", headers={"accept-encoding": "identity"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json() == plain.json()


def test_cors_preflight(web):
    """A preflight of a configured origin is answered with what it may do."""
    headers = {"origin": ORIGIN, "access-control-request-method": "POST"}
    response = web.options("/api/v1/models", headers=headers)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "idempotency-key" in response.headers["access-control-allow-headers"]


def test_cors_of_another_origin(web):
    """An origin that is not configured gets no permission to read."""
    response = web.get("/api/v1/models/m", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


def test_cors_headers_on_refusals(web):
    """A dashboard may read refusals too."""
    response = web.get("/nope", headers={"origin": ORIGIN})
    assert response.headers["access-control-allow-origin"] == ORIGIN


def test_events_arrive_one_by_one(web, upstream):
    """An event of a watch is at the caller before the next one exists."""
    with web.stream("GET", "/api/v1/jobs/j:watch", headers={"accept-encoding": "gzip"}) as response:
        assert response.headers["content-type"] == "text/event-stream"
        frames = response.iter_raw()
        assert next(frames) == b"id: 1\ndata: {}\n\n"
        upstream.watches.go_on.set()
        assert b"".join(frames) == b"id: 2\ndata: {}\n\n"


def test_ndjson(web):
    """The other face of a watch is NDJSON and says so."""
    response = web.get("/api/v1/jobs/j:watch.ndjson")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text == '{"n":1}\n'


def test_uploads_have_no_body_limit(web):
    """A file far over the limit of JSON bodies reaches the server byte for byte."""
    content = b"y_true,y_pred\n" * 200_000
    response = web.post(
        "/api/v1/models/m/versions/v/evaluations?dataset_split=test",
        content=content,
        headers={"content-type": "text/csv"},
    )
    body = response.json()
    assert response.status_code == 201
    assert body["rows"] == len(content)
    assert (body["model_id"], body["dataset_split"], body["status"]) == ("m", "test", "text/csv")


def test_native_grpc_has_a_listener_of_its_own(gateway):
    """A gRPC caller reaches the server through the gateway and meets no REST habits."""
    with grpc.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        forged = (("x-envoy-original-path", "/forged"),)
        seen = models.GetModel(
            model_service_pb2.GetModelRequest(model_id="echo"), metadata=forged, timeout=10
        )
        assert "x-envoy-original-path" not in json.loads(seen.description)
        with pytest.raises(grpc.RpcError) as caught:
            models.GetModel(model_service_pb2.GetModelRequest(model_id="shaped"), timeout=10)
        assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert caught.value.details() == "not ready"


def test_health_of_the_gateway(web):
    """A balancer in front is told that the gateway has a server, and nothing of a failure."""
    answer = web.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_access_log(web, access_log):
    """Each call is one line of JSON with its id, path, status and time; health checks are not."""
    web.get("/healthz")
    web.get("/api/v1/models/m?", headers={"x-request-id": "logged"})
    line = wait_for_line(access_log, '"logged"')
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["path"].startswith("/api/v1/models/m")
    assert line["milliseconds"] >= 0
    assert "grpc_status" not in line  # which Envoy would make up of the HTTP status
    assert "/healthz" not in access_log.read_text()


def wait_for_line(path, text):
    """Return the first line with `text`; Envoy writes its log within a second or so."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for line in path.read_text().splitlines():
            if text in line:
                return json.loads(line)
    raise AssertionError(f"no line with {text}")
