"""Rate limits: calls a minute of each principal by the method's class; the counting is `limits`' own.

Counters are in memory by default, and in Redis where a URL says so, so that several servers
share them.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import RedisStorage as SharedCounters
from limits.aio.storage.redis.redispy import RedispyBridge
from limits.storage import storage_from_string

from assay.kernel.errors import RateLimited
from assay.kernel.rpc.call import Call
from assay.kernel.rpc.interceptors.base import Interceptor
from assay.kernel.rpc.interceptors.rate_counters import Key, ProcessCounters

log = logging.getLogger("assay.rpc")


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Calls a minute that each principal may make, by rate class; 0 is no limit."""

    read: int = 6_000
    write: int = 1_200
    stream: int = 600
    chunk: int = 60_000
    failed: int = 600  # wrong credentials, of an address

    def items(self) -> Mapping[str, RateLimitItem]:
        """Return the classes that are limited."""
        rates = {
            "read": self.read,
            "write": self.write,
            "stream": self.stream,
            "chunk": self.chunk,
        }
        return {name: RateLimitItemPerMinute(rate) for name, rate in rates.items() if rate}


class RateLimit(Interceptor):
    """Refuses with RateLimited; `retry_after` and the X-RateLimit headers say when to return."""

    name = "rate_limit"

    def __init__(self, rates: Rates, storage_url: str = "memory://") -> None:
        self._items = rates.items()
        self._local = ProcessCounters()
        self._shared: SharedCounters | None = None
        if not storage_url.startswith("memory"):
            shared = storage_from_string(f"async+{storage_url}", implementation="redispy")
            assert isinstance(shared, SharedCounters), "limits are kept in Redis"
            self._shared = shared

    async def close(self) -> None:
        """Close the connections to the shared counters."""
        if self._shared is not None:
            bridge = self._shared.bridge
            assert isinstance(bridge, RedispyBridge), "it was asked for"
            # `limits` has no way of its own to close what it opened.
            await bridge.get_connection().aclose()  # type: ignore[attr-defined] # its protocol

    def before(self, call: Call) -> Awaitable[None] | None:
        """Count the call against its principal."""
        principal, rate_class = call.principal, call.method.rate_class
        item = self._items.get(rate_class)
        if item is None or principal is None:
            return None
        key = (rate_class, principal.organization_id, principal.subject)
        if self._shared is not None:
            return self._count_shared(self._shared, item, key)
        self._count(item, key)
        return None

    def _count(self, item: RateLimitItem, key: Key) -> None:
        if self._local.add(key, item.get_expiry()) > item.amount:
            raise _limited(item, self._local.ends(key), key[0])

    async def _count_shared(self, shared: SharedCounters, item: RateLimitItem, key: Key) -> None:
        text = item.key_for(*key)
        try:
            count = await shared.incr(text, item.get_expiry())
            ends = await shared.get_expiry(text) if count > item.amount else 0.0
        except shared.base_exceptions as error:
            # Without the shared counters each server counts for itself: limits are looser for
            # a while, but nobody is turned away because of them.
            log.warning("the shared rate counters cannot be reached: %s", type(error).__name__)
            self._count(item, key)
            return
        if count > item.amount:
            raise _limited(item, ends, key[0])


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
