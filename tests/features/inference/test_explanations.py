"""Explanations of inference jobs: submitted over REST through Envoy, run, and told with each output."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pyarrow as pa
import pytest

from assay.learning.model import Model
from assay.learning.rows import TaskType
from tests.support.learning_rows import text_rows, trained
from tests.support.planted_images import planted_images
from tests.support.rpc_service import Caller, Running
from tests.support.trained_versions import put_version

TEXT, IMAGE = TaskType.TEXT_CLASSIFICATION, TaskType.IMAGE_CLASSIFICATION
FILL = "the small house by the river has a garden and"


class Explainer:
    """An organization that submits jobs with explain over REST."""

    def __init__(self, rpc: Running, caller: Caller, web: httpx.Client):
        self.rpc, self.caller, self.web = rpc, caller, web

    def version(self, task_type: TaskType, model: Model | None = None) -> dict[str, str]:
        """Store a version and return what a submission says of it."""
        backend = self.rpc.backend
        made = put_version(
            backend.store, backend.blobs, self.caller.organization, task_type, runs=model
        )
        return {"identifier": made.model_id, "version": made.version_id}

    def submitted(self, model: dict[str, str], sources: dict[str, Any], **more: Any):
        """Submit embedded inputs and return the answer."""
        uris = {
            name: {
                item: f"data:{kind};base64,{base64.b64encode(data).decode()}"
                for item, (kind, data) in items.items()
            }
            for name, items in sources.items()
        }
        body = {"model": model, "input": {"type": "embedded", "sources": uris}, **more}
        return self.web.post("/api/jobs", json=body)

    def outputs(self, model: dict[str, str], sources: dict[str, Any], explain: Any = True):
        """Return the outputs of a job by the names of its inputs."""
        answer = self.submitted(model, sources, explain=explain)
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["jobIdentifier"]
        self.caller("WatchJob", job_id=job_id)
        found = self.web.get(f"/api/results/{job_id}").json()
        assert (found["finished"], found["explained"], found["failures"]) == (True, True, {})
        return {name: one["results.json"] for name, one in found["results"].items()}


@pytest.fixture(scope="module")
def explainer(rpc: Running, rpc_web) -> Iterator[Explainer]:
    caller = rpc.organization(f"explained-{uuid4().hex}")
    with rpc_web(caller) as web:
        yield Explainer(rpc, caller, web)


@pytest.mark.parametrize("explain", [True, "true"])
def test_the_planted_word_of_a_text_comes_first(explainer, explain):
    """A text's explanation has its words by class; the word that decided is first, at its place."""
    words = {"cats": "purring", "dogs": "barking"}
    texts = [f"{FILL} {word} {number}" for word in words.values() for number in range(30)]
    labels = [label for label in words for _ in range(30)]
    model = trained(TEXT, [text_rows(texts, labels)], num_train_epochs=10)
    version = explainer.version(TEXT, model)
    text = b" The garden is  barking \r\n loudly"
    found = explainer.outputs(version, {"a": {"input.txt": ("text/plain", text)}}, explain)["a"]
    assert found["modelType"] == "textClassification"
    assert found["result"]["classPredictions"][0]["class"] == "dogs"
    assert set(found["explanation"]) == {"wordImportances"}
    importances = found["explanation"]["wordImportances"]
    assert list(importances) == ["dogs", "cats"]
    first = importances["dogs"][0]
    assert (first["word"], first["index"]) == ("barking", 3)
    assert first["score"] > 0 > importances["cats"][-1]["score"]
    assert all(text.decode().split()[one["index"]] == one["word"] for one in importances["dogs"])


def test_the_planted_patch_of_an_image_is_under_the_mask(explainer):
    """An image's explanation has a mask a class, at the image's size, that meets the patch."""
    model = trained(IMAGE, [planted_images(400, 1).rows], image_size=32, num_train_epochs=25)
    planted = planted_images(3, 2, (48, 80))
    files = planted.rows.column("image").to_pylist()
    sources = {f"i{row}": {"input.png": ("image/png", data)} for row, data in enumerate(files)}
    outputs = explainer.outputs(explainer.version(IMAGE, model), sources)
    for row, found in enumerate(outputs.values()):
        classes = [one["class"] for one in found["result"]["classPredictions"]]
        assert classes[0] == planted.rows.column("label")[row].as_py()
        assert set(found["explanation"]) == {"maskRLE", "dimensions"}
        assert found["explanation"]["dimensions"] == {"height": 48, "width": 80}
        assert len(found["explanation"]["maskRLE"]) == len(classes)
        runs = found["explanation"]["maskRLE"][0]
        mask = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape((48, 80), order="F")
        truth = planted.truth(row)
        assert (mask & truth).sum() / (mask | truth).sum() >= 0.5


def test_features_of_a_row_are_told_with_their_values(explainer):
    """A tabular row's explanation has its features by class, each with its value and score."""
    draw = np.random.default_rng(3)
    names = ("height", "width", "weight")
    numbers = dict(zip(names, draw.normal(0, 1, (3, 200)), strict=True))
    labels = np.where(numbers["width"] > 0, "wide", "narrow").tolist()
    columns = {"row_id": [f"r{row}" for row in range(200)], **numbers, "label": labels}
    table = TaskType.TABULAR_CLASSIFICATION
    model = trained(table, [pa.RecordBatch.from_pydict(columns)], num_train_epochs=10)
    version = explainer.version(table, model)
    sent = {"height": 0.1, "width": 1.5, "weight": -0.2}
    sources = {"a": {"input.json": ("application/json", json.dumps(sent).encode())}}
    found = explainer.outputs(version, sources)["a"]
    classes = [one["class"] for one in found["result"]["classPredictions"]]
    importances = found["explanation"]["featureImportances"]
    assert list(importances) == classes == ["wide", "narrow"]
    assert importances["wide"][0]["feature"] == "width"
    for entries in importances.values():
        assert {one["feature"]: one["value"] for one in entries} == sent
        scores = [one["score"] for one in entries]
        assert scores == sorted(scores, reverse=True)


def test_documents_cannot_be_explained(explainer):
    """A submission with explain to a version that extracts fields is 422, and says what to do."""
    version = explainer.version(TaskType.EXTRACTION)
    item = ("application/json", json.dumps({"words": ["a"]}).encode())
    answer = explainer.submitted(version, {"a": {"input.json": item}}, explain=True)
    body = answer.json()
    assert (answer.status_code, body["statusCode"]) == (422, 422)
    assert "without explain" in body["message"]
