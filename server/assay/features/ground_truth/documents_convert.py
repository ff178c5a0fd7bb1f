"""Documents' values as they are sent: JSON as text, or an object."""

from __future__ import annotations

from google.protobuf import struct_pb2

from assay.features.imports import documents
from assay.kernel.rpc.values import plain


def text_from_json(field: str, text: str) -> str:
    """Return the canonical text of the JSON object that a gRPC caller sent; BadDocument."""
    return documents.text_of(field, documents.parse(field, text))


def text_from_struct(field: str, message: struct_pb2.Struct) -> str:
    """Return the canonical text of the object that a REST caller sent; BadDocument.

    A Struct's numbers are doubles: a whole one below 2**53 is written without a point, any
    other with the fewest digits that mean it.
    """
    sent = {key: plain(one) for key, one in message.fields.items()}
    return documents.text_of(field, documents.check(field, sent))
