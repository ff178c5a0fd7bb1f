"""Holds every principal to the rate of the method's class; the counting is `limits`' own.

Counters are in memory by default, and in Redis where a URL says so, so that several servers
share them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.strategies import FixedWindowRateLimiter as SharedWindow
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from assay.domain.errors import RateLimited
from assay.rpc.call import Call
from assay.rpc.links.link import Passive


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Calls a minute that each principal may make, by rate class; 0 is no limit."""

    read: int = 6_000
    write: int = 1_200
    stream: int = 600

    def items(self) -> Mapping[str, RateLimitItem]:
        """Return the classes that are limited."""
        rates = {"read": self.read, "write": self.write, "stream": self.stream}
        return {name: RateLimitItemPerMinute(rate) for name, rate in rates.items() if rate}


class RateLimit(Passive):
    """Refuses with RateLimited; `retry_after` and the X-RateLimit headers say when to return."""

    name = "rate_limit"

    def __init__(self, rates: Rates, storage_url: str = "memory://") -> None:
        self._items = rates.items()
        self._local: FixedWindowRateLimiter | None = None
        self._shared: SharedWindow | None = None
        if storage_url.startswith("memory"):
            self._local = FixedWindowRateLimiter(MemoryStorage())
        else:
            self._shared = SharedWindow(storage_from_string(f"async+{storage_url}"))

    async def before(self, call: Call) -> None:
        """Count the call against its principal."""
        item = self._items.get(call.method.rate_class)
        if item is None or call.principal is None:
            return
        keys = (call.method.rate_class, call.principal.organization_id, call.principal.subject)
        if self._local is not None:
            if not self._local.hit(item, *keys):
                stats = self._local.get_window_stats(item, *keys)
                raise _limited(item, stats.reset_time, keys[0])
        elif self._shared is not None and not await self._shared.hit(item, *keys):
            window = await self._shared.get_window_stats(item, *keys)
            raise _limited(item, window.reset_time, keys[0])


def _limited(item: RateLimitItem, reset_time: float, rate_class: str) -> RateLimited:
    # `limits` counts in wall-clock windows, so its own clock decides how long is left.
    wait = max(1.0, reset_time - time.time())
    return RateLimited(
        f"Over {item.amount} {rate_class} calls a minute. Try again in {math.ceil(wait)} s.",
        metadata={
            "rate_class": rate_class,
            "limit": item.amount,
            "remaining": 0,
            "reset": math.ceil(reset_time),
        },
        retry_after=wait,
    )
