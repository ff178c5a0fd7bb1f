"""A memory of what was read, bounded by bytes: what was not asked for longest is let go."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class Memory:
    """Remembers values that never change; safe to share between threads."""

    def __init__(self, limit: int) -> None:
        """Hold values of `limit` bytes in all."""
        self._limit = limit
        self._lock = threading.Lock()
        self._held = 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    @property
    def held(self) -> int:
        """The bytes of all values that are remembered."""
        return self._held

    def peek(self, key: Hashable) -> Any:
        """Return the value of a key if it is remembered, else None."""
        with self._lock:
            known = self._values.get(key)
            if known is None:
                return None
            self._values.move_to_end(key)
            return known[0]

    def get(self, key: Hashable, make: Callable[[], tuple[Any, int]]) -> Any:
        """Return the value of a key, else what `make` returns with its size in bytes.

        Two threads may make the same value; it is then remembered once.
        """
        with self._lock:
            known = self._values.get(key)
            if known is not None:
                self._values.move_to_end(key)
                return known[0]
        value, size = make()
        with self._lock:
            if key not in self._values and size <= self._limit:
                self._values[key] = (value, size)
                self._held += size
                while self._held > self._limit:
                    _, (_, freed) = self._values.popitem(last=False)
                    self._held -= freed
        return value
