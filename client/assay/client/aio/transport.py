"""The connection of the asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.message import Message

from assay.client.errors import from_rpc
from assay.client.rpc import Rpc
from assay.client.transport import Connection, is_away


class Transport(Connection):
    """A connection whose calls are awaited."""

    async def close(self) -> None:
        """Close the channel; calls in flight end."""
        await self.channel.close()

    async def pause(self, waits: Iterator[float]) -> bool:
        """Wait before another attempt; return False when there is none."""
        wait = next(waits, None)
        if wait is not None:
            await asyncio.sleep(wait)
        return wait is not None

    async def call(self, rpc: Rpc, request: Message) -> Any:
        """Return the answer of one call; one that may be repeated is, while nothing answers.

        Raises:
            ServiceError: refused, or not answered though it was tried again.
        """
        call, waits = self.multicallable(rpc), self.retry.waits()
        while True:
            try:
                return await call(request, metadata=self.metadata, timeout=self.timeout)
            except grpc.RpcError as error:
                if not (rpc.is_repeatable and is_away(error) and await self.pause(waits)):
                    raise from_rpc(error) from error
