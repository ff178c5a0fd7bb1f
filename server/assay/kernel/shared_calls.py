"""Shared calls: what many ask for at about the same time is found out once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

V = TypeVar("V")


class SharedCalls(Generic[V]):
    """Values that do not change, of which the last few are kept. Lives on one event loop."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._calls: OrderedDict[Hashable, asyncio.Future[V]] = OrderedDict()

    async def get(self, key: Hashable, call: Callable[[], Awaitable[V]]) -> V:
        """Return what `call` returns, or has returned for another who asked for the key.

        Whoever goes away does not end it for the others.
        """
        found = self._calls.get(key)
        if found is None:
            found = asyncio.ensure_future(call())
            self._calls[key] = found
            found.add_done_callback(partial(self._forget_failed, key))
            while len(self._calls) > self._kept:
                self._calls.popitem(last=False)
        else:
            self._calls.move_to_end(key)
        return await asyncio.shield(found)

    def _forget_failed(self, key: Hashable, call: asyncio.Future[V]) -> None:
        failed = call.cancelled() or call.exception() is not None
        if failed and self._calls.get(key) is call:
            del self._calls[key]
