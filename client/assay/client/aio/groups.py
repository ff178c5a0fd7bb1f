"""The base of the groups of calls of the asynchronous client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from assay.client.aio.transport import Transport
from assay.client.groups import PAGE_SIZE, BaseGroup, Value
from assay.client.messages import from_message

__all__ = ["PAGE_SIZE", "Group"]


class Group(BaseGroup[Transport]):
    """The calls of one service."""

    async def _call(self, method: str, values: Mapping[str, object]) -> Any:
        return await self._transport.call(*self._request(method, values))

    async def _one(self, kind: type[Value], method: str, values: Mapping[str, object]) -> Value:
        return from_message(kind, await self._call(method, values))

    async def _none(self, method: str, values: Mapping[str, object]) -> None:
        await self._call(method, values)

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
