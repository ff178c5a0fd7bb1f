"""The catalogue over REST, as the clients of its family ask for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from assay.features.artifacts.store import VersionArtifacts
from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import open_store
from assay.learning.rows import TaskType
from assay.records import replace
from tests.support.rest_client import client
from tests.support.trained_versions import put_version

ORG = "default"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")
TAG = "catalogue_tests"
# Keys of the family's model and version objects.
MODEL = {
    "modelId": str, "latestVersion": str, "latestActiveVersion": str, "versions": list,
    "author": str, "name": str, "description": str, "permalink": str, "features": list,
    "isActive": bool, "isRecommended": bool, "isCommercial": bool, "tags": list, "images": list,
    "snapshotImages": list, "lastActiveDateTime": str, "createdByEmail": str, "visibility": dict,
}  # fmt: skip  # a table
VERSION = {
    "version": str, "createdAt": str, "updatedAt": str, "createdBy": str,
    "inputValidationSchema": str, "timeout": dict, "requirement": dict, "containerImage": dict,
    "loadStatus": str, "runStatus": str, "inputs": list, "outputs": list, "statistics": list,
    "isActive": bool, "isAvailable": bool, "longDescription": str, "technicalDetails": str,
    "performanceSummary": str, "sourceType": str, "versionHistory": str, "status": str,
    "sampleInput": str, "sampleOutput": str, "model": dict,
}  # fmt: skip  # a table


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Models that this file made: one that runs, one without a version, one of another tag."""

    web: httpx.Client
    running: str
    empty: str
    other: str

    def get(self, path: str, **query: Any) -> Any:
        """Return what a route answers."""
        names = {name.replace("_", "-"): value for name, value in query.items()}
        answer = self.web.get(f"/api/models{path}", params=names)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def found(self, **query: Any) -> list[str]:
        """Return the models that a query finds, of those of this file."""
        mine = {self.running, self.empty, self.other}
        names = {name.replace("_", "-"): value for name, value in query.items()}
        listed = self.get("", **{"per_page": 1000, **names})
        return [one["modelId"] for one in listed if one["modelId"] in mine]


@pytest.fixture(scope="module")
def shop(service) -> Iterator[Shop]:
    """The models, in the running service."""
    with client(service, service.key) as web:

        def made(**fields: Any) -> str:
            body = {"name": "n", "task_type": "classification", **fields}
            answer = web.post("/api/v1/models", json=body)
            assert answer.status_code == 201, answer.text
            return answer.json()["model_id"]

        running = made(
            name="Catalogue Languages", description="Tells Danish from Swedish.", tags=[TAG, "text"]
        )
        empty = made(name="Catalogue Nothing", tags=[TAG])
        other = made(
            name="Unlike the rest",
            sample_input={"input": {"type": "text"}},
            sample_output="plain",
            inputs=[{"name": "page.txt", "media_type": "text/plain", "maximum_size": 1000}],
        )
        store = open_store(sqlite_url(service.data_dir))
        blobs = open_blobs(service.data_dir / "blobs")
        for model_id, label in ((running, "0.9.0"), (running, None), (other, None)):
            put_version(
                store, blobs, ORG, TaskType.TEXT_CLASSIFICATION, of_model=model_id, label=label
            )
        store.close()
        yield Shop(web=web, running=running, empty=empty, other=other)


def test_a_listing_has_names_and_versions(shop: Shop):
    """Each model of a listing has exactly its id, its newest version and all of its versions."""
    (found,) = shop.get("", modelId=shop.running)
    assert found == {
        "modelId": shop.running, "latestVersion": "2.0.0", "versions": ["2.0.0", "0.9.0"],
    }  # fmt: skip  # one object


def test_every_filter_chooses(shop: Shop):
    """Names and texts are found by similarity, truths in any case, and unknown names are unread."""
    running, empty, other = shop.running, shop.empty, shop.other
    assert shop.found(name="catalogue languages") == [running]
    assert set(shop.found(name="CATALOGUE")) == {running, empty}
    assert set(shop.found(name="languages,unlike")) == {running, other}
    assert shop.found(name="no such model at all") == []
    assert shop.found(description="danish;swedish") == [running]
    assert shop.found(isActive="True", author=ORG, unheardOf="x") == [other, running]
    assert shop.found(isActive="false") == [empty]
    assert shop.found(isExpired="True") == []
    assert len(shop.found(isExpired="False", isRecommended="False", isCommercial="False")) == 3
    assert shop.found(author="somebody else") == []
    now = datetime.now(UTC)
    assert len(shop.found(lastActiveDateTime=(now - timedelta(hours=1)).isoformat())) == 3
    assert len(shop.found(lastActiveDateTime="2026-01-31 12:00:00 00:00")) == 3  # no escaped +
    later = (now + timedelta(hours=1)).replace(tzinfo=None).isoformat(timespec="milliseconds")
    assert shop.found(lastActiveDateTime=later) == []
    assert shop.found(expirationDateTime=later) == []


