"""Where rates are counted in memory: a store for `limits` without its timer threads.

`limits`' own memory store starts a thread after nearly every hit to forget what has expired;
here that is done in passing, now and then.
"""

from __future__ import annotations

import time

from limits.storage import Storage

PRUNE_AT = 10_000  # counters held before the expired ones are forgotten


class ProcessCounters(Storage):
    """Counters of one process, for one event loop."""

    STORAGE_SCHEME = ["assay-process"]  # noqa: RUF012 — `limits` declares it as a plain attribute

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._counters: dict[str, list[float]] = {}  # key → [count, expiry]
        self._prune_at = PRUNE_AT

    @property
    def base_exceptions(self) -> type[Exception]:
        """The errors that a store of this kind raises: none of its own."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` more in a window of `expiry` seconds that begins with its first hit."""
        now = time.time()
        counter = self._counters.get(key)
        if counter is None or counter[1] <= now:
            if len(self._counters) >= self._prune_at:
                self._prune(now)
            counter = self._counters[key] = [0, now + expiry]
        counter[0] += amount
        return int(counter[0])

    def get(self, key: str) -> int:
        """Return the count of a window, 0 when it has expired."""
        counter = self._counters.get(key)
        return int(counter[0]) if counter is not None and counter[1] > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window ends, in seconds since the epoch."""
        counter = self._counters.get(key)
        return counter[1] if counter is not None else time.time()

    def check(self) -> bool:
        """Return that the store is usable."""
        return True

    def reset(self) -> int | None:
        """Forget everything; return how many counters there were."""
        count = len(self._counters)
        self._counters.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one counter."""
        self._counters.pop(key, None)

    def _prune(self, now: float) -> None:
        self._counters = {key: one for key, one in self._counters.items() if one[1] > now}
        # Were nothing expired, pruning at every hit would cost more than the memory.
        self._prune_at = max(PRUNE_AT, 2 * len(self._counters))
