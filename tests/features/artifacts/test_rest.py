"""ONNX files as versions by REST, through Envoy."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sklearn.linear_model import LogisticRegression

from tests.support.onnx_files import FEATURES, X, Y, converted
from tests.support.rpc_service import Caller


@pytest.fixture
def web(rpc_web, me: Caller) -> Iterator[httpx.Client]:
    with rpc_web(me) as client:
        yield client


def test_a_file_is_the_body_and_what_is_said_of_it_the_query(web, me):
    """The body alone is the file; lists are repeated; refusals are bodies as of every route."""
    model_id = me.model().model_id
    data = converted(LogisticRegression(max_iter=500).fit(X, Y))
    route = f"/api/v1/models/{model_id}/versions:onnx"
    said = [("features", name) for name in FEATURES] + [("label", "3.1"), ("logits", "false")]
    headers = {"content-type": "application/octet-stream", "idempotency-key": "one"}
    made = web.post(route, params=said, content=data, headers=headers)
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["status"], body["label"], body["algorithm"]) == ("ready", "3.1", "onnx")
    again = web.post(route, params=said, content=data, headers=headers)
    assert (again.status_code, again.json()["version_id"]) == (201, body["version_id"])
    headers = {"content-type": "application/x-onnx"}
    waiting = web.post(route, params=[*said, ("no_wait", "true")], content=data, headers=headers)
    assert waiting.status_code in {201, 202}
    if waiting.status_code == 202:
        assert waiting.headers["location"].startswith("/api/v1/jobs/")
    refused = web.post(route, content=data, headers=headers)
    told = refused.json()
    [detail] = told["details"]
    assert (refused.status_code, detail["reason"]) == (400, "BAD_FILE")
    assert "Declare the name of each column's feature" in told["message"]
    version_id = detail["metadata"]["version_id"]
    shown = web.get(f"/api/v1/models/{model_id}/versions/{version_id}")
    assert shown.json()["failure_message"] == told["message"]
    wrong = web.post(route, content=data, headers={"content-type": "text/csv"})
    assert wrong.status_code in {400, 415}
    file = web.get(f"/api/v1/models/{model_id}/versions/{body['version_id']}/artifact")
    assert (file.status_code, file.content) == (200, data)
