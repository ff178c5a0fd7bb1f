"""The transport of the asynchronous client: whom it calls, as whom, and how patiently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.message import Message

from assay.client.aio.concurrency import begun, sleep
from assay.client.connection import Headers, RetryPolicy, is_away, is_unreachable
from assay.client.errors import ServiceError, ServiceUnavailable, from_rpc
from assay.client.rpc import Rpc


class Transport:
    """A channel and what goes with every call on it."""

    def __init__(
        self,
        channel: Any,
        *,
        url: str,
        authorization: str | None,
        timeout: float,
        retry: RetryPolicy,
        new_request_id: Callable[[], str],
    ) -> None:
        self.channel = channel
        self.url = url
        self.metadata = (("authorization", authorization),) if authorization else ()
        self.timeout = timeout
        self.retry = retry
        self.new_request_id = new_request_id
        self._has_answered = False
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
        call = self._multicallable(rpc)
        waits = self.retry.waits(has_answered=self._has_answered)
        while True:
            try:
                answer = await call(request, metadata=self.metadata, timeout=self.timeout)
            except grpc.RpcError as error:
                away = is_away(error)
                self._has_answered = self._has_answered or not away
                if not (rpc.is_repeatable and away and await self.pause(waits)):
                    raise self.failure(error) from error
            else:
                self._has_answered = True
                return answer

    def failure(self, error: grpc.RpcError) -> ServiceError:
        """Return the exception of a call or stream; of a service that is away, with the way out."""
        found = from_rpc(error)
        if self._has_answered or not is_unreachable(error):
            return found
        message = (
            f"Nothing answers at {self.url}. Start the service with `assay up`, or set ASSAY_URL to"
            " where it is."
        )
        return ServiceUnavailable(replace(found.refusal, message=message))

    def stream(self, rpc: Rpc, request: object, headers: Headers = ()) -> Any:
        """Begin a call that streams on one side or both; `request` is a message, or many."""
        call, metadata = self._multicallable(rpc), (*self.metadata, *headers)
        if not rpc.descriptor.server_streaming:
            return call(request, metadata=metadata)
        return begun(lambda: call(request, metadata=metadata))

    def _multicallable(self, rpc: Rpc) -> Any:
        """Return the channel's callable for an RPC, made once."""
        found = self._multicallables.get(rpc)
        if found is None:
            found = self._multicallables[rpc] = rpc.multicallable(self.channel)
        return found
