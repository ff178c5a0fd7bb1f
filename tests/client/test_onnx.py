"""ONNX files by the Python client, the command line and REST, against the running service."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sklearn.linear_model import LogisticRegression

from assay.client import BadInput, InvalidRequest
from assay.client.versions import OnnxFiles
from tests.support.onnx_files import FEATURES, SPECIES, X, Y, converted


@pytest.fixture(scope="module")
def data() -> bytes:
    return converted(LogisticRegression(max_iter=500).fit(X, Y))


@pytest.fixture
def model(client) -> str:
    return client.models.create(f"flowers {uuid4()}", "classification").model_id


def test_the_client_uploads_and_predicts(client, model, data, tmp_path):
    """A file becomes a ready version, which predicts rows; another file is refused in words."""
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    version = client.versions.upload_onnx(model, path, features=FEATURES, label="1.0")
    assert (version.status, version.label, version.algorithm) == ("ready", "1.0", "onnx")
    rows = tmp_path / "rows.csv"
    names, values = ",".join(FEATURES), ",".join(map(str, X[0]))
    rows.write_text(f"row_id,{names}\na,{values}\n")
    [told] = client.predictions.rows(model, rows, version_id=version.version_id)
    assert told["y_pred"] == SPECIES[0]
    with pytest.raises(InvalidRequest, match="0 features were declared"):
        client.versions.upload_onnx(model, path)
    path.write_bytes(b"weights")
    with pytest.raises(InvalidRequest, match="no ONNX model"):
        client.versions.upload_onnx(model, path, features=FEATURES)
    with pytest.raises(BadInput, match=r"allowed: \.onnx\.$"):
        client.versions.upload_onnx(model, rows)


def test_a_long_check_is_watched_by_its_job(client, model, data, tmp_path):
    """A version whose check goes on is waited for by the job that checks it."""
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    asked = {"model_id": model, "features": FEATURES, "no_wait": True}
    made = OnnxFiles(client.versions._transport).upload(asked, path)
    assert made.status in {"training", "ready"}
    client.versions._check_of(made.version_id)
    assert client.versions.get(model, made.version_id).status == "ready"


def test_the_command_uploads(assay, client, model, data, tmp_path):
    """`assay versions upload-onnx` prints the id of a ready version, or why there is none."""
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    features = [word for name in FEATURES for word in ("--feature", name)]
    done = assay("versions", "upload-onnx", str(path), "--model", model, *features)
    assert done.returncode == 0, done.stderr
    assert client.versions.get(model, done.stdout.strip()).status == "ready"
    absent = assay("versions", "upload-onnx", "nofile", "--model", model)
    assert (absent.returncode, absent.stderr) == (
        2,
        "error: nofile cannot be read: No such file or directory.\n",
    )
    refused = assay("versions", "upload-onnx", str(path), "--model", model)
    assert refused.returncode == 2
    assert "features were declared" in " ".join(refused.stderr.split())
