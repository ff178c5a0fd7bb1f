"""A version that a real MLServer serves: evaluated, asked, and refused as the server refuses it."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from assay.features.artifacts.store import VersionArtifacts
from assay.kernel.errors import RemoteFailed
from assay.learning.rows import TaskType
from tests.features.remote.test_remote_model import (
    Content,
    Datatype,
    OipCalls,
    RemoteCredentials,
    RemoteInput,
    RemoteModel,
    RemoteSpec,
)
from tests.support.inference_rpc import House
from tests.support.mlserver import MODEL, MlServer, running_mlserver
from tests.support.oip_server import LOOPBACK
from tests.support.rpc_service import Running
from tests.support.trained_versions import TrainedVersion
from tests.support.training_project import Project, project
from tests.support.training_rows import digits

pytestmark = pytest.mark.slow  # its environment alone takes most of a minute to make

COLUMNS = [f"p{pixel:02d}" for pixel in range(64)]
LABELS = [str(digit) for digit in range(10)]
TEST = digits()["test"]


def numbers(split: str) -> np.ndarray:
    """The features of a split as (rows, 64)."""
    return np.stack([digits()[split][name].to_numpy() for name in COLUMNS], axis=1)


def truths(split: str) -> np.ndarray:
    """The digits of a split."""
    return np.array([int(label) for label in digits()[split]["label"].to_pylist()])


@pytest.fixture(scope="module")
def mlserver(tmp_path_factory):
    """MLServer with a logistic regression of digits."""
    folder = tmp_path_factory.mktemp("mlserver")
    with running_mlserver(folder, numbers("train"), truths("train"), numbers("test")) as running:
        yield running


def model(mlserver: MlServer, **changes: Any) -> RemoteModel:
    """A remote model at MLServer."""
    given: dict[str, Any] = {
        "endpoint": mlserver.endpoint,
        "model_name": MODEL,
        "inputs": (tensor(Datatype.FP64),),
        "output": "predict_proba",
        "labels": tuple(LABELS),
        "max_rows": 100,
    }
    spec = RemoteSpec(**(given | changes))
    calls = OipCalls(spec, RemoteCredentials(), allowed=LOOPBACK)
    return RemoteModel(spec=spec, task_type=TaskType.TABULAR_CLASSIFICATION, calls=calls)


def tensor(datatype: Datatype, count: int = 64) -> RemoteInput:
    """The one tensor of the model."""
    columns = tuple(COLUMNS[:count])
    return RemoteInput(name="x", datatype=datatype, content=Content.COLUMNS, columns=columns)


def test_probabilities_are_those_of_scikit_learn(mlserver):
    """With inputs of 64 bits each probability is scikit-learn's own, to the last digits."""
    batch = TEST.combine_chunks().to_batches()[0]
    found = model(mlserver).predict(batch)
    np.testing.assert_allclose(found.probabilities, mlserver.probabilities, rtol=0, atol=1e-15)
    classes = model(mlserver, output="predict", inputs=(tensor(Datatype.FP32),)).predict(batch)
    assert classes.codes.tolist() == mlserver.probabilities.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_name": "none"}, "NOT_FOUND: Model none"),
        ({"model_version": "v9"}, "NOT_FOUND: .*v9"),
        ({"output": "scores"}, "refused every row: INVALID_ARGUMENT: SKLearnModel only supports"),
        ({"inputs": (tensor(Datatype.FP32, 3),)}, "refused every row: INTERNAL: X has 3 features"),
        ({"labels": ("a", "b")}, "10 scores a row, and the version has 2 labels"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_mlserver_refuses_is_told_in_its_words(mlserver, changes, words):
    """A wrong name, version, output or tensor fails at once with the server's reason."""
    with pytest.raises(RemoteFailed, match=words) as refused:
        model(mlserver, **changes).predict(TEST.slice(0, 8).combine_chunks().to_batches()[0])
    assert "\n" not in refused.value.message


@pytest.fixture(scope="module")
def mine(rpc: Running) -> Project:
    """A model of digits and their dataset."""
    caller = rpc.organization(f"mlserver-{uuid4().hex}")
    return project(rpc, caller, digits(), TaskType.TABULAR_CLASSIFICATION)


@pytest.fixture(scope="module")
def version(mine: Project, mlserver: MlServer) -> Any:
    """A version that MLServer serves."""
    remote = {
        "endpoint": mlserver.endpoint,
        "protocol": "oip-v2-grpc",
        "model_name": MODEL,
        "inputs": [{"name": "x", "datatype": "FP64", "columns": COLUMNS}],
        "output": "predict_proba",
        "labels": LABELS,
    }
    return mine.caller("CreateVersion", model_id=mine.model_id, label="served", remote=remote)


def test_an_evaluation_has_scikit_learns_accuracy(mine: Project, mlserver: MlServer, version: Any):
    """The job predicts the test split by MLServer, and the stored accuracy is scikit-learn's."""
    job = mine.submit(job_type="evaluation", version_id=version.version_id, hyperparams={})
    assert mine.ended(job.job_id).status == "OK"
    summary = mine.caller(
        "GetPerformanceSummary", model_id=mine.model_id, version_id=version.version_id
    )
    right = mlserver.probabilities.argmax(axis=1) == truths("test")
    assert summary.metrics["accuracy"] == right.mean()


def test_an_inference_job_gets_its_results(
    rpc: Running, mine: Project, mlserver: MlServer, version: Any
):
    """Each input of a job has MLServer's classes, best first; one without a feature fails alone."""
    with rpc.backend.store.read() as uow:
        found = uow[VersionArtifacts].find(
            mine.caller.organization, mine.model_id, version.version_id
        )
    served = TrainedVersion(
        model_id=mine.model_id, version_id=version.version_id, artifact=found.artifact
    )
    house = House(rpc=rpc, caller=mine.caller, version=served)
    rows = TEST.slice(0, 20).select(COLUMNS).to_pylist()
    sources = {f"row {at:02d}": {"input.json": json.dumps(row)} for at, row in enumerate(rows)}
    sources["wrong"] = {"input.json": json.dumps({"p00": "text"})}
    job = house.ended(house.submit(sources).job_id)
    assert (job.status, job.completed, job.failed) == ("COMPLETED", 20, 1)
    for at, output in enumerate(house.outputs(job.job_id).values()):
        best = output["result"]["classPredictions"][0]
        assert best["class"] == LABELS[int(mlserver.probabilities[at].argmax())]
        assert best["score"] == pytest.approx(mlserver.probabilities[at].max(), abs=1e-12)
