"""Holds every principal to the rate of the method's class; the counting is `limits`' own.

Counters are in memory by default, and in Redis where a URL says so, so that several servers
share them.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import Storage as SharedCounters
from limits.storage import storage_from_string

from assay.domain.errors import RateLimited
from assay.domain.identity import Principal
from assay.rpc.call import Call
from assay.rpc.links.counters import ProcessCounters
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
        self._local = ProcessCounters()
        self._shared: SharedCounters | None = None
        if not storage_url.startswith("memory"):
            shared = storage_from_string(f"async+{storage_url}")
            assert isinstance(shared, SharedCounters), "an async+ scheme gives an async store"
            self._shared = shared

    async def before(self, call: Call) -> None:
        """Count the call against its principal."""
        item = self._items.get(call.method.rate_class)
        if item is None or call.principal is None:
            return
        key = _key(item, call.principal, call.method.rate_class)
        if self._shared is not None:
            count = await self._shared.incr(key, item.get_expiry())
        else:
            count = self._local.incr(key, item.get_expiry())
        if count > item.amount:
            raise _limited(item, await self._reset_time(key), call.method.rate_class)

    async def _reset_time(self, key: str) -> float:
        if self._shared is not None:
            return await self._shared.get_expiry(key)
        return self._local.get_expiry(key)


@functools.lru_cache(maxsize=10_000)
def _key(item: RateLimitItem, principal: Principal, rate_class: str) -> str:
    return item.key_for(rate_class, principal.organization_id, principal.subject)


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
