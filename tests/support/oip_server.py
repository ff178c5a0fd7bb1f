"""A small server of the Open Inference Protocol that answers rightly, or lies as its model's name says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc
import numpy as np

from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.foreign.inference.open_inference_grpc_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

BAD = 666.0  # a feature that makes the models called `picky…` fail
LOOPBACK = ("127.0.0.0/8",)


# What is wrong with the answer of the models of these names.
LIES: dict[str, Callable[[np.ndarray], dict[str, Any]]] = {
    "short": lambda scores: {"numbers": scores[:-1]},
    "wide": lambda scores: {"numbers": np.hstack([scores, scores])},
    "nan": lambda scores: {"numbers": scores * np.nan},
    "nan-second": lambda scores: {
        "numbers": np.where(np.arange(len(scores))[:, None] == 1, np.nan, scores)
    },
    "unsure": lambda scores: {"numbers": scores * 7},
    "negative": lambda _: {"shape": (-1, 2)},
    "vast": lambda scores: {"shape": (len(scores), 1 << 40)},
    "dtype": lambda _: {"datatype": "BF16"},
    "name": lambda _: {"name": "other"},
    "deep": lambda scores: {"shape": (1,) * 1_000_000},
    "codes": lambda scores: {"numbers": (scores[:, 1] > 0.5).astype("<i8"), "datatype": "INT64"},
    "codes-beyond": lambda scores: {"numbers": np.full(len(scores), 7, "<i8"), "datatype": "INT64"},
    "huge": lambda scores: {"numbers": np.zeros((len(scores), 3_000_000))},
}


class OipServer(GRPCInferenceServiceServicer):
    """Serves models of two features and two classes.

    The second class is the more probable the larger the first feature is.
    """

    def __init__(self, *, credentials: grpc.ServerCredentials | None = None) -> None:
        self.requests: list[oip.ModelInferRequest] = []
        self.tokens: list[str] = []
        self.failures = 0  # calls that models called `away` and `busy` still refuse
        self._released = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        add_GRPCInferenceServiceServicer_to_server(self, self._server)
        if credentials is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self._server.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.stop(0).wait()

    @property
    def endpoint(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    def ModelInfer(self, request: oip.ModelInferRequest, context: Any) -> oip.ModelInferResponse:
        """Answer as the model's name says."""
        self.requests.append(request)
        self.tokens += [
            value for key, value in context.invocation_metadata() if key == "authorization"
        ]
        what = request.model_name
        if what == "hang":
            self._released.wait()
        if what in {"away", "busy"} and self.failures:
            self.failures -= 1
            code = (
                grpc.StatusCode.UNAVAILABLE
                if what == "away"
                else grpc.StatusCode.RESOURCE_EXHAUSTED
            )
            context.abort(code, "later")
        if what == "drop":
            self._server.stop(0)
            self._released.wait()
        if what == "gossip":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"no good: {self.tokens[-1]}")
        rows = request.inputs[0].shape[0]
        if request.inputs[0].datatype == "BYTES":
            return self._labels(request, context)
        features = np.frombuffer(request.raw_input_contents[0], "<f4").reshape(rows, -1)
        if what.startswith("picky") and (features[:, 0] == BAD).any():
            context.abort(grpc.StatusCode[what.removeprefix("picky-")], "row of 666")
        second = 1 / (1 + np.exp(-features[:, 0].astype(np.float64)))
        return self._answer(request, what, np.stack([1 - second, second], axis=1))

    def _answer(
        self, request: oip.ModelInferRequest, what: str, scores: np.ndarray
    ) -> oip.ModelInferResponse:
        lie = LIES.get(what, lambda _: {})(scores)
        numbers = lie.get("numbers", scores)
        output = oip.ModelInferResponse.InferOutputTensor(
            name=lie.get("name", request.outputs[0].name),
            shape=lie.get("shape", numbers.shape),
            datatype=lie.get("datatype", "FP64"),
        )
        if what == "beyond":
            output.datatype = "INT8"
            output.contents.int_contents.extend([300] * numbers.size)
            return oip.ModelInferResponse(outputs=[output])
        if what == "typed":
            output.contents.fp64_contents.extend(numbers.ravel().tolist())
            return oip.ModelInferResponse(outputs=[output])
        contents = numbers.tobytes()[: -3 if what == "cut" else None]
        return oip.ModelInferResponse(outputs=[output], raw_output_contents=[contents])

    def _labels(self, request: oip.ModelInferRequest, context: Any) -> oip.ModelInferResponse:
        """Label texts, and words of one document, by whether they hold a digit."""
        from assay.features.remote.tensors import read_raw_texts

        texts = read_raw_texts(request.raw_input_contents[0])
        if request.model_name.startswith("picky") and any(b"666" in text for text in texts):
            context.abort(grpc.StatusCode[request.model_name.removeprefix("picky-")], "row of 666")
        labels = [b"yes" if any(48 <= one <= 57 for one in text) else b"no" for text in texts]
        if request.model_name == "words":
            labels = [b"total" if one == b"yes" else b"O" for one in labels]
        if request.model_name == "strange":
            labels[0] = b"maybe"
        raw = b"".join(len(one).to_bytes(4, "little") + one for one in labels)
        shape = request.inputs[0].shape
        output = oip.ModelInferResponse.InferOutputTensor(
            name=request.outputs[0].name, datatype="BYTES", shape=shape
        )
        return oip.ModelInferResponse(outputs=[output], raw_output_contents=[raw])
