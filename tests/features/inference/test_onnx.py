"""Inference jobs by versions that are ONNX files."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image
from sklearn.linear_model import LogisticRegression

from assay.features.artifacts.store import VersionArtifacts
from tests.features.artifacts.test_api import upload
from tests.support.inference_rpc import House
from tests.support.onnx_files import FEATURES, SPECIES, X, Y, converted, made, node, value
from tests.support.rpc_service import Running
from tests.support.trained_versions import TrainedVersion


def uploaded(rpc: Running, data: bytes, task: str = "classification", **said: Any) -> House:
    """An organization with a version of a file."""
    caller = rpc.organization(f"inference-onnx-{uuid4().hex}")
    model_id = caller("CreateModel", name="file", task_type=task).model_id
    version_id = upload(caller, model_id, data, **said).version_id
    with rpc.backend.store.read() as uow:
        artifact = uow[VersionArtifacts].find(caller.organization, model_id, version_id).artifact
    version = TrainedVersion(model_id=model_id, version_id=version_id, artifact=artifact)
    return House(rpc=rpc, caller=caller, version=version)


def flower(values: np.ndarray) -> dict[str, str]:
    """Return the items of an input."""
    row = {name: float(one) for name, one in zip(FEATURES, values, strict=True)}
    return {"input.json": json.dumps(row)}


def test_rows_are_predicted_and_explained(rpc: Running):
    """Each row has the probabilities of scikit-learn, and what each feature did to them."""
    fitted = LogisticRegression(max_iter=500).fit(X, Y)
    house = uploaded(rpc, converted(fitted), features=FEATURES)
    sources = {f"{at:03d}": flower(X[at]) for at in range(0, 150, 15)}
    job = house.ended(house.submit(sources, explain=True).job_id)
    assert (job.status, job.completed) == ("COMPLETED", len(sources))
    for name, output in house.outputs(job.job_id).items():
        told = {one["class"]: one["score"] for one in output["result"]["classPredictions"]}
        expected = fitted.predict_proba(X[int(name)][np.newaxis])[0]
        np.testing.assert_allclose([told[one] for one in SPECIES], expected, atol=1e-5)
        assert output["explanation"]


def test_a_row_of_which_the_model_makes_nan_fails_alone(rpc: Running):
    """The input fails with what the model returned; all others have their value."""
    data = made(
        [node("Log", "x", "logs"), node("ReduceSum", "logs axis", "y")],
        outputs=[value("y", TensorProto.FLOAT, [None, 1])],
        tensors=[helper.make_tensor("axis", TensorProto.INT64, [1], [1])],
    )
    house = uploaded(rpc, data.SerializeToString(), "regression", features=FEATURES)
    sources = {f"right {at}": flower(np.exp([1.0, 2.0, 3.0, at])) for at in range(6)}
    job = house.ended(house.submit(sources | {"wrong": flower(np.full(4, -1.0))}).job_id)
    assert (job.completed, job.failed) == (6, 1)
    assert "the model's output 'y' is nan" in house.inputs(job.job_id)["wrong"].error
    assert house.outputs(job.job_id)["right 4"]["result"]["value"] == pytest.approx(10)


def test_images_are_predicted(rpc: Running):
    """An image is scaled as the file reads it; a broken one fails alone."""
    data = made(
        [node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)],
        inputs=[value("x", TensorProto.FLOAT, [None, 3, 4, 4])],
        outputs=[value("y", TensorProto.FLOAT, [None, 3])],
        opset=13,
    ).SerializeToString()
    house = uploaded(rpc, data, labels=["red", "green", "blue"], logits=True)
    file = io.BytesIO()
    Image.new("RGB", (30, 20), (10, 200, 30)).save(file, "PNG")
    inputs = [
        {"name": "green", "items": {"input.png": {"data": file.getvalue()}}},
        {"name": "broken", "items": {"input.png": {"data": file.getvalue()[:40]}}},
    ]
    made_job = house.caller("SubmitInferenceJob", model=house.model(), inputs=inputs)
    job = house.ended(made_job.job_id)
    assert (job.completed, job.failed) == (1, 1)
    best = house.outputs(job.job_id)["green"]["result"]["classPredictions"][0]
    assert best["class"] == "green"
