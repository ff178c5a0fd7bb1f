"""MLServer with its scikit-learn runtime, as a process of its own in its own environment."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
from numpy.typing import NDArray

from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.foreign.inference.open_inference_grpc_pb2_grpc import GRPCInferenceServiceStub
from tests.support.servers import free_port
from tools.environments import python_environment

ENVIRONMENT = "mlserver"
MODEL = "digits"
PATIENCE = 60.0  # seconds until it must have loaded its model
TRAIN = """
import sys, joblib, numpy as np
from sklearn.linear_model import LogisticRegression
data = np.load(sys.argv[1] + "/data.npz")
model = LogisticRegression(max_iter=100).fit(data["x"], data["y"])
joblib.dump(model, sys.argv[1] + "/digits/model.joblib")
np.save(sys.argv[1] + "/probabilities.npy", model.predict_proba(data["test"]))
"""


@dataclass(frozen=True, kw_only=True)
class MlServer:
    """A running MLServer, and what its model says by itself."""

    pid: int
    endpoint: str  # host:port of gRPC
    probabilities: NDArray[np.float64]  # (rows, classes), of the rows that were given


@contextmanager
def running_mlserver(
    folder: Path, x: NDArray[np.float64], y: NDArray[np.int64], test: NDArray[np.float64]
) -> Iterator[MlServer]:
    """Train a logistic regression in MLServer's environment, and serve it under the name MODEL.

    Args:
        folder: Where its files go.
        x: (rows, features) to train with.
        y: (rows,) their classes.
        test: (rows, features) of which its own probabilities are told.
    """
    python = python_environment(ENVIRONMENT)
    (folder / MODEL).mkdir(parents=True)
    np.savez(folder / "data.npz", x=x, y=y, test=test)
    subprocess.run([python, "-c", TRAIN, folder], check=True)
    ports = {name: free_port() for name in ("http_port", "grpc_port", "metrics_port")}
    settings = {"host": "127.0.0.1", "parallel_workers": 0, "metrics_endpoint": None, **ports}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {
        "name": MODEL,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    (folder / MODEL / "model-settings.json").write_text(json.dumps(model))
    endpoint = f"127.0.0.1:{ports['grpc_port']}"
    with (folder / "log").open("w") as log:
        command = [python.with_name("mlserver"), "start", folder]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait(endpoint)
        probabilities = np.load(folder / "probabilities.npy")
        yield MlServer(pid=process.pid, endpoint=endpoint, probabilities=probabilities)
    finally:
        process.kill()
        process.wait()


def _wait(endpoint: str) -> None:
    """Return when the model is ready."""
    with grpc.insecure_channel(endpoint) as channel:
        ready = GRPCInferenceServiceStub(channel).ModelReady
        until = time.monotonic() + PATIENCE
        while True:
            left = until - time.monotonic()
            try:
                if ready(
                    oip.ModelReadyRequest(name=MODEL), timeout=left, wait_for_ready=True
                ).ready:
                    return
            except grpc.RpcError:
                if left < 1:
                    raise
