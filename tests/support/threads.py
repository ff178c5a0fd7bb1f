"""Many callers at once, started by one barrier."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def together(work: Callable[[int], T], count: int) -> list[T]:
    """Return what `work(0..count-1)` returns, each called in a thread of its own at once."""
    barrier = threading.Barrier(count)

    def one(index: int) -> T:
        barrier.wait(30)
        return work(index)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
