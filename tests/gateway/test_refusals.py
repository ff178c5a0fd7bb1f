"""Every refusal that leaves the gateway has one body, whoever made it."""

import http.client
import json

import pytest

from assay.gateway import process as gateways
from tests.fixtures.gateway import http_client, settings
from tests.support.refusal_body import KEYS, ORDER, check
from tests.support.upstream import VENDOR_BODY


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_unknown_route(web, method):
    """A path that no rule has is refused with 404, whatever the method."""
    body = check(web.request(method, "/nope?x=1"), 404, "not_found", "/nope")
    assert body["status"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/v1/models", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/api/v1/server", "GET, HEAD, OPTIONS"),
        ("GET", "/api/v1/jobs/j:cancel", "OPTIONS, POST"),
        ("DELETE", "/api/v1/jobs/j?x=1", "GET, HEAD, OPTIONS"),
        ("QUERY", "/api/v1/models", "GET, HEAD, OPTIONS, POST"),
        ("TRACE", "/api/v1/models/m", "DELETE, GET, HEAD, OPTIONS, PATCH"),
    ],
)
def test_wrong_method(web, method, path, allow):
    """A known path with a method that it does not take is refused with 405, which names them."""
    response = web.request(method, path)
    body = check(response, 405, "method_not_allowed", path.partition("?")[0])
    assert response.headers["allow"] == allow
    (info,) = body["details"]
    assert info["metadata"] == {"method": method, "allow": allow}


def test_head_of_a_path_that_only_writes(web):
    """HEAD is refused where GET is, with the headers alone."""
    response = web.head("/api/v1/jobs/j:cancel")
    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")
    assert response.content == b""


def test_options(web):
    """OPTIONS tells what a path takes, and is 404 where there is none."""
    response = web.options("/api/v1/jobs/j")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    check(web.options("/nope"), 404, "not_found", "/nope")


@pytest.mark.parametrize("path", ["m", "big", "shaped", "bare", "detailed"])
def test_head_has_the_status_and_headers_of_get(web, path):
    """HEAD gives what GET gives, refusals too, without the body; the connection stays usable."""
    url, plain = f"/api/v1/models/{path}", {"accept-encoding": "identity"}
    got, head = web.get(url, headers=plain), web.head(url, headers=plain)
    assert head.content == b""
    assert head.status_code == got.status_code
    moving = {"x-request-id", "date", "vary"}  # vary is what the compressor says of a body
    for name in set(got.headers) - moving:
        assert head.headers[name] == got.headers[name]
    assert set(head.headers) - moving == set(got.headers) - moving
    assert web.get(url).status_code == got.status_code


def test_keys_of_every_refusal_stand_in_one_order(web, gateway):
    """What the gateway refuses itself looks as what the server refuses: order, end and all."""
    texts = [
        web.get("/nope").text,
        web.put("/api/v1/models").text,
        web.get("/api/v1/models?page_size=abc").text,
        web.get("/api/v1/models/bare").text,
        web.post("/api/v1/models", content=b"x" * 70_000).text,
    ]
    for path, headers in (("/%00", {}), ("/api/v1/models", {"x-long": "x" * 70_000})):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port)
        connection.request("GET", path, headers=headers)
        texts.append(connection.getresponse().read().decode())
    for text in texts:
        assert list(json.loads(text)) == ORDER
        assert text.endswith("}")


def test_query_parameter_of_wrong_type_is_told_in_plain_words(web):
    """A query parameter that is no number is refused with its name, its value and what it is."""
    response = web.get("/api/v1/models?page_size=abc")
    body = check(response, 400, "validation_error", "/api/v1/models")
    says = '"abc" was sent; a whole number from -2147483648 to 2147483647 is allowed'
    assert body["message"] == f"page_size: {says}"
    info, violation = body["details"]
    assert info["metadata"] == {"field": "page_size"}
    assert violation == {"field": "page_size", "description": says}


def test_body_over_the_limit(web):
    """A JSON body one byte over the limit is refused with 413, and one at the limit is taken."""
    frame = len(json.dumps({"name": ""}))
    at_limit = json.dumps({"name": "x" * (65536 - frame)})
    assert web.post("/api/v1/models", content=at_limit).status_code == 201
    response = web.post("/api/v1/models", content=at_limit[:-2] + 'x"}')
    body = check(response, 413, "payload_too_large", "/api/v1/models")
    assert "65536" in body["message"]


def test_bodies_of_a_few_bytes_over_any_limit_leave_the_connection_usable(web):
    """After a refused body the same client is answered again."""
    web.post("/api/v1/models", content=b"x" * 200_000)
    assert web.get("/api/v1/models/m").status_code == 200


def test_headers_over_the_limit(gateway):
    """Headers of more than 60 KiB are refused with 431 and the same body."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port)
    connection.request("GET", "/api/v1/models/m", headers={"x-long": "x" * 70_000})
    response = connection.getresponse()
    body = json.loads(response.read())
    assert (response.status, body["code"]) == (431, "headers_too_large")
    assert set(body) == KEYS


def test_path_that_is_not_http(gateway):
    """A path that cannot be decoded is refused with 400 and a message of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http_port)
    connection.request("GET", "/%00")
    response = connection.getresponse()
    body = json.loads(response.read())
    assert (response.status, body["message"]) == (400, "The request is not valid HTTP.")


def test_refusal_without_a_body_of_the_server_is_shaped(web):
    """A refusal for which the server sent no REST body gets one, with gRPC's message in it."""
    body = check(web.get("/api/v1/models/bare"), 404, "not_found", "/api/v1/models/bare")
    assert body["message"] == 'no "such" thing'
    assert body["details"] == []


def test_details_of_a_refusal_are_kept(web):
    """The details of a gRPC status stay in the body that the gateway shapes."""
    response = web.get("/api/v1/models/detailed?")
    body = check(response, 400, "validation_error", "/api/v1/models/detailed")
    assert body["details"][0]["reason"] == "NOT_YET"


def test_refusal_of_the_server_is_passed_on(web):
    """Status, body and headers that the server asks for are those that the caller gets."""
    response = web.get("/api/v1/models/shaped")
    assert response.status_code == 422
    assert response.text == VENDOR_BODY
    assert response.headers["retry-after"] == "7"
    assert response.headers["content-type"] == "application/json"
    hidden = {"x-http-status", "x-error-body", "grpc-status", "grpc-message"}
    assert not hidden & set(response.headers)


def test_method_that_the_server_lacks(web):
    """A route whose method the server does not have is refused with 501."""
    check(web.get("/api/v1/server"), 501, "not_implemented", "/api/v1/server")


def test_no_server():
    """Without a server a call is refused at once with 503, and told that it may be repeated."""
    running = gateways.start(settings(upstreams=("127.0.0.1:1",), access_log="/dev/null"))
    try:
        with http_client(running) as client:
            response = client.get("/api/v1/models")
            check(response, 503, "service_unavailable", "/api/v1/models")
            assert response.headers["retry-after"] == "1"
            assert client.get("/healthz").status_code == 503
    finally:
        running.stop(0)
