"""Requests and responses of the Open Inference Protocol as values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from weakref import WeakKeyDictionary

from assay.features.open_inference.model import (
    InferRequest,
    Output,
    SentTensor,
    TensorSpec,
)
from assay.features.open_inference.service import Inferred, Served
from assay.features.remote.oip_convert import MAX_DIMENSIONS
from assay.foreign.inference import open_inference_grpc_pb2 as oip
from assay.kernel.errors import InvalidArgument

MAX_TENSORS = 4_096  # of a request; tables have fewer columns
MAX_HEADS = 64  # of a version that are kept
MAX_HEAD_BYTES = 16 * 1024  # of one that is kept; thousands of labels make a larger one
_HEADS: WeakKeyDictionary[Served, dict[tuple[object, ...], bytes]] = WeakKeyDictionary()
Tensors = Sequence[oip.ModelInferRequest.InferInputTensor]

# Parameters that change what a request means, and are not followed here.
NOT_FOLLOWED = {
    "sequence_id": "sequences of requests",
    "sequence_start": "sequences of requests",
    "sequence_end": "sequences of requests",
    "shared_memory_region": "shared memory",
    "classification": "classification of scores; ask for the output that has the label",
}


def infer_request(message: oip.ModelInferRequest) -> InferRequest:
    """Return what is asked; InvalidArgument where contents and tensors do not go together."""
    _check_counts(message)
    _check_parameters("parameters", message.parameters)
    for at, wanted in enumerate(message.outputs):
        _check_parameters(f"outputs[{at}].parameters", wanted.parameters)
    raw = message.raw_input_contents
    tensors: Tensors = message.inputs
    if raw and len(raw) != len(tensors):
        raise InvalidArgument.of(
            "raw_input_contents",
            f"{len(raw)} were sent, and {len(tensors)} inputs; send one for each, or none",
        )
    return InferRequest(
        model=message.model_name,
        version=message.model_version,
        tensors=[_tensor(at, one, raw[at] if raw else None) for at, one in enumerate(tensors)],
        is_typed=not raw,
        outputs=tuple([one.name for one in message.outputs]),
    )


def _tensor(
    at: int, message: oip.ModelInferRequest.InferInputTensor, raw: bytes | None
) -> SentTensor:
    if message.parameters:
        _check_parameters(f"inputs[{at}].parameters", message.parameters)
    if raw is None:
        contents = message.contents.SerializeToString()
    else:
        contents = raw
        if message.HasField("contents"):
            raise InvalidArgument.of(
                f"inputs[{at}].contents", "were sent beside raw_input_contents; send one of them"
            )
    return SentTensor(
        name=message.name,
        datatype=message.datatype,
        shape=tuple(message.shape),
        contents=contents,
    )


def _check_counts(message: oip.ModelInferRequest) -> None:
    """Refuse more tensors or dimensions than any version has, before they are gone through."""
    for field, sent, most in (
        ("inputs", len(message.inputs), MAX_TENSORS),
        ("outputs", len(message.outputs), MAX_TENSORS),
    ):
        if sent > most:
            raise InvalidArgument.of(field, f"{sent} were sent; at most {most} are allowed")
    for at, one in enumerate(message.inputs):
        if len(one.shape) > MAX_DIMENSIONS:
            raise InvalidArgument.of(
                f"inputs[{at}].shape",
                f"{len(one.shape)} dimensions were sent; at most {MAX_DIMENSIONS} are allowed",
            )


def _check_parameters(field: str, parameters: Mapping[str, oip.InferParameter]) -> None:
    if not parameters:
        return
    for name, what in NOT_FOLLOWED.items():
        if name in parameters:
            raise InvalidArgument.of(f"{field}.{name}", f"was sent; this server has no {what}")


def infer_response(request: oip.ModelInferRequest, found: Inferred) -> bytes:
    """Return the encoded answer: raw where the request is, else typed."""
    layout = found.layout
    answer = oip.ModelInferResponse(
        model_name=request.model_name,
        model_version=found.served.version_id,
        id=request.id,
        raw_output_contents=() if layout.is_typed else found.contents,
    )
    if not layout.is_typed:
        # Messages are merged when their bytes are joined: what all answers share is encoded once.
        return _heads(found) + answer.SerializeToString()
    answer.MergeFromString(_heads(found))
    for tensor, contents in zip(answer.outputs, found.contents, strict=True):
        tensor.contents.ParseFromString(contents)
    return answer.SerializeToString()


def _heads(found: Inferred) -> bytes:
    """Return the outputs without their contents, as an encoded response."""
    known = _HEADS.setdefault(found.served, {})
    key = found.layout.outputs, found.layout.words, found.rows
    heads = known.get(key)
    if heads is None:
        heads = _made_heads(found)
        if len(heads) <= MAX_HEAD_BYTES:
            if len(known) >= MAX_HEADS:
                known.clear()
            known[key] = heads
    return heads


def _made_heads(found: Inferred) -> bytes:
    response = oip.ModelInferResponse()
    for one, shape in zip(found.layout.outputs, found.layout.shapes(found.rows), strict=True):
        tensor = response.outputs.add(name=one.name, datatype=one.datatype.value, shape=shape)
        if one.name == Output.SCORES:
            labels = json.dumps(found.served.signature.labels, ensure_ascii=False)
            tensor.parameters["labels"].string_param = labels
    return response.SerializeToString()


def metadata(
    request: oip.ModelMetadataRequest, found: Served, versions: Sequence[str]
) -> oip.ModelMetadataResponse:
    """Return the tensors of a version, and the versions of its model."""
    return oip.ModelMetadataResponse(
        name=request.name,
        versions=versions,
        platform=f"assay_{found.artifact.kind.value}",
        inputs=map(_spec, found.signature.inputs),
        outputs=map(_spec, found.signature.outputs),
    )


def _spec(one: TensorSpec) -> oip.ModelMetadataResponse.TensorMetadata:
    return oip.ModelMetadataResponse.TensorMetadata(
        name=one.name, datatype=one.datatype.value, shape=one.shape
    )
