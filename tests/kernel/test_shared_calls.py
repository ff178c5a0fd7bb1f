"""Calls that several make at once, made once."""

from __future__ import annotations

import asyncio

import pytest

from assay.kernel.shared_calls import SharedCalls


class Asked:
    """Answers with the number of the call, when it is let."""

    def __init__(self) -> None:
        self.count = 0
        self.let = asyncio.Event()

    async def __call__(self) -> int:
        """Return how often it was called; the second time it fails."""
        self.count += 1
        await self.let.wait()
        if self.count == 2:
            raise ValueError("second")
        return self.count


def test_many_who_ask_at_once_share_a_call():
    """Who goes away leaves it to the others; a failure is told to all, and is not kept."""

    async def story() -> None:
        calls, asked = SharedCalls[int](1), Asked()
        tasks = [asyncio.create_task(calls.get("a", asked)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        asked.let.set()
        assert await asyncio.gather(*tasks[1:]) == [1, 1]
        assert await calls.get("a", asked) == 1
        failing = [calls.get("b", asked) for _ in range(2)]
        found = await asyncio.gather(*failing, return_exceptions=True)
        assert [str(one) for one in found] == ["second", "second"]
        assert await calls.get("b", asked) == 3
        assert await calls.get("a", asked) == 4  # it had to make room for the other

    asyncio.run(story())


def test_who_went_away_hears_no_failure():
    """A call that nobody waits for may fail; the next one who asks makes another."""

    async def story() -> None:
        calls, asked = SharedCalls[int](4), Asked()
        asked.count = 1
        task = asyncio.create_task(calls.get("a", asked))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        asked.let.set()
        assert await calls.get("b", asked) == 3
        assert await calls.get("a", asked) == 4

    asyncio.run(story())
