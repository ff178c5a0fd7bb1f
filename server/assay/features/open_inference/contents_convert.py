"""Typed contents of tensors: messages as numbers or strings, and outputs as messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from assay.features.remote.model import Datatype
from assay.features.remote.oip_convert import TYPED_FIELDS, typed_numbers
from assay.features.remote.tensors import Numbers
from assay.foreign.inference import open_inference_grpc_pb2 as oip


def numbers_of(contents: bytes, datatype: Datatype) -> Numbers:
    """Return the numbers of an encoded message.

    Raises ValueError for elements of another datatype, or beyond what the datatype holds.
    """
    (field,) = _elements(contents, datatype)
    return typed_numbers(field, datatype)


def texts_of(contents: bytes) -> list[bytes]:
    """Return the strings of an encoded message; ValueError for elements of another datatype."""
    (field,) = _elements(contents, Datatype.BYTES)
    return list(field)


def numbers_message(numbers: NDArray[np.float64]) -> bytes:
    """Return numbers as an encoded message of FP64."""
    message = oip.InferTensorContents(fp64_contents=numbers.ravel().tolist())
    return message.SerializeToString()


def texts_message(texts: list[bytes]) -> bytes:
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