def test_listings_are_sorted_and_paged(shop: Shop):
    """An order is taken in any case, a page tells the next one in Link, and ten is the default."""
    by_name = shop.found(sort_by="name", direction="DESC")
    assert by_name == [shop.other, shop.empty, shop.running]
    by_time = shop.found(sort_by="LASTACTIVEDATETIME,name", direction="asc")
    times = [shop.get(f"/{one}")["lastActiveDateTime"] for one in by_time]
    assert len(times) == 3
    assert times == sorted(times)
    assert shop.found(sort_by="isActive,name", direction="DESC,asc") == [
        shop.running, shop.other, shop.empty,
    ]  # fmt: skip  # one list
    answer = shop.web.get("/api/models", params={"per-page": 1, "sort-by": "name", "page": 1})
    assert len(answer.json()) == 1
    link = re.fullmatch(r'<(/api/models\?[^>]+)>; rel="next"', answer.headers["link"])
    assert link
    assert shop.web.get(link[1]).json() != answer.json()
    assert len(shop.get("")) <= 10


@pytest.mark.parametrize(
    "query",
    [{"isActive": "perhaps"}, {"sort-by": "colour"}, {"direction": "up"}, {"per-page": "0"},
     {"sort-by": "name", "direction": "ASC,DESC"}, {"sort-by": "name,NAME"}, {"per-page": "x"},
     {"lastActiveDateTime": "yesterday"}, {"page": "-1"}],
)  # fmt: skip  # one list
def test_wrong_values_are_refused(shop: Shop, query: dict[str, str]):
    """A value that a filter cannot take is 400 with the body of the family."""
    answer = shop.web.get("/api/models", params=query)
    assert answer.status_code == 400
    assert answer.json()["statusCode"] == 400
    assert answer.json()["message"].partition(":")[0] in query


def test_a_model_has_every_documented_key(shop: Shop):
    """A model has the family's keys with their types, and times with milliseconds and +00:00."""
    found = shop.get(f"/{shop.running}")
    assert {key: type(found[key]) for key in MODEL} == MODEL
    assert found["identifier"] == found["modelId"] == shop.running
    assert TIME.fullmatch(found["lastActiveDateTime"])
    assert found["tags"][0] == {
        "identifier": TAG, "name": "Catalogue Tests", "dataType": "string", "isCategorical": True,
    }  # fmt: skip  # one object
    assert found["features"][0]["identifier"] == "built-in-explainability"
    latest = shop.get("/latest", modelId=shop.running)
    assert latest == [found]
    assert shop.get(f"/{shop.empty}")["latestVersion"] == ""
    refused = shop.web.get("/api/models/unknown")
    assert (refused.status_code, refused.json()["statusCode"]) == (404, 404)


def test_a_version_has_every_documented_key(shop: Shop):
    """A version is found by number, label and id, with the family's keys and their types."""
    assert shop.get(f"/{shop.running}/versions") == [{"version": "2.0.0"}, {"version": "0.9.0"}]
    found = shop.get(f"/{shop.running}/versions/2.0.0")
    assert {key: type(found[key]) for key in VERSION} == VERSION
    assert TIME.fullmatch(found["createdAt"])
    assert (found["status"], found["isActive"], found["isAvailable"]) == ("active", True, True)
    assert found["inputs"][0]["name"] == "input.txt"
    assert found["inputs"][0]["acceptedMediaTypes"] == "text/plain"
    assert type(found["inputs"][0]["maximumSize"]) is int
    assert found["outputs"][0]["name"] == "results.json"
    assert found["outputs"][0]["mediaType"] == "application/json"
    assert shop.get(f"/{shop.running}/versions/{found['versionId']}") == found
    assert shop.get(f"/{shop.running}/versions/0.9.0")["version"] == "0.9.0"
    assert shop.web.get(f"/api/models/{shop.running}/versions/3.0.0").status_code == 404
    declared = shop.get(f"/{shop.other}/versions/1.0.0")["inputs"]
    assert declared == [
        {"name": "page.txt", "acceptedMediaTypes": "text/plain", "maximumSize": 1000, "description": ""}
    ]  # fmt: skip  # one list


def test_samples_are_derived_or_set(shop: Shop):
    """An example is the body of a job and its results, until one of its own is set."""
    path = f"/{shop.running}/versions/2.0.0"
    job = shop.get(f"{path}/sample-input")
    assert job["model"] == {"identifier": shop.running, "version": "2.0.0"}
    assert job["input"]["type"] == "text"
    assert set(job["input"]["sources"]["sample"]) == {"input.txt"}
    results = shop.get(f"{path}/sample-output")
    document = results["results"]["sample"]["results.json"]
    assert document["modelType"] == "textClassification"
    assert results["failures"] == {}
    version = shop.get(path)
    assert json.loads(version["sampleInput"]) == job
    assert json.loads(version["sampleOutput"]) == results
    own = {"input": {"type": "text", "sources": {"a": {"input.txt": "b"}}}, "n": 1}
    for name in ("input", "output"):
        route = f"/api/models{path}/sample-{name}"
        assert shop.web.put(route, json=own).json() == own
        assert shop.web.get(route).json() == own
        null = {"content": "null", "headers": {"content-type": "application/json"}}
        assert shop.web.put(route, **null).status_code == 200
    assert shop.get(f"{path}/sample-input") == job
    of_model = f"/{shop.other}/versions/1.0.0"
    assert shop.get(f"{of_model}/sample-input") == {"input": {"type": "text"}}
    assert shop.get(f"{of_model}/sample-output") == "plain"


