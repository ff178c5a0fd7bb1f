"""Requests of the Open Inference Protocol, and responses as arrays and texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from assay.features.remote.tensors import raw_texts, read_raw_texts
from assay.foreign.inference import open_inference_grpc_pb2 as oip

DTYPES = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT64": "<i8", "INT32": "<i4", "UINT8": "u1",
    "BOOL": "?",
}  # fmt: skip  # a table
FIELDS = {
    "FP64": "fp64_contents", "FP32": "fp32_contents", "INT64": "int64_contents",
    "INT32": "int_contents", "UINT8": "uint_contents", "BOOL": "bool_contents",
    "BYTES": "bytes_contents",
}  # fmt: skip  # a table
Tensor = tuple[str, str, Any]  # name, datatype, array or texts


def request(
    model: str,
    *tensors: Tensor,
    version: str = "",
    outputs: Sequence[str] = (),
    typed: bool = False,
    shapes: dict[str, Sequence[int]] | None = None,
    id: str = "",  # noqa: A002 - the protocol's word
) -> oip.ModelInferRequest:
    """Return a request; a tensor's shape is that of its array, unless `shapes` says otherwise."""
    made = oip.ModelInferRequest(model_name=model, model_version=version, id=id)
    made.outputs.extend(
        oip.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs
    )
    for name, datatype, values in tensors:
        array = np.array(values, dtype=object if datatype == "BYTES" else DTYPES[datatype])
        shape = (shapes or {}).get(name, array.shape)
        tensor = made.inputs.add(name=name, datatype=datatype, shape=shape)
        if typed:
            getattr(tensor.contents, FIELDS[datatype]).extend(array.ravel().tolist())
        elif datatype == "BYTES":
            made.raw_input_contents.append(raw_texts(iter(array.ravel())))
        else:
            made.raw_input_contents.append(array.tobytes())
    return made


def outputs(response: oip.ModelInferResponse) -> dict[str, Any]:
    """Return each output as an array, or of BYTES as a list of texts."""
    found: dict[str, Any] = {}
    for place, tensor in enumerate(response.outputs):
        if response.raw_output_contents:
            raw = response.raw_output_contents[place]
            texts = tensor.datatype == "BYTES"
            values = read_raw_texts(raw) if texts else np.frombuffer(raw, DTYPES[tensor.datatype])
        else:
            values = list(getattr(tensor.contents, FIELDS[tensor.datatype]))
        if tensor.datatype == "BYTES":
            assert len(values) == np.prod(tensor.shape)
            found[tensor.name] = [text.decode() for text in values]
        else:
            found[tensor.name] = np.array(values, DTYPES[tensor.datatype]).reshape(tensor.shape)
    return found
