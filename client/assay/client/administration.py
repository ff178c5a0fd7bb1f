"""The calls about keys and the server itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from assay.client import convert, types
from assay.client.transport import Transport
from assay.v1 import key_service_pb2, server_service_pb2
from assay.v1.key_service_pb2_grpc import KeyServiceStub
from assay.v1.server_service_pb2_grpc import ServerServiceStub

PAGE = 500


class Administration:
    """Keys and the server's description; part of `Client`."""

    _transport: Transport

    @property
    def _keys(self) -> KeyServiceStub:
        return KeyServiceStub(self._transport.channel)

    def create_key(
        self, name: str, permissions: Sequence[str], *, expires_at: datetime | None = None
    ) -> types.NewApiKey:
        """Make an API key; its secret is in the answer and nowhere else."""
        request = key_service_pb2.CreateKeyRequest(name=name, permissions=permissions)
        if expires_at is not None:
            request.expires_at.FromDatetime(expires_at)
        made = self._transport.call(self._keys.CreateKey, request, again=False)
        return types.NewApiKey(key=convert.api_key(made.key), secret=made.secret)

    def list_keys(self) -> Iterator[types.ApiKey]:
        """Yield all keys, newest first, without secrets."""
        request = key_service_pb2.ListKeysRequest(page_size=PAGE)
        while True:
            page = self._transport.call(self._keys.ListKeys, request)
            yield from map(convert.api_key, page.keys)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def revoke_key(self, prefix: str) -> None:
        """Revoke a key; it stops working everywhere within 5 s."""
        self._transport.call(self._keys.RevokeKey, key_service_pb2.RevokeKeyRequest(prefix=prefix))

    def server_info(self) -> types.ServerInfo:
        """Return the server's versions and limits; needs no credential."""
        stub = ServerServiceStub(self._transport.channel)
        request = server_service_pb2.GetServerInfoRequest()
        return convert.server_info(self._transport.call(stub.GetServerInfo, request))
