"""The notifier: hints that something was committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from assay.kernel.storage.change_notifier import ChangeNotifier


class Store:
    """A change token that rises, and hints on demand."""

    def __init__(self) -> None:
        self.commits = 0
        self.looked = 0
        self.hint: Callable[[], None] = lambda: None

    def token(self) -> int:
        self.looked += 1
        return self.commits

    def subscribe(self, hint: Callable[[], None]) -> None:
        self.hint = hint


def run(story: Callable[[Store, ChangeNotifier], Coroutine[Any, Any, None]]) -> None:
    """Run a story on a loop of its own, with a settled notifier."""

    async def begin() -> None:
        store = Store()
        notifier = ChangeNotifier(store.token, store.subscribe)
        await notifier.after(0, 10)  # the poll's own first tick
        await story(store, notifier)

    asyncio.run(begin())


def test_a_commit_of_this_process_is_felt_by_its_hint():
    """A hint wakes every waiter."""

    async def story(store: Store, notifier: ChangeNotifier) -> None:
        waiting = [asyncio.create_task(notifier.after(notifier.ticks, 10)) for _ in range(3)]
        await asyncio.sleep(0)
        store.hint()
        assert await asyncio.gather(*waiting) == [True] * 3

    run(story)


def test_a_commit_of_another_process_is_felt_by_the_poll():
    """A change of the token alone wakes a waiter."""

    async def story(store: Store, notifier: ChangeNotifier) -> None:
        waiting = asyncio.create_task(notifier.after(notifier.ticks, 10))
        await asyncio.sleep(0)
        store.commits += 1
        assert await waiting

    run(story)


def test_a_beat_between_look_and_wait_is_not_missed():
    """A waiter that saw an older count returns at once."""

    async def story(store: Store, notifier: ChangeNotifier) -> None:
        seen = notifier.ticks
        notifier._tick()
        assert await notifier.after(seen, 0)

    run(story)


def test_silence_ends_at_its_time():
    """Without a commit a wait ends after its seconds and says so."""

    async def story(store: Store, notifier: ChangeNotifier) -> None:
        assert not await notifier.after(notifier.ticks, 0.01)

    run(story)


def test_a_cancellation_that_meets_a_beat_is_obeyed():
    """A waiter that is canceled at the moment of a tick is canceled, not woken."""

    async def story(store: Store, notifier: ChangeNotifier) -> None:
        waiting = asyncio.create_task(notifier.after(notifier.ticks, 10))
        await asyncio.sleep(0)
        notifier._tick()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(story)


def test_one_poll_serves_all_and_stops_with_nobody_waiting():
    """However many wait, the token is asked for once a turn; with nobody waiting, not at all."""

    async def story(store: Store, notifier: ChangeNotifier) -> None:
        poller = notifier._poller
        assert poller is not None
        waiting = [asyncio.create_task(notifier.after(notifier.ticks, 0.2)) for _ in range(50)]
        before = store.looked
        await asyncio.gather(*waiting)
        assert store.looked - before <= 6
        await poller
        idle = store.looked
        assert not [task for task in asyncio.all_tasks() if "_poll" in str(task.get_coro())]
        assert store.looked == idle

    run(story)
