"""The base of the groups of calls of the asynchronous client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, TypeVar

from assay.client.aio.transport import Transport
from assay.client.groups import PAGE_SIZE
from assay.client.messages import from_message
from assay.client.rpc import Rpc, rpc_of

__all__ = ["PAGE_SIZE", "Group"]

Value = TypeVar("Value")


class Group:
    """The calls of one service."""

    service: ClassVar[str]

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _rpc(self, method: str) -> Rpc:
        return rpc_of(self.service, method)

    async def _call(self, method: str, values: Mapping[str, object]) -> Any:
        rpc = self._rpc(method)
        return await self._transport.call(rpc, rpc.request(values, self._transport.new_request_id))

    async def _one(self, kind: type[Value], method: str, values: Mapping[str, object]) -> Value:
        return from_message(kind, await self._call(method, values))

    async def _none(self, method: str, values: Mapping[str, object]) -> None:
        await self._call(method, values)

    async def _pages(
        self, kind: type[Value], method: str, values: Mapping[str, object]
    ) -> AsyncIterator[Value]:
        """Yield the items of a listing, reading page after page."""
        rpc = self._rpc(method)
        request = rpc.request(values, self._transport.new_request_id)
        while True:
            page = await self._transport.call(rpc, request)
            for item in rpc.items(page):
                yield from_message(kind, item)
            if not rpc.advance(request, page):
                return
