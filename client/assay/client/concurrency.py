"""Waiting and working, as the synchronous client does; `assay.client.aio.concurrency` by threads."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from assay.client.connection import RetryPolicy

Result = TypeVar("Result")


class Outgoing(queue.SimpleQueue[Any]):
    """The requests of a stream, as they come; None ends it."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.get, None)


def sleep(retry: RetryPolicy, seconds: float) -> None:
    """Wait as the policy does."""
    retry.sleep(seconds)


def off_loop(work: Callable[[], Result]) -> Result:
    """Return what `work` does: there is no loop that it could hold up."""
    return work()
