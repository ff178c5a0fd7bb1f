"""Rate counters in memory: fixed windows that begin with their first hit.

The memory store of `limits` starts a timer thread after nearly every hit to forget what has
expired, and wraps every call; here that is done in passing, now and then. Shared counters, in
Redis, are `limits`' own.
"""

from __future__ import annotations

import time

PRUNE_AT = 10_000  # counters held before the expired ones are forgotten

Key = tuple[str, str, str]  # rate class, organization, subject


class ProcessCounters:
    """Counters of one process, for one event loop."""

    def __init__(self) -> None:
        self._counters: dict[Key, list[float]] = {}  # [count, end of the window]
        self._prune_at = PRUNE_AT

    def add(self, key: Key, seconds: float) -> int:
        """Count one more in a window of `seconds`; return the window's count."""
        now = time.time()
        counter = self._counters.get(key)
        if counter is None or counter[1] <= now:
            if len(self._counters) >= self._prune_at:
                self._prune(now)
            counter = self._counters[key] = [0, now + seconds]
        counter[0] += 1
        return int(counter[0])

    def count(self, key: Key) -> int:
        """Return the count of the window, which may be over: 0 then."""
        counter = self._counters.get(key)
        return 0 if counter is None or counter[1] <= time.time() else int(counter[0])

    def seconds_left(self, key: Key) -> float:
        """Return in how many seconds the window ends."""
        return self._counters[key][1] - time.time()

    def ends(self, key: Key) -> float:
        """Return when the window ends, in seconds since the epoch."""
        return self._counters[key][1]

    def _prune(self, now: float) -> None:
        self._counters = {key: one for key, one in self._counters.items() if one[1] > now}
        # Were nothing expired, pruning at every hit would cost more than the memory.
        self._prune_at = max(PRUNE_AT, 2 * len(self._counters))
