"""Threads for synchronous calls: what waits for the store runs here, beside the event loop."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

R = TypeVar("R")

STORE_THREADS = 16  # store calls that may wait for the database at a time


class RunInThread:
    """Runs synchronous calls of the running event loop in a pool of threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="assay-store")

    def __call__(self, function: Callable[[], R], /) -> Awaitable[R]:
        """Return what `function` returns, run with the caller's context variables."""
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(self._pool, context.run, function)

    def close(self) -> None:
        """Take no more calls, and give up those that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
