"""Versions called by tritonclient, the client of Triton and of other servers of the protocol."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from assay.learning.rows import TaskType
from tests.support.mlserver import ENVIRONMENT
from tests.support.open_inference import outputs, request
from tests.support.rpc_service import Running
from tests.support.trained_versions import put_version
from tests.support.training_rows import digits
from tools.environments import python_environment

SCRIPT = Path(__file__).with_name("tritonclient_calls.py")


@pytest.mark.slow  # it is in the environment of MLServer
def test_tritonclient_calls_versions(rpc: Running) -> None:
    """It is served as by any server of the protocol, with the numbers that we compute."""
    call = rpc.organization("tritonclient")
    made = [
        put_version(rpc.backend.store, rpc.backend.blobs, call.organization, task_type)
        for task_type in (TaskType.TABULAR_CLASSIFICATION, TaskType.TEXT_CLASSIFICATION)
    ]
    table = digits()["test"].slice(0, 5)
    rows = np.column_stack([table.column(f"p{at:02d}").to_numpy() for at in range(64)])
    sent = io.BytesIO()
    np.save(sent, rows)
    python = python_environment(ENVIRONMENT)  # MLServer needs it, so it is there
    address = f"127.0.0.1:{rpc.port}"
    command = [python, SCRIPT, address, call.credential, *(one.model_id for one in made)]
    done = subprocess.run(command, input=sent.getvalue(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    wanted = outputs(call.raw("ModelInfer", request(made[0].model_id, ("features", "FP64", rows))))
    assert [found[name] for name in ("live", "ready", "model_ready")] == [True] * 3
    assert (found["server"], found["id"]) == ("assay", "seven")
    assert found["metadata"]["inputs"][0] == {
        "name": "p00", "datatype": "FP64", "shape": ["-1", "1"],
    }  # fmt: skip  # as short as it is
    assert found["labels"] == wanted["label"]
    assert found["scores"] == wanted["scores"].tolist()
    assert found["outputs"] == ["scores"]
    assert len(found["texts"]) == 2
    refused = found["refused"]
    assert refused["wrong"][0] == "StatusCode.INVALID_ARGUMENT"
    assert "[rows, 64] is allowed" in refused["wrong"][1]
    assert refused["absent"][0] == "StatusCode.NOT_FOUND"
    assert refused["stranger"][0] == "StatusCode.UNAUTHENTICATED"
    assert refused["repository"][0] == "StatusCode.UNIMPLEMENTED"
