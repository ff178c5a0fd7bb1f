"""Batching of concurrent requests: what comes while others are computed is computed together next.

A request that comes alone is computed at once. Where several came together, those who were answered
are likely to ask again: they are waited for a moment, as a batch costs little more than a request.
Batches that take long are computed two at a time, as more processes then help more than larger
batches do. What nobody waits for any more is not computed, or no longer. Lives on one event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final, Generic, TypeVar

from assay.kernel.errors import AssayError, RateLimited, TooLarge
from assay.kernel.jobs.executors.base import ChildKilledError

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
    batch: _Batch | None = None  # with which it is computed


@dataclass(kw_only=True, eq=False)
class _Batch:
    wanted: int  # requests whose callers wait
    task: asyncio.Task[None] | None = None


@dataclass(kw_only=True, eq=False)
class _Line(Generic[T, R]):
    compute: Compute[T, R]
    waiting: dict[_Waiting[T, R], None] = field(default_factory=dict)  # in their order
    running: set[asyncio.Task[None]] = field(default_factory=set)
    places: int = 1  # for batches that are computed at a time
    expected: int = 1  # requests that are likely to come, with those that wait
    timer: asyncio.TimerHandle | None = None  # when to go on without them, or without anybody


class Batches(Generic[T, R]):
    """Requests by key; those of one key can be computed together."""

    def __init__(self, *, held_bytes: int = MAX_HELD_BYTES) -> None:
        self._lines: dict[Hashable, _Line[T, R]] = {}
        self._most = held_bytes
        self._held: Counter[str] = Counter()  # bytes by owner

    async def run(
        self, key: Hashable, item: T, *, owner: str, rows: int, size: int, compute: Compute[T, R]
    ) -> R:
        """Return the answer to `item`, which `compute` gives with those of others of its key.

        Raises:
            AssayError: what `compute` raised, or gave as the answer.
            RateLimited: more bytes of the owner wait than may be held.
        """
        self._check_room(owner, size)
        line = self._lines.setdefault(key, _Line(compute=compute))
        waiting = _Waiting[T, R](
            item=item, rows=rows, size=size, answer=asyncio.get_running_loop().create_future()
        )
        self._held[owner] += size
        line.waiting[waiting] = None
        try:
            self._go_on(key, line)
            return await waiting.answer
        finally:
            self._held[owner] -= size
            if not self._held[owner]:
                del self._held[owner]
            _let_go(line, waiting)

    def _check_room(self, owner: str, size: int) -> None:
        """Refuse what would have an owner hold more than is left free, so that others can send too."""
        held = self._held.total()
        if held and self._held[owner] + size > self._most - held:
            raise RateLimited(
                f"There is no room for {size} bytes more beside the {self._held[owner]} of your "
                "organization that wait for their predictions. Try again when some are answered.",
                metadata={"rate_class": "waiting_bytes", "limit": self._most, "remaining": 0},
                retry_after=1.0,
            )

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
            requests = _taken(line.waiting, -(-len(line.waiting) // places))
            batch = _Batch(wanted=len(requests))
            for one in requests:
                one.batch = batch
            batch.task = task = loop.create_task(self._compute(line, requests))
            line.running.add(task)
            task.add_done_callback(partial(self._ended, key, line, len(requests), loop.time()))

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
            answers = await _answers(line.compute, [one.item for one in batch])
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


async def _answers(compute: Compute[T, R], items: Sequence[T]) -> Sequence[R | AssayError]:
    """Return the answer to each item; where they are too much for a process, of each by itself."""
    try:
        return await compute(items)
    except (ChildKilledError, TooLarge):
        if len(items) == 1:
            raise
    answers: list[R | AssayError] = []
    for one in items:
        try:
            answers += await compute([one])
        except AssayError as refusal:
            answers.append(refusal)
    return answers


def _let_go(line: _Line[T, R], one: _Waiting[T, R]) -> None:
    """Forget a request that was answered, or whose caller went away; give up a batch of such."""
    line.waiting.pop(one, None)
    # Let go of here: a canceled task has the frame that has the request, which would have the task.
    batch, one.batch = one.batch, None
    if batch is not None:
        batch.wanted -= 1
        if not batch.wanted and batch.task is not None:
            batch.task.cancel()  # which does nothing where it has ended


def _taken(waiting: dict[_Waiting[T, R], None], most: int) -> list[_Waiting[T, R]]:
    """Take the first requests out that are computed together."""
    rows = size = 0
    batch: list[_Waiting[T, R]] = []
    for one in islice(waiting, most):
        rows, size = rows + one.rows, size + one.size
        if batch and (rows > MAX_ROWS or size > MAX_BYTES):
            break
        batch.append(one)
    for one in batch:
        del waiting[one]
    return batch
