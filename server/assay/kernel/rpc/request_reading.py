"""Requests read from their bytes: typed messages, and messages that carry a JSON body.

It knows nothing of gRPC, so that a process beside the server can read what is large.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError, Message

from assay.kernel.errors import InvalidArgument
from assay.kernel.rpc.methods import Method


def request_of(method: Method, data: bytes) -> Message:
    """Return the request of a method that `data` is.

    Raises:
        InvalidArgument: it is no such message, or lacks a required field.
    """
    message = message_of(method, data)
    method.requirements.check(message)
    return message


def rest_request_of(method: Method, data: bytes, content_encoding: str) -> Message:
    """Return the request that `data` is, with the fields of the JSON body that it carries.

    Raises:
        BadContentType, InvalidArgument, TooLarge: as HttpBinding.merge_body, and `request_of`.
    """
    assert method.http is not None, "a REST caller came by a rule"
    message = method.http.merge_body(message_of(method, data), content_encoding)
    method.requirements.check(message)
    return message


def message_of(method: Method, data: bytes) -> Message:
    """Return a message of the method's type, unchecked; InvalidArgument where it is none."""
    message = method.request()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise InvalidArgument(
            "The request cannot be decoded: it is not valid UTF-8, is nested too deeply, "
            "or is not a message of this method."
        ) from error
    return message
