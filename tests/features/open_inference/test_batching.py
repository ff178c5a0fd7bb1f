"""Batches of concurrent requests."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from weakref import ReferenceType, ref

import pytest

from assay.features.open_inference.batching import MAX_ROWS, Batches
from assay.kernel.errors import InvalidArgument, RateLimited
from assay.kernel.jobs.executors.base import ChildKilledError


class Doubling:
    """Doubles numbers, a batch at a time, each when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.let = asyncio.Semaphore(0)

    async def __call__(self, items: Sequence[int]) -> list[int | InvalidArgument]:
        """Return the doubles; of negative numbers a refusal."""
        self.batches.append(list(items))
        await self.let.acquire()
        if 13 in items:
            raise RuntimeError("13")
        if 99 in items:
            raise ChildKilledError("99")
        return [2 * one if one >= 0 else InvalidArgument("negative") for one in items]


async def started(
    batches: Batches[int, int], doubling: Doubling, *items: int, rows: int = 1, owner: str = "a"
):
    """Return the tasks of requests that have been sent in this order."""
    tasks = []
    for one in items:
        call = batches.run(owner, one, owner=owner, rows=rows, size=10, compute=doubling)
        tasks.append(asyncio.create_task(call))
        await asyncio.sleep(0)  # until it waits
    return tasks


def test_what_comes_meanwhile_is_computed_together():
    """A lone request is computed at once; those that come meanwhile make the next batch."""

    async def story() -> None:
        batches, doubling = Batches[int, int](), Doubling()
        tasks = await started(batches, doubling, 1)
        tasks += await started(batches, doubling, 2, 3, 4)
        doubling.let.release()
        doubling.let.release()
        assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
        assert doubling.batches == [[1], [2, 3, 4]]

    asyncio.run(story())


def test_a_refusal_is_that_of_its_request_alone():
    """A refused request leaves those beside it alone; a failure is that of the whole batch."""

    async def story() -> None:
        batches, doubling = Batches[int, int](), Doubling()
        doubling.let = asyncio.Semaphore(9)
        tasks = await started(batches, doubling, 1, 2, -3, 4)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [found[0], found[1], found[3]] == [2, 4, 8]
        assert isinstance(found[2], InvalidArgument)
        tasks = await started(batches, doubling, 5, 13, 6)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert found[0] == 10
        assert [str(one) for one in found[1:]] == ["13", "13"]

    asyncio.run(story())


def test_who_ends_a_process_is_refused_alone():
    """Those who were computed beside it have their answers."""

    async def story() -> None:
        batches, doubling = Batches[int, int](), Doubling()
        doubling.let = asyncio.Semaphore(9)
        tasks = await started(batches, doubling, 1, 2, 99, 3)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [found[0], found[1], found[3]] == [2, 4, 6]
        assert isinstance(found[2], ChildKilledError)

    asyncio.run(story())


def test_batches_have_a_limit_of_rows():
    """Requests of more rows than a batch may have are computed one after the other."""

    async def story() -> None:
        batches, doubling = Batches[int, int](), Doubling()
        doubling.let = asyncio.Semaphore(9)
        tasks = await started(batches, doubling, 1, 2, 3, rows=MAX_ROWS)
        assert await asyncio.gather(*tasks) == [2, 4, 6]
        assert doubling.batches == [[1], [2], [3]]

    asyncio.run(story())


def test_who_goes_away_leaves_the_others_alone():
    """A canceled request is not answered, and those of its batch are."""

    async def story() -> None:
        batches, doubling = Batches[int, int](), Doubling()
        tasks = await started(batches, doubling, 1, 2, 3)
        tasks[1].cancel()
        doubling.let.release()
        doubling.let.release()
        assert await asyncio.gather(tasks[0], tasks[2]) == [2, 6]
        assert tasks[1].cancelled()

    asyncio.run(story())


def test_what_nobody_waits_for_is_not_computed():
    """A request whose caller went away leaves the line; a batch of such requests alone is given up."""

    async def story() -> None:
        batches, doubling = Batches[int, int](), Doubling()
        tasks = await started(batches, doubling, 1, 2, 3)
        for gone in (tasks[1], tasks[0]):
            gone.cancel()
        await asyncio.wait(tasks[:2])
        assert all(gone.cancelled() for gone in tasks[:2])
        doubling.let.release()
        assert await tasks[2] == 6
        assert doubling.batches == [[1], [3]]

    asyncio.run(story())


def test_what_was_given_up_is_not_held():
    """The rows of a request whose caller went away are gone at once, not with the next collection."""

    class Rows:
        pass

    async def wait(_: Sequence[Rows]) -> list[int]:
        await asyncio.Event().wait()
        return []

    async def give_up() -> ReferenceType[Rows]:
        batches, rows = Batches[Rows, int](), Rows()
        call = batches.run("key", rows, owner="a", rows=1, size=1, compute=wait)
        task = asyncio.create_task(call)
        for _ in range(3):  # until it is computed
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0)  # for the batch to end
        return ref(rows)

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(give_up())() is None
    finally:
        gc.enable()


def test_what_waits_is_bounded():
    """Requests beyond the bytes that are free are refused, and taken when others are answered."""

    async def story() -> None:
        batches, doubling = Batches[int, int](held_bytes=40), Doubling()
        tasks = await started(batches, doubling, 1, 2)
        (refused,) = await started(batches, doubling, 3)
        with pytest.raises(RateLimited, match="no room for 10 bytes more beside the 20"):
            await refused
        tasks += await started(batches, doubling, 4, owner="b")
        for _ in range(3):
            doubling.let.release()
        assert await asyncio.gather(*tasks) == [2, 4, 8]
        (taken,) = await started(batches, doubling, 3)
        doubling.let.release()
        assert await taken == 6

    asyncio.run(story())


def test_a_line_whose_callers_all_went_away_goes_on():
    """Who comes after them is computed; nothing of them is held."""

    async def story() -> None:
        batches, doubling = Batches[int, int](held_bytes=10), Doubling()
        for _ in range(3):
            (gone,) = await started(batches, doubling, 1)
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        doubling.let.release()
        (taken,) = await started(batches, doubling, 5)
        assert await taken == 10

    asyncio.run(story())
