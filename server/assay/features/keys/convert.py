"""API keys on the wire."""

from __future__ import annotations

from assay.kernel.identity import ApiKey
from assay.kernel.rpc.messages import message_of
from assay.v1 import key_pb2


def key(stored: ApiKey) -> key_pb2.ApiKey:
    """Return a key without its secret."""
    return message_of(key_pb2.ApiKey, stored, permissions=sorted(stored.permissions))
