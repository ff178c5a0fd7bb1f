"""The base of the groups of calls of the asynchronous client: `client.models` and its like."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, TypeVar

from google.protobuf.message import Message

from assay.client.aio.transport import Transport
from assay.client.messages import from_message
from assay.client.rpc import Rpc, rpc_of

PAGE_SIZE = 500  # items that a listing reads at once

Value = TypeVar("Value")


class Group:
    """The calls of one resource, most of them of one service."""

    service: ClassVar[str]

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _rpc(self, method: str) -> Rpc:
        """Return a method of the group's service, or of the service that stands before a dot."""
        service, _, name = method.rpartition(".")
        return rpc_of(f"assay.v1.{service}" if service else self.service, name)

    def _request(self, method: str, values: Mapping[str, object]) -> tuple[Rpc, Message]:
        rpc = self._rpc(method)
        return rpc, rpc.request(values, self._transport.new_request_id)

    def _open_stream(self, method: str, values: Mapping[str, object]) -> Any:
        """Begin a call whose answers are streamed."""
        return self._transport.stream(*self._request(method, values))

    async def _none(self, method: str, values: Mapping[str, object]) -> None:
        await self._transport.call(*self._request(method, values))

    async def _one(self, kind: type[Value], method: str, values: Mapping[str, object]) -> Value:
        return from_message(kind, await self._transport.call(*self._request(method, values)))

    async def _pages(
        self, kind: type[Value], method: str, values: Mapping[str, object]
    ) -> AsyncIterator[Value]:
        """Yield the items of a listing, reading page after page."""
        rpc, request = self._request(method, values)
        while True:
            page = await self._transport.call(rpc, request)
            for item in rpc.items(page):
                yield from_message(kind, item)
            if not rpc.advance(request, page):
                return
