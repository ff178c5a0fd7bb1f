"""The change notifier: wakes waiters after commits, by one shared poll and by commit listeners.

Waiters are woken by this process's commits at once and by the poll for everybody else's.
A notifier is a hint; what was committed is always read from the log. With nobody waiting, nothing
is polled.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable

POLL_SECONDS = 0.05


class ChangeNotifier:
    """Counts ticks; a tick means that the log may have grown. Lives on one event loop."""

    def __init__(
        self, token: Callable[[], Hashable], subscribe: Callable[[Callable[[], None]], object]
    ) -> None:
        """Take the store's change token and a way to be told of this process's commits.

        `subscribe` may call back from any thread.
        """
        self._token = token
        self._subscribe = subscribe
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next: asyncio.Future[None] | None = None
        self._waiting = 0
        self._poller: asyncio.Task[None] | None = None
        self.ticks = 0

    async def after(self, seen: int, seconds: float) -> bool:
        """Wait for a tick beyond the count `seen`; return False after that many seconds.

        Read `ticks` before reading the log, and pass it here: then no commit is missed.
        """
        self._start()
        if self.ticks > seen:
            return True
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        self._waiting += 1
        try:
            # Not `wait_for`: until Python 3.12 it loses a cancellation that meets a tick.
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._next)
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    def _start(self) -> None:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._subscribe(self._hint)
        if self._poller is None or self._poller.done():
            self._poller = self._loop.create_task(self._poll())

    def _hint(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits
                self._loop.call_soon_threadsafe(self._tick)

    def _tick(self) -> None:
        self.ticks += 1
        woken, self._next = self._next, None
        if woken is not None and not woken.done():
            woken.set_result(None)

    async def _poll(self) -> None:
        seen = self._token()
        # What was committed while nobody polled is news to whoever waits now.
        self._tick()
        idle = 0
        while idle < 3:
            await asyncio.sleep(POLL_SECONDS)
            idle = 0 if self._waiting else idle + 1
            token = self._token()
            if token != seen:
                seen = token
                self._tick()
