"""The OpenAPI document through the gateway, and replies of the whole service held against it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from tests.support.rest_client import client, make

PERFORMANCE = (
    "summary", "classification-report", "confusion-matrix", "roc-curve", "pr-curve", "thresholds",
    "calibration", "misclassification-errors", "slices", "intervals",
)  # fmt: skip  # a list
ROWS = "y_true,y_pred,score\nno,no,0.1\nyes,yes,0.8\nyes,no,0.3\nno,no,0.2\n"


@pytest.fixture(scope="module")
def admin(service) -> Iterator[httpx.Client]:
    with client(service, service.key) as found:
        yield found


@pytest.fixture(scope="module")
def document(service) -> dict[str, Any]:
    with client(service, None) as nobody:
        response = nobody.get("/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return response.json()


def check_reply(document: dict[str, Any], path: str, response: httpx.Response) -> None:
    """Hold a reply against the schema that the document has for it."""
    operation = document["paths"][path][response.request.method.lower()]
    described = operation["responses"][str(response.status_code)]
    if "$ref" in described:
        described = document["components"]["responses"][described["$ref"].rpartition("/")[2]]
    schema = described["content"]["application/json"]["schema"]
    closed = {**schema, "components": document["components"], "unevaluatedProperties": False}
    Draft202012Validator(closed).validate(response.json())


def test_the_document_is_served_to_anybody(document):
    """GET /openapi.json answers without a credential, with every route of the product."""
    assert document["openapi"] == "3.1.0"
    assert "/openapi.json" in document["paths"]
    assert "/api/v1/models/{model_id}/performance/summary" in document["paths"]


def test_replies_are_as_described(document, admin):
    """What the running service answers, refusals included, obeys the document's schemas."""
    made = make(admin, ROWS, labels=["no", "yes"], positive_label="yes")
    model, version = f"/api/v1/models/{made.model}", made.version
    versions = "/api/v1/models/{model_id}/versions"
    paths = {
        "/api/v1/server": "/api/v1/server",
        "/api/v1/models": "/api/v1/models",
        "/api/v1/keys": "/api/v1/keys",
        "/api/v1/models/{model_id}": model,
        versions: f"{model}/versions",
        f"{versions}/{{version_id}}": f"{model}/versions/{version}",
        f"{versions}/{{version_id}}/evaluations": f"{model}/versions/{version}/evaluations",
        f"{versions}/compare": f"{model}/versions/compare?version_a={version}&version_b={version}",
    }
    for route in PERFORMANCE:
        paths[f"/api/v1/models/{{model_id}}/performance/{route}"] = made.path(route)
    for template, path in paths.items():
        response = admin.get(path)
        assert response.status_code == 200, path
        check_reply(document, template, response)


def test_refusals_are_as_described(document, admin, service):
    """Refusals of the running service have the body that the document says they have."""
    with client(service, None) as nobody:
        check_reply(document, "/api/v1/models", nobody.get("/api/v1/models"))
    absent = admin.get("/api/v1/models/mdl-none")
    check_reply(document, "/api/v1/models/{model_id}", absent)
    refused = admin.post("/api/v1/models", json={"name": "x", "task_type": "none"})
    assert refused.status_code == 400
    check_reply(document, "/api/v1/models", refused)


def test_the_page_of_the_routes_loads_nothing(service, document):
    """GET / leads to /docs: every route as HTML, without a script or anything of another host."""
    with httpx.Client(base_url=service.rest, trust_env=False, follow_redirects=True) as nobody:
        response = nobody.get("/")
    assert (response.status_code, response.url.path) == (200, "/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"].startswith("default-src 'none'; ")
    assert not re.search(
        r"<script|src=|//|@import|<link",
        re.sub("<pre>.*?</pre>", "", response.text, flags=re.DOTALL),
    )
    for path in document["paths"]:
        assert f"<code>{path}</code>" in response.text
