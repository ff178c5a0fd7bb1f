"""Watching a job or a benchmark to its end, asynchronously."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from assay.client.aio.transport import Transport
from assay.client.errors import from_rpc
from assay.client.transport import is_cut
from assay.client.watching import Item, WatchState


async def followed(
    transport: Transport,
    state: WatchState,
    opened: Callable[[int], Any],
    is_over: Callable[[int], Awaitable[bool]],
) -> AsyncIterator[Item]:
    """Yield events and status as `assay.client.watching.followed` does."""
    waits = transport.retry.waits()
    while True:
        call = opened(state.after_sequence)
        state.is_quiet = True
        try:
            async for answer in call:
                waits = transport.retry.waits()
                for item in state.take(answer):
                    yield item
                if state.ended:
                    return
        except grpc.RpcError as error:
            if not is_cut(error) or not await transport.pause(waits):
                raise from_rpc(error) from error
        else:
            # A watch that starts behind the terminal event ends at once, without an error.
            if state.is_quiet and await is_over(state.after_sequence):
                return
            if not await transport.pause(waits):
                raise state.cut_short()
        finally:
            call.cancel()
