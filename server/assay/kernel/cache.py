"""A least-recently-used cache of values that never change, bounded by their size."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any

from cachetools import LRUCache


class BoundedCache:
    """Holds values up to a total size; safe to share between threads."""

    def __init__(self, limit: int) -> None:
        """Hold values of the size `limit` in all, in whatever unit the callers give."""
        self._lock = threading.Lock()
        self._values: LRUCache[Hashable, tuple[Any, int]] = LRUCache(limit, getsizeof=_size)

    @property
    def held(self) -> int:
        """The size of all values that are held."""
        return int(self._values.currsize)

    def peek(self, key: Hashable) -> Any:
        """Return the value of a key if it is held, else None."""
        with self._lock:
            known = self._values.get(key)
        return None if known is None else known[0]

    def get(self, key: Hashable, make: Callable[[], tuple[Any, int]]) -> Any:
        """Return the value of a key, else what `make` returns with its size.

        Two threads may make the same value; it is then held once. One that is larger than the
        limit is returned and not held.
        """
        with self._lock:
            known = self._values.get(key)
        if known is not None:
            return known[0]
        made = make()
        with self._lock:
            if key not in self._values and made[1] <= self._values.maxsize:
                self._values[key] = made
        return made[0]


def _size(held: tuple[Any, int]) -> int:
    return held[1]
