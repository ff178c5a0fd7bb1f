"""KeyService."""

from __future__ import annotations

from google.protobuf import empty_pb2

from assay.features.keys.service import KeyUseCases
from assay.kernel.identity import ApiKey
from assay.kernel.rpc import values
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.messages import message_of, page_of
from assay.v1 import key_pb2, key_service_pb2


class KeyService:
    """API keys of the caller's organization."""

    def __init__(self, keys: KeyUseCases) -> None:
        self._keys = keys

    async def CreateKey(
        self, request: key_service_pb2.CreateKeyRequest, call: Call
    ) -> key_service_pb2.CreateKeyResponse:
        """Make a key and show its secret this once."""
        made = await call.run(
            self._keys.create,
            call.caller,
            name=request.name,
            permissions=tuple(request.permissions),
            expires_at=values.moment("expires_at", request),
        )
        return key_service_pb2.CreateKeyResponse(key=key(made.key), secret=made.credential)

    async def ListKeys(
        self, request: key_service_pb2.ListKeysRequest, call: Call
    ) -> key_service_pb2.ListKeysResponse:
        """Return a page of keys, without secrets."""
        page = await call.run(
            self._keys.list, call.organization_id, request.page_size, request.page_token
        )
        return page_of(key_service_pb2.ListKeysResponse, page, key)

    async def RevokeKey(
        self, request: key_service_pb2.RevokeKeyRequest, call: Call
    ) -> empty_pb2.Empty:
        """Revoke a key."""
        await call.run(self._keys.revoke, call.organization_id, request.prefix)
        return empty_pb2.Empty()


def key(stored: ApiKey) -> key_pb2.ApiKey:
    """Return a key without its secret."""
    return message_of(key_pb2.ApiKey, stored, permissions=sorted(stored.permissions))
