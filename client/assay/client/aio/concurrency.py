"""Waiting and working side by side, as the asynchronous client does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from assay.client.connection import RetryPolicy

Result = TypeVar("Result")


class Outgoing(asyncio.Queue[Any]):
    """The requests of a stream, as they come; None ends it."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (request := await self.get()) is not None:
            yield request


async def sleep(_: RetryPolicy, seconds: float) -> None:
    """Wait; the loop's own clock does it."""
    await asyncio.sleep(seconds)


async def off_loop(work: Callable[[], Result]) -> Result:
    """Return what `work` does in a thread, which keeps the loop free."""
    return await asyncio.to_thread(work)


def begun(start: Callable[[], Any]) -> Any:
    """Return the call that `start` begins: an interrupt waits for the loop."""
    return start()
