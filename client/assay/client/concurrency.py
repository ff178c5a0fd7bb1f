"""Waiting and working, as the synchronous client does; `assay.client.aio.concurrency` by threads."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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


def begun(start: Callable[[], Any]) -> Any:
    """Return the call that `start` begins; one that is interrupted meanwhile is canceled.

    It begins on a thread of its own, where no interrupt is raised: gRPC waits without end for a
    channel to close that was interrupted after it had noted a call and before it served it.
    """
    threads = ThreadPoolExecutor(1)
    beginning: Future[Any] = threads.submit(start)
    threads.shutdown(wait=False)
    try:
        return beginning.result()
    except KeyboardInterrupt:
        beginning.add_done_callback(_cancel)
        raise


def _cancel(beginning: Future[Any]) -> None:
    if beginning.exception() is None:
        beginning.result().cancel()