def test_tags_lead_to_models(shop: Shop):
    """Tags are listed, lead to their models, and unknown ones to two empty lists."""
    assert TAG in [one["identifier"] for one in shop.get("/tags")]
    found = shop.get(f"/tags/{TAG},text")
    assert [one["identifier"] for one in found["tags"]] == [TAG, "text"]
    assert [one["identifier"] for one in found["models"]] == [shop.empty, shop.running]
    assert found["models"][0]["tags"][0]["identifier"] == TAG
    assert shop.get("/tags/unheard_of") == {"tags": [], "models": []}
    related = shop.get(f"/{shop.running}/related-models")
    assert [(one["identifier"], one["name"]) for one in related] == [
        (shop.empty, "Catalogue Nothing")
    ]
    assert shop.get(f"/{shop.other}/related-models") == []


def test_what_is_said_of_a_version_changes(shop: Shop):
    """Texts, statistics and items of a version change as sent, nulls leave them, and it is active."""
    path = f"/api/models/{shop.running}/versions/0.9.0"
    sent = {
        "longDescription": "long", "technicalDetails": None, "performanceSummary": "well",
        "statistics": [{"label": "F1", "value": 0.9}], "status": "active", "outputs": None,
        "inputs": [{"name": "input", "acceptedMediaTypes": "application/json", "maximumSize": 9}],
    }  # fmt: skip  # one object
    found = shop.web.patch(path, json=sent)
    assert found.status_code == 200, found.text
    body = found.json()
    assert (body["longDescription"], body["performanceSummary"]) == ("long", "well")
    assert body["statistics"] == sent["statistics"]
    assert body["inputs"][0]["maximumSize"] == 9
    assert shop.web.get(path).json() == body
    for same in ({}, {"status": "ACTIVE"}, {"longDescription": "long"}):
        assert shop.web.patch(path, json=same).json() == body  # updatedAt too
    assert shop.web.patch(path, json={"status": "asleep"}).status_code == 400
    assert shop.web.patch(path, json={"statistics": [1]}).status_code == 400


def test_the_account_has_requirements(shop: Shop):
    """The requirements are a list whose amounts a client reads up to m and G."""
    (found,) = shop.get("/requirements/account")
    assert (found["requirementId"], found["status"]) == (1, "ACTIVE")
    assert float(found["cpuAmount"].split("m")[0]) == 1000
    assert float(found["memoryAmount"].split("G")[0]) > 0


def test_a_model_declares_over_rest(shop: Shop):
    """Tags, inputs and examples are set where a model is made or changed, and taken away again."""
    made = shop.web.post(
        "/api/v1/models",
        json={
            "name": "declares", "task_type": "classification", "tags": ["one_tag"],
            "inputs": [{"name": "a", "media_type": "text/plain"}], "sample_input": {"n": 1},
        },
    )  # fmt: skip  # one call
    assert made.status_code == 201, made.text
    path = f"/api/v1/models/{made.json()['model_id']}"
    assert made.json()["inputs"][0]["maximum_size"] == 104_857_600
    changed = shop.web.patch(
        path, json={"tags": [], "sample_input": None, "outputs": [{"name": "b"}]}
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["tags"], changed.json()["outputs"][0]["name"]) == ([], "b")
    same = shop.web.patch(path, json={"name": "declares"}).json()
    assert same["updated_at"] == changed.json()["updated_at"]
    refused = shop.web.patch(path, json={"tags": [1]})
    assert refused.status_code == 400
    assert "tags[0]" in refused.json()["message"]


def test_a_version_that_cannot_be_opened_is_described(shop: Shop, service):
    """The description of a version whose blob is lost has an empty example instead of a refusal."""
    store = open_store(sqlite_url(service.data_dir))
    blobs = open_blobs(service.data_dir / "blobs")
    version = put_version(store, blobs, ORG, TaskType.TABULAR_REGRESSION)
    with store.write() as uow:
        lost = replace(version.artifact, blob="sha256:" + "0" * 64)
        key = ORG, version.model_id, version.version_id
        job = uow[VersionArtifacts].find(*key).job_id
        uow[VersionArtifacts].put(*key, job_id=job, artifact=lost)
    store.close()
    found = shop.get(f"/{version.model_id}/versions/1.0.0")
    assert json.loads(found["sampleOutput"])["results"] == {}
