"""Requests and responses of the Open Inference Protocol, of tensors and outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from assay.features.remote.model import Datatype, RemoteSpec
from assay.features.remote.outputs import WrongOutput
from assay.features.remote.tensors import (
    NUMBERS,
    Numbers,
    Output,
    Tensor,
    read_raw_numbers,
    read_raw_texts,
)
from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.kernel.errors import clip

MAX_DIMENSIONS = 8  # of a tensor

# The field of typed contents that has the elements of a datatype; the others come raw alone.
TYPED_FIELDS = {
    Datatype.BOOL: "bool_contents",
    Datatype.UINT8: "uint_contents",
    Datatype.UINT16: "uint_contents",
    Datatype.UINT32: "uint_contents",
    Datatype.UINT64: "uint64_contents",
    Datatype.INT8: "int_contents",
    Datatype.INT16: "int_contents",
    Datatype.INT32: "int_contents",
    Datatype.INT64: "int64_contents",
    Datatype.FP32: "fp32_contents",
    Datatype.FP64: "fp64_contents",
    Datatype.BYTES: "bytes_contents",
}


def infer_request(
    spec: RemoteSpec, tensors: Sequence[Tensor], start: int, stop: int
) -> oip.ModelInferRequest:
    """Return the request for some rows; it asks for the one output that is read."""
    rows = stop - start
    return oip.ModelInferRequest(
        model_name=spec.model_name,
        model_version=spec.model_version,
        inputs=[
            oip.ModelInferRequest.InferInputTensor(
                name=one.name, datatype=one.datatype.value, shape=(rows, *one.rest)
            )
            for one in tensors
        ],
        outputs=[oip.ModelInferRequest.InferRequestedOutputTensor(name=spec.output)],
        raw_input_contents=[one.raw(start, stop) for one in tensors],
    )


def output_of(response: oip.ModelInferResponse, name: str) -> Output:
    """Return the output called `name`, whose contents have been checked against its shape.

    Raises WrongOutput where it is absent, of another datatype, or not what its shape says.
    """
    names = [one.name for one in response.outputs]
    if name not in names:
        some = ", ".join(clip(one, 40) for one in names[:5])
        raise WrongOutput(f"it is absent; the endpoint returned {some or 'none'}")
    number = names.index(name)
    tensor = response.outputs[number]
    try:
        datatype = Datatype(tensor.datatype)
    except ValueError:
        raise WrongOutput(f"its datatype '{clip(tensor.datatype, 20)}' is not read") from None
    if len(tensor.shape) > MAX_DIMENSIONS:  # whose product alone could take for ever
        raise WrongOutput(f"its shape has {len(tensor.shape)} dimensions")
    shape = tuple(tensor.shape)
    if any(length < 0 for length in shape):
        raise WrongOutput(f"its shape {list(shape)} has a negative length")
    raw = None
    if response.raw_output_contents:
        if len(response.raw_output_contents) != len(names):
            raise WrongOutput("raw contents were returned for other outputs than there are")
        raw = response.raw_output_contents[number]
    output = _typed(tensor, datatype, shape) if raw is None else _raw(raw, datatype, shape)
    found = len(output.texts) if output.numbers is None else output.numbers.size
    if found != math.prod(shape):
        raise WrongOutput(f"its shape is {list(shape)}, and it has {found} elements")
    return output


def _raw(raw: bytes, datatype: Datatype, shape: tuple[int, ...]) -> Output:
    if datatype is Datatype.BYTES:
        try:
            return Output(datatype=datatype, shape=shape, texts=read_raw_texts(raw))
        except ValueError as error:
            raise WrongOutput(f"its contents are no strings: {error}") from None
    dtype = NUMBERS[datatype]
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise WrongOutput(f"its shape is {list(shape)} of {datatype}, and it has {len(raw)} bytes")
    return Output(datatype=datatype, shape=shape, numbers=read_raw_numbers(raw, datatype))


def _typed(
    tensor: oip.ModelInferResponse.InferOutputTensor, datatype: Datatype, shape: tuple[int, ...]
) -> Output:
    field = TYPED_FIELDS.get(datatype)
    if field is None:
        raise WrongOutput(f"{datatype} comes as raw contents alone")
    found = getattr(tensor.contents, field)
    if datatype is Datatype.BYTES:
        return Output(datatype=datatype, shape=shape, texts=list(found))
    try:
        numbers = typed_numbers(found, datatype)
    except ValueError as error:
        raise WrongOutput(f"its contents are wrong: {error}") from None
    return Output(datatype=datatype, shape=shape, numbers=numbers)


def typed_numbers(sent: Sequence[float], datatype: Datatype) -> Numbers:
    """Return typed contents as numbers of a datatype; ValueError for one beyond what that holds."""
    dtype = NUMBERS[datatype]
    found = np.array(sent, np.uint64 if dtype.kind == "u" else None)
    if dtype.kind in "iu" and found.size:
        limits = np.iinfo(dtype)
        if found.min() < limits.min or found.max() > limits.max:
            raise ValueError(f"a number is beyond those of {datatype}")
    with np.errstate(over="ignore"):
        return found.astype(dtype)
