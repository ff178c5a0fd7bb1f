"""Batching of concurrent requests: what comes while others are computed is computed together next.

A request that comes alone is computed at once. Where several came together, those who were answered
are likely to ask again: they are waited for a moment, as a batch costs little more than a request.
Batches that take long are computed two at a time, as more processes then help more than larger
batches do. Lives on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, TypeVar

from assay.kernel.errors import AssayError, RateLimited

T = TypeVar("T")
R = TypeVar("R")

GATHER_SECONDS: Final = 0.004  # for which those are waited for who were answered together
LONG_SECONDS: Final = 0.05  # of a batch, after which another one is computed beside the next
MAX_ROWS: Final = 4_096  # of a batch, unless one request has more
MAX_BYTES: Final = 8 * 1024**2  # of a batch, unless one request has more
MAX_HELD_BYTES: Final = 256 * 1024**2  # of all requests that wait or are computed

Compute = Callable[[Sequence[T]], Awaitable[Sequence[R | AssayError]]]


@dataclass(kw_only=True, eq=False)
class _Waiting(Generic[T, R]):
    item: T
    rows: int
    size: int
    answer: asyncio.Future[R]


@dataclass(kw_only=True, eq=False)
class _Line(Generic[T, R]):
    compute: Compute[T, R]
    waiting: list[_Waiting[T, R]] = field(default_factory=list)
    running: set[asyncio.Task[None]] = field(default_factory=set)
    places: int = 1  # for batches that are computed at a time
    expected: int = 1  # requests that are likely to come, with those that wait
    timer: asyncio.TimerHandle | None = None  # when to go on without them, or without anybody


class Batches(Generic[T, R]):
    """Requests by key; those of one key can be computed together."""

    def __init__(self, *, held_bytes: int = MAX_HELD_BYTES) -> None:
        self._lines: dict[Hashable, _Line[T, R]] = {}
        self._most = held_bytes
        self._held = 0

    async def run(
        self, key: Hashable, item: T, *, rows: int, size: int, compute: Compute[T, R]
    ) -> R:
        """Return the answer to `item`, which `compute` gives with those of others of its key.

        Raises:
            AssayError: what `compute` raised, or gave as the answer.
            RateLimited: more bytes wait than may be held.
        """
        if self._held and self._held + size > self._most:
            raise RateLimited(
                f"Requests of {self._held} bytes wait for their predictions; {self._most} are held "
                "at this server. Try again when some are answered.",
                metadata={"rate_class": "waiting_bytes", "limit": self._most, "remaining": 0},
                retry_after=1.0,
            )
        line = self._lines.setdefault(key, _Line(compute=compute))
        waiting = _Waiting[T, R](
            item=item, rows=rows, size=size, answer=asyncio.get_running_loop().create_future()
        )
        self._held += size
        line.waiting.append(waiting)
        try:
            self._go_on(key, line)
            return await waiting.answer
        finally:
            self._held -= size

    def _go_on(self, key: Hashable, line: _Line[T, R], *, is_time: bool = False) -> None:
        """Compute what waits when all are there who are expected, or the time for that is over."""
        if is_time:
            line.timer = None
        if len(line.running) >= line.places:
            return
        if not is_time and len(line.waiting) < line.expected:
            if line.timer is None:
                go_on = partial(self._go_on, key, line, is_time=True)
                line.timer = asyncio.get_running_loop().call_later(GATHER_SECONDS, go_on)
            return
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        if line.waiting:
            self._start(key, line)
        elif not line.running:
            self._lines.pop(key, None)

    def _start(self, key: Hashable, line: _Line[T, R]) -> None:
        """Compute what waits, in as many batches as there are places for."""
        loop = asyncio.get_running_loop()
        for places in range(line.places - len(line.running), 0, -1):
            if not line.waiting:
                return
            batch = _taken(line.waiting, -(-len(line.waiting) // places))
            task = loop.create_task(self._compute(line, batch))
            line.running.add(task)
            task.add_done_callback(partial(self._ended, key, line, len(batch), loop.time()))

    def _ended(
        self,
        key: Hashable,
        line: _Line[T, R],
        size: int,
        began: float,
        task: asyncio.Task[None],
    ) -> None:
        line.running.discard(task)
        is_long = task.get_loop().time() - began > LONG_SECONDS
        line.places = 2 if is_long else 1
        # Who waits for long need not wait for others.
        line.expected = 1 if is_long else len(line.waiting) + size
        self._go_on(key, line)

    async def _compute(self, line: _Line[T, R], batch: list[_Waiting[T, R]]) -> None:
        try:
            answers = await line.compute([one.item for one in batch])
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            answers = [error] * len(batch)  # type: ignore[list-item] # set below as what it is
        except asyncio.CancelledError:
            for one in batch:
                one.answer.cancel()
            raise
        for one, answer in zip(batch, answers, strict=True):
            if one.answer.done():  # who asked went away
                continue
            if isinstance(answer, Exception):
                one.answer.set_exception(answer)
            else:
                one.answer.set_result(answer)


def _taken(waiting: list[_Waiting[T, R]], most: int) -> list[_Waiting[T, R]]:
    """Take the first requests out that are computed together."""
    rows = size = count = 0
    for one in waiting[:most]:
        rows, size = rows + one.rows, size + one.size
        if count and (rows > MAX_ROWS or size > MAX_BYTES):
            break
        count += 1
    batch = waiting[:count]
    del waiting[:count]
    return batch
