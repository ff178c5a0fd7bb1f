"""Engines that are kept for versions: started, counted from live processes, used, and ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import psutil
import pytest
from sklearn.linear_model import LogisticRegression

from assay.kernel.storage.blobs import open_blobs
from assay.kernel.storage.engine import sqlite_url
from assay.kernel.storage.store import open_store
from assay.learning.rows import TaskType
from tests.support.onnx_files import FEATURES, X, Y, converted
from tests.support.rest_client import client
from tests.support.trained_versions import TrainedVersion, put_version

WAIT = 60.0  # seconds until what never comes fails its test


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A version that runs, in the running service."""

    web: httpx.Client
    version: TrainedVersion

    @property
    def path(self) -> str:
        return f"/api/models/{self.version.model_id}/versions/1.0.0"

    def patch(self, least: int, most: int) -> httpx.Response:
        body = {"minimumParallelCapacity": least, "maximumParallelCapacity": most}
        return self.web.patch(self.path, json={"processing": body})

    def engines(self) -> dict[str, Any]:
        """Return what is told of the engines of the version; nothing where it has none."""
        listed = self.web.get("/api/resources/processing/engines").json()
        mine = [one for one in listed if one["identifier"] == self.version.model_id]
        return mine[0] if mine else {}

    def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        """Return the results of a job as soon as it has ended."""
        until = time.monotonic() + WAIT
        while not (found := self.web.get(f"/api/results/{job['jobIdentifier']}").json())[
            "finished"
        ]:
            assert time.monotonic() < until, found
        return found

    def check_example(self, path: str) -> None:
        """Check that the example of a version succeeds as a job, with the result that is told."""
        web = self.web
        body = web.get(f"{path}/sample-input").json()
        results = web.get(f"{path}/sample-output").json()["results"]
        job = web.post("/api/jobs", json=body)
        assert job.status_code == 202, job.text
        found = self.ended(job.json())
        assert found["failures"] == {}
        told = found["results"]
        assert told["sample"]["results.json"] == results["sample"]["results.json"]

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return what is told of the engines as soon as it holds."""
        until = time.monotonic() + WAIT
        while not holds(found := self.engines()):
            assert time.monotonic() < until, found
        return found


@pytest.fixture(scope="module")
def kept(service) -> Iterator[Kept]:
    """A version of texts."""
    store = open_store(sqlite_url(service.data_dir))
    blobs = open_blobs(service.data_dir / "blobs")
    version = put_version(store, blobs, "default", TaskType.TEXT_CLASSIFICATION)
    store.close()
    with client(service, service.key) as web:
        found = Kept(web=web, version=version)
        yield found
        found.patch(0, 1)
        found.until(lambda told: not told)


def test_what_cannot_be_reached_is_refused(kept: Kept):
    """A minimum above the maximum, or above what there is, is refused on both routes."""
    for least, most, word in ((2, 1, "maximum"), (1000, 2000, "cannot be reached")):
        body = {"minimumParallelCapacity": least, "maximumParallelCapacity": most}
        for answer in (
            kept.web.patch(kept.path, json={"processing": body}),
            kept.web.patch(f"{kept.path}/processing", json=body),
        ):
            assert answer.status_code == 400
            assert word in answer.json()["message"]
    draft = kept.web.post(f"/api/v1/models/{kept.version.model_id}/versions", json={}).json()
    path = f"/api/models/{kept.version.model_id}/versions/{draft['version_id']}/processing"
    answer = kept.web.patch(path, json={"minimumParallelCapacity": 1})
    assert answer.status_code == 422
    assert kept.engines() == {}
    assert kept.web.get(kept.path).json()["processing"]["minimumParallelCapacity"] == 0


def test_engines_are_kept_as_asked(kept: Kept, service):
    """What is asked comes to be ready as processes, which work on the version's jobs, and ends."""
    before = kept.web.get("/api/models/processing-engines").json()["minimumProcessingEnginesSum"]
    answer = kept.patch(2, 2)
    assert answer.status_code == 200, answer.text
    assert answer.json()["processing"] == {
        "minimumParallelCapacity": 2, "maximumParallelCapacity": 2,
    }  # fmt: skip  # one object
    found = kept.until(lambda told: told.get("ready") == 2)
    assert (found["version"], found["failed"], found["spinningUp"]) == ("1.0.0", 0, 0)
    assert all(type(found[key]) is int for key in ("running", "queued", "spinningDown"))
    after = kept.web.get("/api/models/processing-engines").json()["minimumProcessingEnginesSum"]
    assert after == before + 2
    models = kept.web.get("/api/resources/processing/models").json()
    assert [one["ready"] for one in models if one["identifier"] == kept.version.model_id] == [2]
    processes = len(psutil.Process(service.process.pid).children(recursive=True))
    job = kept.web.post(
        "/api/jobs",
        json={
            "model": {"identifier": kept.version.model_id, "version": "1.0.0"},
            "input": {"type": "text", "sources": {"a": {"input.txt": "Hej, hvad hedder du?"}}},
        },
    ).json()
    (result,) = kept.ended(job)["results"].values()
    assert result["engine"].startswith("engine-")
    kept.patch(0, 1)
    kept.until(lambda told: not told)
    assert len(psutil.Process(service.process.pid).children(recursive=True)) <= processes - 2


@pytest.mark.parametrize(
    "task_type",
    [TaskType.IMAGE_CLASSIFICATION, TaskType.TABULAR_REGRESSION, TaskType.EXTRACTION],
)
def test_the_example_of_a_version_runs(kept: Kept, service, task_type: TaskType):
    """The body that is told as an example submits a job whose input succeeds as the example says."""
    store = open_store(sqlite_url(service.data_dir))
    blobs = open_blobs(service.data_dir / "blobs")
    version = put_version(store, blobs, "default", task_type)
    store.close()
    kept.check_example(f"/api/models/{version.model_id}/versions/1.0.0")


def test_an_uploaded_file_has_examples_and_engines(kept: Kept):
    """A version of an ONNX file is told, run and kept ready as one that was trained here."""
    made = kept.web.post("/api/v1/models", json={"name": "iris", "task_type": "classification"})
    model_id = made.json()["model_id"]
    uploaded = kept.web.post(
        f"/api/v1/models/{model_id}/versions:onnx",
        params=[("features", name) for name in FEATURES],
        content=converted(LogisticRegression(max_iter=500).fit(X, Y)),
        headers={"content-type": "application/x-onnx"},
    )
    assert uploaded.status_code == 201, uploaded.text
    file = replace(kept, version=replace(kept.version, model_id=model_id))
    assert file.patch(1, 1).status_code == 200
    file.until(lambda told: told.get("ready") == 1)
    file.check_example(file.path)
    file.patch(0, 1)
    file.until(lambda told: not told)
