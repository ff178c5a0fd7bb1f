"""Typed contents of tensors: messages as the bytes of raw contents, and outputs as messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from assay.features.remote.model import Datatype
from assay.features.remote.oip_convert import TYPED_FIELDS
from assay.features.remote.tensors import NUMBERS
from assay.foreign.inference import open_inference_grpc_pb2 as oip


def numbers_of(contents: bytes, datatype: Datatype) -> bytes:
    """Return the numbers of an encoded message as raw contents.

    Raises ValueError for elements of another datatype, or beyond what the datatype holds.
    """
    (field,) = _elements(contents, datatype)
    dtype = NUMBERS[datatype]
    found = np.array(field, np.uint64 if dtype.kind == "u" else None)
    if dtype.kind in "iu" and found.size:
        limits = np.iinfo(dtype)
        if found.min() < limits.min or found.max() > limits.max:
            raise ValueError(f"a number is beyond those of {datatype}")
    with np.errstate(over="ignore"):
        return found.astype(dtype).tobytes()


def texts_of(contents: bytes) -> list[bytes]:
    """Return the strings of an encoded message; ValueError for elements of another datatype."""
    (field,) = _elements(contents, Datatype.BYTES)
    return list(field)


def typed_numbers(numbers: NDArray[np.float64]) -> bytes:
    """Return numbers as an encoded message of FP64."""
    message = oip.InferTensorContents(fp64_contents=numbers.ravel().tolist())
    return message.SerializeToString()


def typed_texts(texts: list[bytes]) -> bytes:
    """Return strings as an encoded message of BYTES."""
    return oip.InferTensorContents(bytes_contents=texts).SerializeToString()


def _elements(contents: bytes, datatype: Datatype) -> tuple[Any]:
    wanted = TYPED_FIELDS.get(datatype)
    if wanted is None:
        raise ValueError(f"{datatype} comes as raw contents alone")
    message = oip.InferTensorContents()
    try:
        message.ParseFromString(contents)
    except DecodeError:
        raise ValueError("they cannot be decoded") from None
    others = [field.name for field, _ in message.ListFields() if field.name != wanted]
    if others:
        raise ValueError(f"{datatype} stands in {wanted}, and {others[0]} was sent")
    return (getattr(message, wanted),)
