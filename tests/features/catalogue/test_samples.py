"""Neutral examples of every task type, and what is predicted of them."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from assay.features.artifacts.model import Artifact, ArtifactKind
from assay.features.catalogue import service
from assay.features.catalogue.samples import neutral_example
from assay.features.catalogue.service import CatalogueReader
from assay.features.remote.model import Content, Datatype, RemoteInput, RemoteSpec
from assay.kernel.jobs.blobs import JobBlobs
from assay.kernel.jobs.kind import ComputeContext
from assay.kernel.storage.blobs import open_blobs
from assay.learning.rows import TaskType
from assay.settings import Settings
from tests.features.catalogue.test_engine_keeper import until
from tests.support.job_kinds import StepSpec, act
from tests.support.trained_versions import model_of, put_version


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
    """The example of a remote version has its features and equal scores; nothing is called for it."""
    context = ComputeContext(blobs=JobBlobs(open_blobs(tmp_path), "org"))
    columns = RemoteInput(
        name="x", datatype=Datatype.FP32, content=Content.COLUMNS, columns=("width", "height")
    )
    artifact = Artifact(
        kind=ArtifactKind.REMOTE, blob="", bytes=0, labels=("a", "b"),
        task_type=TaskType.TABULAR_CLASSIFICATION,
        remote=RemoteSpec(
            endpoint="192.0.2.1:8001", model_name="m", inputs=(columns,), output="y",
            labels=("a", "b"),
        ),
    )  # fmt: skip  # one call
    found = neutral_example(context, artifact)
    assert json.loads(found.content) == {"width": 0.0, "height": 0.0}
    assert found.output["modelType"] == "tabularClassification"
    assert [one["score"] for one in found.output["result"]["classPredictions"]] == [0.5, 0.5]


def test_a_version_is_read_while_all_processes_are_busy(harness, gate, monkeypatch):
    """An example that no process is free for is left out, and is told once one was."""
    version = put_version(harness.store, harness.blobs, "org", TaskType.TABULAR_REGRESSION)
    kernel: Any = SimpleNamespace(
        store=harness.store, blobs=harness.blobs, compute=harness.pool, limits=Settings()
    )
    catalogue = CatalogueReader(kernel)
    found = catalogue.version("org", version.model_id, "1.0.0")
    spec = StepSpec(gate=str(gate.path))
    busy = [harness.pool.submit(act, "block", spec) for _ in range(harness.pool.parallelism)]
    until(lambda: harness.pool.counts().running == len(busy))

    async def told() -> list[Any]:
        monkeypatch.setattr(service, "EXAMPLE_SECONDS", 0.05)
        first = await catalogue.sample_output("org", found)
        gate.open()
        monkeypatch.setattr(service, "EXAMPLE_SECONDS", 60.0)
        return [json.loads(one) for one in (first, await catalogue.sample_output("org", found))]

    without, whole = asyncio.run(told())
    assert without["results"] == {}
    assert list(whole["results"]) == ["sample"]
    assert [one.result() for one in busy] == [None, None]
