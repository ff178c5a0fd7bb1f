"""Batching of concurrent requests: what comes while others are computed is computed together next.

A request that comes alone is computed at once, so nobody waits for company. Lives on one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from assay.kernel.errors import AssayError, RateLimited

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE: Final = 2  # batches of one key that are computed at a time
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
            if len(line.running) < AT_ONCE:
                self._start(key, line)
            return await waiting.answer
        finally:
            self._held -= size

    def _start(self, key: Hashable, line: _Line[T, R]) -> None:
        batch = _taken(line.waiting)
        task = asyncio.get_running_loop().create_task(self._compute(line, batch))
        line.running.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            line.running.discard(task)
            if line.waiting:
                self._start(key, line)
            elif not line.running:
                self._lines.pop(key, None)

        task.add_done_callback(ended)

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


def _taken(waiting: list[_Waiting[T, R]]) -> list[_Waiting[T, R]]:
    """Take the first requests out that are computed together; of those that are still awaited."""
    batch: list[_Waiting[T, R]] = []
    rows = size = 0
    for taken, one in enumerate(waiting):
        if batch and (rows + one.rows > MAX_ROWS or size + one.size > MAX_BYTES):
            del waiting[:taken]
            return batch
        batch.append(one)
        rows, size = rows + one.rows, size + one.size
    waiting.clear()
    return batch
