"""What a remote model costs beside its endpoint: the same batches, by its predictor and by hand.

The endpoint is MLServer with a logistic regression of scikit-learn. By hand is the generated stub:
a request of raw contents made from an array, one call, an array made from the answer. Assay's
side begins with canonical rows, checks shapes, numbers and probabilities, and is ready to retry.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable

import grpc
import harness  # before numpy
import numpy as np
import pyarrow as pa

sys.path.insert(0, str(harness.ROOT))

from assay.features.remote.model import (
    Content,
    Datatype,
    RemoteCredentials,
    RemoteInput,
    RemoteSpec,
)
from assay.features.remote.oip_calls import OipCalls
from assay.features.remote.remote_model import RemoteModel
from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.foreign.inference.open_inference_grpc_pb2_grpc import GRPCInferenceServiceStub
from assay.learning.rows import TaskType, canonical_schema
from tests.support.mlserver import MODEL, MlServer, running_mlserver

FEATURES = 64
CLASSES = 10
BAR = 1.2
SHAPES = ((5_000, 500), (640, 64), (64, 1))  # rows, and rows of a request
COLUMNS = tuple(f"p{number:02d}" for number in range(FEATURES))


def main() -> int:
    """Print the table; 1 if the bar is missed."""
    generator = np.random.default_rng(7)
    x = generator.normal(size=(5_000, FEATURES))
    y = (x[:, :CLASSES] + generator.normal(size=(len(x), CLASSES))).argmax(axis=1)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_mlserver(harness.Path(folder), x[:2_000], y[:2_000], x) as server,
    ):
        ratios = [compared(server, x[:rows], batch) for rows, batch in SHAPES]
    return harness.report("Remote models, served by MLServer", ratios)


def compared(server: MlServer, x: np.ndarray, batch: int) -> harness.Ratio:
    """Compare one size of requests; both sides must give scikit-learn's probabilities."""
    rows, remote = canonical(x), model(server, batch)
    with grpc.insecure_channel(server.endpoint) as channel:
        hand = by_hand(channel, x.astype(np.float32), batch)
        expected = server.probabilities[: len(x)]
        np.testing.assert_allclose(remote.predict(rows).probabilities, expected, atol=1e-5)
        np.testing.assert_allclose(hand(), expected, atol=1e-5)
        ours, theirs = harness.alternate(lambda: remote.predict(rows), hand, runs=31)
    return harness.Ratio(
        name=f"{len(x)} rows, {batch} a request",
        ours=ours,
        peer=theirs,
        peer_name="the stub by hand",
        at_most=BAR,
    )


def canonical(x: np.ndarray) -> pa.RecordBatch:
    """Return an array as canonical rows."""
    features = [pa.field(name, pa.float64()) for name in COLUMNS]
    schema = canonical_schema(TaskType.TABULAR_CLASSIFICATION, features, answers=False)
    columns = [pa.array([f"row-{row}" for row in range(len(x))]), *map(pa.array, x.T.copy())]
    return pa.record_batch(columns, schema=schema)


def model(server: MlServer, batch: int) -> RemoteModel:
    """Return the remote model."""
    tensor = RemoteInput(name="x", datatype=Datatype.FP32, content=Content.COLUMNS, columns=COLUMNS)
    spec = RemoteSpec(
        endpoint=server.endpoint,
        model_name=MODEL,
        inputs=(tensor,),
        output="predict_proba",
        labels=tuple(map(str, range(CLASSES))),
        max_rows=batch,
    )
    calls = OipCalls(spec, RemoteCredentials(), allowed=("127.0.0.0/8",))
    return RemoteModel(spec=spec, task_type=TaskType.TABULAR_CLASSIFICATION, calls=calls)


def by_hand(channel: grpc.Channel, x: np.ndarray, batch: int) -> Callable[[], np.ndarray]:
    """Return what calls the endpoint directly with the same batches."""
    stub = GRPCInferenceServiceStub(channel)

    def call(part: np.ndarray) -> np.ndarray:
        request = oip.ModelInferRequest(
            model_name=MODEL,
            inputs=[
                oip.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=part.shape)
            ],
            outputs=[oip.ModelInferRequest.InferRequestedOutputTensor(name="predict_proba")],
            raw_input_contents=[part.tobytes()],
        )
        response = stub.ModelInfer(request, timeout=30)
        (raw,) = response.raw_output_contents
        return np.frombuffer(raw, np.float64).reshape(response.outputs[0].shape)

    return lambda: np.concatenate([call(x[at : at + batch]) for at in range(0, len(x), batch)])


if __name__ == "__main__":
    sys.exit(main())
