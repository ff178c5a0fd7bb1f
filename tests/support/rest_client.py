"""Clients of the whole service's REST routes, and what they make there."""

from __future__ import annotations

from dataclasses import dataclass

import httpx


@dataclass(frozen=True, kw_only=True)
class Made:
    """A model with one promoted version that is evaluated on the test split."""

    model: str
    version: str

    def path(self, route: str) -> str:
        return f"/api/v1/models/{self.model}/performance/{route}"


def client(service, key: str | None) -> httpx.Client:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx.Client(base_url=service.rest, headers=headers, trust_env=False, timeout=90)


def make_model(admin, task_type="classification", **more) -> str:
    answer = admin.post("/api/v1/models", json={"name": "m", "task_type": task_type, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["model_id"]


def make(admin, content: str, task_type="classification", **more) -> Made:
    """Create a model and a version, evaluate `content` on the test split, promote."""
    model = make_model(admin, task_type, **more)
    versions = f"/api/v1/models/{model}/versions"
    version = admin.post(versions, json={}).json()["version_id"]
    headers = {"content-type": "text/csv"}
    path = f"{versions}/{version}/evaluations?dataset_split=test"
    answer = admin.post(path, content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    assert admin.post(f"{versions}/{version}/promote", json={}).status_code == 200
    return Made(model=model, version=version)


def key_with(admin, *permissions: str) -> str:
    answer = admin.post("/api/v1/keys", json={"name": "test", "permissions": list(permissions)})
    assert answer.status_code == 201, answer.text
    return answer.json()["secret"]
