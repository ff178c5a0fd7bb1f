"""Neutral examples of every task type, and what is predicted of them."""

from __future__ import annotations

import json

import pytest

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.catalogue.samples import neutral_example
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.storage.blobs import open_blobs
from assay.learning.rows import TaskType
from tests.support.trained_versions import model_of


@pytest.mark.parametrize("task_type", TaskType)
def test_a_neutral_example_runs(task_type: TaskType, tmp_path):
    """What is made up for a version is predicted by it, and told as a result is."""
    context = ComputeContext(blobs=JobBlobs(open_blobs(tmp_path), "org"))
    model = model_of(task_type)
    data = model.encode()
    artifact = Artifact(
        kind=ArtifactKind.TRAINED, blob=context.blobs.put(data), bytes=len(data),
        task_type=task_type, labels=model.labels,
    )  # fmt: skip  # one call
    found = neutral_example(context, artifact)
    result = found.output["result"]
    assert found.output["explanation"] is None
    if task_type.has_label:
        scores = [one["score"] for one in result["classPredictions"]]
        assert scores == sorted(scores, reverse=True)
        assert {one["class"] for one in result["classPredictions"]} == set(model.labels)
        assert sum(scores) == pytest.approx(1)
    elif task_type is TaskType.TABULAR_REGRESSION:
        assert isinstance(result["value"], float)
    else:
        assert set(result) == {"fields", "confidence"}
    if task_type.is_tabular:
        assert set(json.loads(found.content)) == {one.name for one in model.features}
    assert found.is_embedded == (task_type is TaskType.IMAGE_CLASSIFICATION)


def test_what_is_served_elsewhere_is_not_asked(tmp_path):
    """The example of a remote version has equal scores, and nothing is opened for it."""
    context = ComputeContext(blobs=JobBlobs(open_blobs(tmp_path), "org"))
    artifact = Artifact(
        kind=ArtifactKind.REMOTE, blob="", bytes=0,
        task_type=TaskType.TEXT_CLASSIFICATION, labels=("a", "b"),
    )  # fmt: skip  # one call
    output = neutral_example(context, artifact).output
    assert output["modelType"] == "textClassification"
    assert [one["score"] for one in output["result"]["classPredictions"]] == [0.5, 0.5]
