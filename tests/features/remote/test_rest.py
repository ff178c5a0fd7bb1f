"""Versions that somebody else serves, over REST."""

from __future__ import annotations

import httpx


def test_a_remote_version_is_made_and_shown_without_its_secrets(service):
    """201 with the endpoint and all defaults; the token is in no reply, and the version is ready."""
    remote = {
        "endpoint": "grpcs://models.example:8443",
        "protocol": "oip-v2-grpc",
        "model_name": "churn",
        "inputs": [{"name": "x", "datatype": "FP32", "columns": ["age", "calls"]}],
        "output": "predict_proba",
        "labels": ["stays", "leaves"],
        "token": "s3cret-token",
    }
    headers = {"authorization": f"Bearer {service.key}"}
    with httpx.Client(base_url=service.rest, headers=headers, trust_env=False) as rest:
        model = rest.post("/api/v1/models", json={"name": "Remote", "task_type": "classification"})
        path = f"/api/v1/models/{model.json()['model_id']}/versions"
        made = rest.post(path, json={"label": "2.0", "remote": remote})
        assert made.status_code == 201, made.text
        shown = rest.get(f"{path}/{made.json()['version_id']}")
        refused = rest.post(path, json={"remote": {**remote, "endpoint": "127.0.0.1:80"}})
        missing = rest.post(path, json={"remote": {"endpoint": "models.example:80"}})
    assert made.json() == shown.json()
    assert made.json()["status"] == "ready"
    assert made.json()["remote"]["endpoint"] == "models.example:8443"
    assert made.json()["remote"]["max_bytes"] == 4_194_304
    assert "s3cret" not in made.text + refused.text
    assert (refused.status_code, refused.json()["details"][0]["reason"]) == (
        422,
        "ADDRESS_NOT_ALLOWED",
    )
    assert missing.status_code == 400
