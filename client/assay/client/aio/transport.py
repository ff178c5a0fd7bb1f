"""The transport of the asynchronous client: whom it calls, as whom, and how patiently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf.message import Message

from assay.client.aio.concurrency import sleep
from assay.client.connection import RetryPolicy, is_away
from assay.client.errors import from_rpc
from assay.client.rpc import Rpc


class Transport:
    """A channel and what goes with every call on it."""

    def __init__(
        self,
        channel: Any,
        *,
        authorization: str | None,
        timeout: float,
        retry: RetryPolicy,
        new_request_id: Callable[[], str],
    ) -> None:
        self.channel = channel
        self.metadata = (("authorization", authorization),) if authorization else ()
        self.timeout = timeout
        self.retry = retry
        self.new_request_id = new_request_id
        self._multicallables: dict[Rpc, Any] = {}

    async def close(self) -> None:
        """Close the channel; calls in flight end."""
        await self.channel.close()

    async def pause(self, waits: Iterator[float]) -> bool:
        """Wait before another attempt; return False when there is none."""
        wait = next(waits, None)
        if wait is not None:
            await sleep(self.retry, wait)
        return wait is not None

    async def call(self, rpc: Rpc, request: Message) -> Any:
        """Return the answer of one call; one that may be repeated is, while nothing answers.

        Raises:
            ServiceError: refused, or not answered though it was tried again.
        """
        call, waits = self._multicallable(rpc), self.retry.waits()
        while True:
            try:
                return await call(request, metadata=self.metadata, timeout=self.timeout)
            except grpc.RpcError as error:
                if not (rpc.is_repeatable and is_away(error) and await self.pause(waits)):
                    raise from_rpc(error) from error

    def stream(self, rpc: Rpc, request: object) -> Any:
        """Begin a call that streams on one side or both; `request` is a message, or many."""
        return self._multicallable(rpc)(request, metadata=self.metadata)

    def _multicallable(self, rpc: Rpc) -> Any:
        """Return the channel's callable for an RPC, made once."""
        found = self._multicallables.get(rpc)
        if found is None:
            found = self._multicallables[rpc] = rpc.multicallable(self.channel)
        return found
