"""Revisions, gates and deletions over REST of the whole service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.refusal_body import check

GOOD = b"y_true,y_pred\nyes,yes\nno,no\nyes,yes\nno,yes\n"
BAD = b"y_true,y_pred\nyes,no\nno,yes\n"


@pytest.fixture
def admin(service) -> Iterator[httpx.Client]:
    """A client that may do everything."""
    headers = {"authorization": f"Bearer {service.key}"}
    with httpx.Client(
        base_url=service.rest, headers=headers, trust_env=False, timeout=90
    ) as opened:
        yield opened


@pytest.fixture
def path(admin) -> str:
    """The path of a new model with the version v1."""
    made = admin.post("/api/v1/models", json={"name": "m", "task_type": "classification"})
    model = f"/api/v1/models/{made.json()['model_id']}"
    assert admin.post(f"{model}/versions", json={"version_id": "v1"}).status_code == 201
    return model


def measured(admin: httpx.Client, path: str, data: bytes, **params: Any) -> dict[str, Any]:
    answer = admin.post(
        f"{path}/versions/v1/evaluations",
        content=data,
        params=params,
        headers={"content-type": "text/csv"},
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_gate_leaves_a_dashboard_as_it_was(admin, path):
    """What a promoted version serves stays when a requirement is not met, and `replace` changes it."""
    assert measured(admin, path, GOOD)["is_served"] is True
    admin.post(f"{path}/versions/v1/promote", json={})
    before = admin.get(f"{path}/performance/summary").json()
    failed = measured(admin, path, BAD, require=["accuracy>=0.6", "f1_score>=0.1"])
    assert (failed["is_served"], failed["held_back"]) == (False, "REQUIREMENT_NOT_MET")
    assert [one["met"] for one in failed["requirements"]] == [False, False]
    assert admin.get(f"{path}/performance/summary").json() == before
    rows = [{"y_true": "yes", "y_pred": "no"}, {"y_true": "no", "y_pred": "no"}]
    typed = f"{path}/versions/v1/evaluations:rows"
    held = admin.post(typed, json={"rows": rows, "require": ["accuracy>=0.5"]}).json()
    assert held["held_back"] == "OTHER_ROWS"
    replaced = admin.post(typed, json={"rows": rows, "replace": True}).json()
    assert replaced["is_served"] is True
    assert admin.get(f"{path}/performance/summary").json()["metrics"]["accuracy"] == 0.5


def test_a_wrong_requirement_is_400(admin, path):
    """A requirement of no metric is refused with the nearest one, and nothing is stored."""
    uploads = f"{path}/versions/v1/evaluations"
    csv = {"content-type": "text/csv"}
    answer = admin.post(uploads, content=GOOD, params={"require": "acuracy>=0.9"}, headers=csv)
    body = check(answer, 400, "validation_error", uploads)
    assert "did you mean 'accuracy'?" in body["message"]
    assert admin.get(uploads).json()["evaluations"] == []


def test_revisions_are_read_served_and_deleted(admin, path):
    """A revision is read by number, served again and deleted; the served one stays."""
    first = measured(admin, path, GOOD)
    second = measured(admin, path, BAD)
    revisions = f"{path}/versions/v1/evaluations/test"
    assert admin.get(f"{revisions}/2").json()["evaluation_id"] == second["evaluation_id"]
    check(admin.get(f"{revisions}/3"), 404, "not_found", f"{revisions}/3")
    served = admin.post(f"/api/v1/evaluations/{first['evaluation_id']}:serve", json={})
    assert served.json()["is_served"] is True
    assert admin.get(f"{path}/versions/v1").json()["metrics"]["accuracy"] == 0.75
    own = f"/api/v1/evaluations/{first['evaluation_id']}"
    body = check(admin.delete(own), 422, "unprocessable_entity", own)
    assert body["details"][0]["reason"] == "RESOURCE_IN_USE"
    assert admin.delete(f"/api/v1/evaluations/{second['evaluation_id']}").status_code == 204
    assert admin.delete(own, params={"cascade": "true"}).status_code == 204
    check(admin.get(own), 404, "not_found", own)


def test_a_version_is_deleted(admin, path):
    """A version with evaluations is 422 and names them, and goes with cascade."""
    made = measured(admin, path, GOOD)
    own = f"{path}/versions/v1"
    body = check(admin.delete(own), 422, "unprocessable_entity", own)
    assert made["evaluation_id"] in body["message"]
    assert admin.delete(own, params={"cascade": "true"}).status_code == 204
    check(admin.get(own), 404, "not_found", own)


def test_labels_are_declared_after_they_were_inferred(admin, path):
    """PATCH takes labels that hold all that were inferred, and refuses others by name."""
    measured(admin, path, GOOD)
    body = check(admin.patch(path, json={"labels": ["yes", "x"]}), 400, "validation_error", path)
    assert "no of the test evaluation" in body["message"]
    declared = {"labels": ["yes", "no"], "positive_label": "yes"}
    changed = admin.patch(path, json=declared).json()
    assert {name: changed[name] for name in declared} == declared


def test_a_taken_name_is_409_with_the_id(admin):
    """A taken name or id is 409 and says which resource has it; if_absent answers with that."""
    truth = "/v1/quality/ground-truth"
    made = admin.post(truth, json={"name": "taken over REST"}).json()
    body = check(admin.post(truth, json={"name": "taken over REST"}), 409, "already_exists", truth)
    assert body["details"][0]["metadata"]["resource_id"] == made["id"]
    again = admin.post(truth, json={"name": "taken over REST", "if_absent": True})
    assert again.json()["id"] == made["id"]
    listing = "/v1/quality/benchmarks"
    check(admin.get(listing, params={"dataset_id": "nope"}), 404, "not_found", listing)


def test_a_benchmark_is_deleted(admin):
    """A benchmark is deleted, and is absent from then on."""
    truth = "/v1/quality/ground-truth"
    dataset = admin.post(truth, json={"name": "of a deleted benchmark"}).json()["id"]
    entry = {"document_id": "d", "expected_data": {"a": "1"}}
    assert admin.post(f"{truth}/{dataset}/entries", json=entry).status_code == 201
    made = admin.post("/v1/quality/benchmarks", json={"dataset_id": dataset}).json()
    own = f"/v1/quality/benchmarks/{made['id']}"
    with admin.stream("GET", f"{own}:watch.ndjson") as lines:
        assert list(lines.iter_lines())  # to the end of the stream, where it has ended
    assert admin.delete(own).json() == {"deleted": True}
    check(admin.get(own), 404, "not_found", own)
