"""ONNX files as versions, over gRPC: uploaded, checked, evaluated, predicting, and refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf.message import Message
from sklearn.linear_model import LogisticRegression

from assay.learning.rows import TaskType, canonical_schema
from tests.support.onnx_files import FEATURES, SPECIES, X, Y, converted, endless, made, node
from tests.support.rpc_service import Caller, Running, message
from tests.support.training_project import Project, project

PIECE = 1 << 10  # bytes of one message
CYCLE = made([node("Add", "x b", "y"), node("Add", "y x", "b")])


def upload(caller: Caller, model_id: str, data: bytes, *, fails: bool = False, **said: Any) -> Any:
    """Upload a file, and return the version or the refusal."""

    def sent() -> Iterator[Message]:
        head = {"model_id": model_id, **said}
        for at in range(0, max(1, len(data)), PIECE):
            file = {"content_type": "application/x-onnx", "data": data[at : at + PIECE]}
            yield message("UploadOnnxVersion", **(head if at == 0 else {}), file=file)

    return (caller.refused if fails else caller.raw)("UploadOnnxVersion", sent())


def flowers() -> dict[str, pa.Table]:
    """Return a test split of flowers."""
    fields = [pa.field(name, pa.float64()) for name in FEATURES]
    schema = canonical_schema(TaskType.TABULAR_CLASSIFICATION, fields)
    columns = {"row_id": [str(at) for at in range(len(X))], "label": Y.tolist()}
    columns |= {name: X[:, at].astype(float) for at, name in enumerate(FEATURES)}
    return {"test": pa.table({name: columns[name] for name in schema.names}, schema=schema)}


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """A version that is an ONNX file."""

    project: Project
    fitted: LogisticRegression
    data: bytes
    version: Any

    @property
    def keys(self) -> dict[str, str]:
        """What names the version."""
        return {"model_id": self.project.model_id, "version_id": self.version.version_id}


@pytest.fixture(scope="module")
def uploaded(rpc: Running) -> Uploaded:
    found = project(
        rpc,
        rpc.organization(f"onnx-{uuid4().hex}"),
        flowers(),
        TaskType.TABULAR_CLASSIFICATION,
    )
    fitted = LogisticRegression(max_iter=500).fit(X, Y)
    data = converted(fitted)
    version = upload(found.caller, found.model_id, data, label="2.0", features=FEATURES)
    return Uploaded(project=found, fitted=fitted, data=data, version=version)


def test_an_accepted_file_is_a_ready_version(uploaded: Uploaded):
    """The version says how its rows become tensors, and its file comes back as it was sent."""
    version = uploaded.project.caller("GetVersion", **uploaded.keys)
    assert version == uploaded.version
    assert (version.status, version.label, version.algorithm) == ("ready", "2.0", "onnx")
    assert not version.HasField("failure_message")
    assert list(version.hyperparameters["labels"]) == list(SPECIES)
    assert list(version.hyperparameters["features"][0]["features"]) == list(FEATURES)
    parts = uploaded.project.caller("GetVersionArtifact", **uploaded.keys)
    whole = b"".join(part.data for part in parts)
    assert hashlib.sha256(whole).digest() == hashlib.sha256(uploaded.data).digest()


def test_it_predicts_files_as_scikit_learn_does(uploaded: Uploaded):
    """Rows of a file get the probabilities that the model had before it was converted."""
    rows = [dict(zip(FEATURES, map(float, row), strict=True)) for row in X[::10]]
    lines = "".join(json.dumps({"row_id": at} | row) + "\n" for at, row in enumerate(rows))
    file = {"content_type": "application/x-ndjson", "data": lines.encode()}
    asked = message("PredictFile", **uploaded.keys, scores=True, file=file)
    told = b"".join(part.data for part in uploaded.project.caller.raw("PredictFile", iter([asked])))
    found = [json.loads(line)["scores"] for line in told.splitlines()]
    scores = [[row[label] for label in SPECIES] for row in found]
    np.testing.assert_allclose(scores, uploaded.fitted.predict_proba(X[::10]), atol=1e-5)


def test_it_is_evaluated_as_a_trained_version_is(uploaded: Uploaded):
    """An evaluation job measures it on a dataset; the numbers are those of scikit-learn."""
    job = uploaded.project.submit(
        job_type="evaluation", version_id=uploaded.version.version_id, hyperparams={}
    )
    ended = uploaded.project.ended(job.job_id)
    assert ended.status == "OK", ended.msg
    summary = uploaded.project.caller(
        "GetPerformanceSummary", **uploaded.keys, dataset_split="test"
    )
    assert summary.metrics["accuracy"] == pytest.approx(uploaded.fitted.score(X, Y))
    metrics = uploaded.project.metrics(job.job_id, job_type="evaluation")
    assert (metrics["train_total"], metrics["test_total"]) == (0, len(X))


def test_it_cannot_be_pruned(uploaded: Uploaded):
    """A pruning says that it needs a version that was trained here."""
    refused = uploaded.project.refused(
        job_type="pruning",
        version_id=uploaded.version.version_id,
        hyperparams={},
        target_sparsity=0.5,
    )
    assert refused.code == "FAILED_PRECONDITION"
    assert "its kind is onnx, and only a trained one can be pruned" in refused.message


def test_a_refused_file_leaves_a_failed_version(uploaded: Uploaded):
    """The refusal names the version, which stays and says why; its file goes."""
    caller, model_id = uploaded.project.caller, uploaded.project.model_id
    data = CYCLE.SerializeToString()
    refused = upload(caller, model_id, data, fails=True, features=FEATURES)
    assert refused.code == "INVALID_ARGUMENT"
    assert "has a cycle" in refused.message
    version = caller("GetVersion", model_id=model_id, version_id=refused.metadata["version_id"])
    assert (version.status, version.failure_message) == ("failed", refused.message)
    absent = caller.refused("GetVersionArtifact", model_id=model_id, version_id=version.version_id)
    assert absent.code == "FAILED_PRECONDITION"
    assert "is failed and has no artifact" in absent.message


def test_an_endless_file_hurts_nobody(uploaded: Uploaded):
    """A check that does not end is canceled, while others predict; its version says so."""
    caller, model_id = uploaded.project.caller, uploaded.project.model_id
    begun = upload(
        caller, model_id, endless().SerializeToString(), features=FEATURES, no_wait=True,
        labels=list("abcd"), logits=True,
    )  # fmt: skip
    assert begun.status == "training"
    test_it_predicts_files_as_scikit_learn_does(uploaded)
    [job] = [
        one
        for one in caller("ListJobs", kind="onnx_check").jobs
        if one.status in {"pending", "running"}
    ]
    caller("CancelJob", job_id=job.job_id)
    caller("WatchJob", job_id=job.job_id)
    keys = {"model_id": model_id, "version_id": begun.version_id}
    version = caller("GetVersion", **keys)
    assert (version.status, version.failure_message) == (
        "failed",
        "The job was canceled before it ended.",
    )
    caller("DeleteVersion", **keys)


def test_a_version_may_be_deleted_while_its_file_is_checked(uploaded: Uploaded):
    """The check ends like any other, and brings nothing back."""
    caller, model_id = uploaded.project.caller, uploaded.project.model_id
    begun = upload(caller, model_id, uploaded.data, features=FEATURES, no_wait=True)
    keys = {"model_id": model_id, "version_id": begun.version_id}
    caller("DeleteVersion", **keys)
    jobs = list(caller("ListJobs", kind="onnx_check").jobs)
    caller("WatchJob", job_id=jobs[0].job_id)
    assert caller("GetJob", job_id=jobs[0].job_id).status == "succeeded"
    assert caller.refused("GetVersion", **keys).code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"task_type": "speech"}, "'speech' was sent; tabular_classification, "),
        ({"task_type": "tabular_regression", "features": FEATURES}, "tabular_regression was declared"),
        ({}, "0 features were declared"),
        ({"features": FEATURES, "labels": ["x", "y", "z"]}, "names the classes 'setosa'"),
    ],
)  # fmt: skip
def test_what_is_said_wrongly_is_refused(uploaded: Uploaded, said, words):
    """A declaration that does not fit the file is refused with what would fit."""
    caller, model_id = uploaded.project.caller, uploaded.project.model_id
    refused = upload(caller, model_id, uploaded.data, fails=True, **said)
    assert refused.code == "INVALID_ARGUMENT"
    assert words in str(refused)


def test_models_of_extraction_have_no_onnx_files(uploaded: Uploaded):
    """A model of another task says which ones have ONNX files."""
    model = uploaded.project.caller.model(task_type="extraction")
    refused = upload(uploaded.project.caller, model.model_id, uploaded.data, fails=True)
    assert "versions of models of classification and regression" in refused.message


def test_a_repeated_upload_returns_the_first_version(uploaded: Uploaded):
    """The same request makes one version, and its answer is told again."""
    caller, model_id = uploaded.project.caller, uploaded.project.model_id
    said = {"features": FEATURES, "request_id": uuid4().hex}
    first, second = (upload(caller, model_id, uploaded.data, **said) for _ in range(2))
    assert first == second


def test_a_deleted_version_lets_its_file_go(uploaded: Uploaded):
    """The file is kept while the version is there, and is no part of others."""
    caller, model_id = uploaded.project.caller, uploaded.project.model_id
    made_here = upload(caller, model_id, uploaded.data, features=FEATURES, version_id="gone")
    caller("DeleteVersion", model_id=model_id, version_id=made_here.version_id)
    parts = caller("GetVersionArtifact", **uploaded.keys)
    assert b"".join(part.data for part in parts) == uploaded.data
