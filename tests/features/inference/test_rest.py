"""Inference jobs over REST of the whole service: submission, details, cancel, and refusals."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import open_store
from assay.learning.rows import TaskType
from tests.support.refusal_body import check
from tests.support.rest_client import client, key_with
from tests.support.trained_versions import put_version

ORG = "default"
WAIT = 30.0  # seconds until a job that never ends fails its test
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")


@dataclass(frozen=True, kw_only=True)
class Texts:
    """A version of texts, and a caller who may run it."""

    web: httpx.Client
    service: Any
    model_id: str

    def body(self, sources: Any, kind: str = "text", **more: Any) -> dict[str, Any]:
        """Return the body of a submission."""
        model = {"identifier": self.model_id, "version": "1.0.0"}
        return {"model": model, "input": {"type": kind, "sources": sources}, **more}

    def submitted(self, sources: Any, **more: Any) -> dict[str, Any]:
        """Submit inputs; return the receipt."""
        answer = self.web.post("/api/jobs", json=self.body(sources, **more))
        assert answer.status_code == 202, answer.text
        receipt: dict[str, Any] = answer.json()
        return receipt

    def ended(self, job_id: str) -> dict[str, Any]:
        """Poll a job as clients do, and return its details once it has ended."""
        until = time.monotonic() + WAIT
        while True:
            details: dict[str, Any] = self.web.get(f"/api/jobs/{job_id}").json()
            if details["status"] not in {"SUBMITTED", "IN_PROGRESS"}:
                return details
            assert time.monotonic() < until


@pytest.fixture(scope="module")
def written(service) -> Iterator[Texts]:
    """A version of texts in the service."""
    store = open_store(sqlite_url(service.data_dir))
    blobs = open_blobs(service.data_dir / "blobs")
    version = put_version(store, blobs, ORG, TaskType.TEXT_CLASSIFICATION)
    store.close()
    with client(service, service.key) as web:
        yield Texts(web=web, service=service, model_id=version.model_id)


@pytest.mark.parametrize("explain", [None, True, False, "true", "false"], ids=str)
def test_a_job_is_submitted_and_polled_to_its_end(written: Texts, explain: object):
    """202 with the receipt, then details until COMPLETED; `explain` is absent, a truth or its word."""
    more = {} if explain is None else {"explain": explain}
    receipt = written.submitted({"first": {"input.txt": "hej med dig"}}, **more)
    assert receipt["status"] == "SUBMITTED"
    assert receipt["explain"] is (explain in (True, "true"))
    assert TIME.fullmatch(receipt["submittedAt"])
    details = written.ended(receipt["jobIdentifier"])
    counts = {name: details[name] for name in ("total", "pending", "completed", "failed")}
    assert counts == {"total": 1, "pending": 0, "completed": 1, "failed": 0}
    assert details["status"] == "COMPLETED"
    for name in ("createdAt", "updatedAt", "submittedAt"):
        assert TIME.fullmatch(details[name])
    assert details["user"]["accessKeys"] == [{"prefix": receipt["accessKey"], "isDefault": True}]
    for name in ("elapsedTime", "queueTime", "timeout", "hoursDeleteInput", "inputByteAmount"):
        assert type(details[name]) is int


def test_a_job_without_inputs_is_open_until_it_is_canceled(written: Texts):
    """Without `input` the receipt says OPEN, and a DELETE answers with CANCELED, again and again."""
    answer = written.web.post("/api/jobs", json={"model": written.body({})["model"]})
    assert (answer.status_code, answer.json()["status"]) == (202, "OPEN")
    path = f"/api/jobs/{answer.json()['jobIdentifier']}"
    assert written.web.get(path).json()["submittedAt"] is None
    for _ in range(2):
        canceled = written.web.delete(path)
        assert (canceled.status_code, canceled.json()["status"]) == (200, "CANCELED")


def test_what_is_wrong_with_a_submission_is_told(written: Texts):
    """404 for an unknown model or version, 400 for a wrong body, 413 for too many inputs."""
    one = {"a": {"input.txt": "x"}}
    absent = written.body(one) | {"model": {"identifier": "absent"}}
    check(written.web.post("/api/jobs", json=absent), 404, "not_found", "/api/jobs")
    older = written.body(one) | {"model": {"identifier": written.model_id, "version": "7.0.0"}}
    check(written.web.post("/api/jobs", json=older), 404, "not_found", "/api/jobs")
    twice = json.dumps(written.body({})).replace("{}", '{"a": {"i": "x"}, "a": {"i": "y"}}')
    body = check(written.web.post("/api/jobs", content=twice), 400, "validation_error", "/api/jobs")
    assert "twice" in body["message"]
    for kind, way, more in (
        ("jdbc", "/api/jobs/{job}/rows", {"url": "jdbc:x", "password": "p", "query": "q"}),
        ("azureblob", "in chunks", {"storageAccount": "x", "storageAccountKey": "y"}),
        ("text", "jdbc or azureblob", {"url": "jdbc:x"}),
    ):
        elsewhere = written.body(one, kind)
        elsewhere["input"] |= more
        answer = written.web.post("/api/jobs", json=elsewhere)
        body = check(answer, 400, "validation_error", "/api/jobs")
        assert way in body["message"]
    named = written.body(one)
    named["input"]["names"] = ["a"]
    check(written.web.post("/api/jobs", json=named), 400, "validation_error", "/api/jobs")
    number = written.body({"a": {"input.txt": 7}})
    check(written.web.post("/api/jobs", json=number), 400, "validation_error", "/api/jobs")
    many = written.body({f"{at}": {"i": "x"} for at in range(10_001)})
    body = check(written.web.post("/api/jobs", json=many), 413, "payload_too_large", "/api/jobs")
    assert "10000" in body["message"]


def test_a_repeat_with_an_idempotency_key_is_one_job(written: Texts):
    """The same key and body answer with the first job's receipt; another body is refused."""
    headers = {"idempotency-key": "inference-once"}
    sources = {name: {"input.txt": name} for name in ("b", "c", "a")}
    first, again = (
        written.web.post("/api/jobs", json=written.body(sent), headers=headers).json()
        for sent in (sources, dict(sorted(sources.items())))
    )
    assert first["jobIdentifier"] == again["jobIdentifier"]
    assert first["jobInputs"] == {"identifier": ["b", "c", "a"]}  # in the order of the caller
    other = written.web.post("/api/jobs", json=written.body({"d": {}}), headers=headers)
    assert other.status_code == 409


def test_a_submission_needs_its_permissions(written: Texts):
    """403 without job:submit; a reader of jobs sees one and cannot cancel it."""
    made = written.submitted({"a": {"input.txt": "x"}})["jobIdentifier"]
    with client(written.service, key_with(written.web, "job:read", "model:read")) as reader:
        answer = reader.post("/api/jobs", json=written.body({"a": {"input.txt": "x"}}))
        assert answer.status_code == 403
        assert reader.get(f"/api/jobs/{made}").status_code == 200
        assert reader.delete(f"/api/jobs/{made}").status_code == 403
    written.ended(made)
    ended = written.web.delete(f"/api/jobs/{made}")
    body = check(ended, 422, "unprocessable_entity", f"/api/jobs/{made}")
    assert body["message"].endswith("has already ended: COMPLETED.")
